guidon_library(server_config
  SOURCES config/config.cc config/config_file.cc
  PUBLIC_DEPS guidon::core_base
  DEPS guidon::server_telemetry guidon::yaml)
