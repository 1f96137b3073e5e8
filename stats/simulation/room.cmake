guidon_library(stats_simulation
  SOURCES simulation/simulation.cc simulation/fixed_rows.cc simulation/sequential_rows.cc simulation/decision_rows.cc
    simulation/facts_rows.cc simulation/verdict_rows.cc
  PUBLIC_DEPS guidon::core_base guidon::stats_inference guidon::stats_statistic guidon::stats_metric
    guidon::stats_report)
# Millions of draws: without it the rows take minutes in a debug build.
guidon_optimized(guidon_stats_simulation -O2)
