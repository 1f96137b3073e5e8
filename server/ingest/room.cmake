guidon_library(server_ingest
  SOURCES ingest/batch.cc ingest/counters.cc ingest/exposures.cc ingest/journal.cc ingest/journal_keeper.cc ingest/processes.cc
  PUBLIC_DEPS guidon::core_base guidon::server_store guidon::server_telemetry
  DEPS guidon::core_eval guidon::core_model guidon::core_ruleset ZLIB::ZLIB)
