guidon_library(server_privacy
  SOURCES privacy/erase_member.cc privacy/erasure.cc privacy/export.cc privacy/findings.cc privacy/member_names.cc
    privacy/places.cc privacy/privacy.cc privacy/unit_traces.cc
  PUBLIC_DEPS guidon::core_base guidon::server_backup guidon::server_catalog guidon::server_feed guidon::server_ingest
              guidon::server_store
  DEPS guidon::core_codec guidon::core_model guidon::server_auth)
