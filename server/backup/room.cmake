guidon_library(server_backup
  SOURCES backup/backups.cc
  PUBLIC_DEPS guidon::core_base guidon::server_store
  DEPS guidon::core_model)
