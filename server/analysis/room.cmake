guidon_library(server_analysis
  SOURCES analysis/analysis.cc analysis/design_of.cc analysis/evidence.cc analysis/looks.cc analysis/plan_of.cc
          analysis/reports.cc analysis/silence.cc analysis/start_check.cc analysis/traffic.cc
  PUBLIC_DEPS guidon::core_base guidon::core_model guidon::server_catalog guidon::server_ingest guidon::server_store
              guidon::stats_report guidon::stats_statistic
  DEPS guidon::core_allocate guidon::core_codec)
