guidon_library(server_ingest
  SOURCES ingest/batch.cc ingest/counters.cc ingest/exposures.cc ingest/fact_events.cc ingest/fact_space.cc
    ingest/fold.cc ingest/fold_counters.cc ingest/fold_records.cc ingest/fold_sweep.cc ingest/journal.cc ingest/journal_keeper.cc
    ingest/processes.cc ingest/usage.cc
  PUBLIC_DEPS guidon::core_base guidon::core_model guidon::server_store guidon::server_telemetry guidon::stats_statistic
  DEPS guidon::core_codec guidon::core_eval guidon::core_ruleset ZLIB::ZLIB)
