guidon_library(server_app
  SOURCES app.cc
  PUBLIC_DEPS guidon::core_base guidon::server_config guidon::server_telemetry
  DEPS guidon::server_analysis guidon::server_api guidon::server_auth guidon::server_backup guidon::server_catalog guidon::server_feed guidon::server_http
       guidon::server_ingest guidon::server_privacy guidon::server_signin guidon::server_store guidon::server_webhooks)
target_compile_definitions(guidon_server_app PRIVATE GUIDON_VERSION="${PROJECT_VERSION}")
guidon_library(server_arguments
  SOURCES arguments.cc
  DEPS guidon::core_base guidon::server_config guidon::server_telemetry CLI11::CLI11)
guidon_executable(guidond SOURCES backup_command.cc main.cc password_command.cc
  DEPS guidon::core_base guidon::core_model guidon::server_app guidon::server_arguments guidon::server_config
       guidon::server_signin guidon::server_store guidon::server_telemetry)
