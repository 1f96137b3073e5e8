guidon_library(server_privacy
  SOURCES privacy/export.cc privacy/findings.cc privacy/places.cc privacy/privacy.cc privacy/unit_traces.cc
  PUBLIC_DEPS guidon::core_base guidon::server_backup guidon::server_catalog guidon::server_feed guidon::server_ingest
              guidon::server_store
  DEPS guidon::core_codec guidon::core_model)
