guidon_library(server_analysis
  SOURCES analysis/analysis.cc analysis/plan_of.cc
  PUBLIC_DEPS guidon::core_base guidon::core_model guidon::server_catalog guidon::server_ingest guidon::stats_statistic)
