guidon_library(stats_statistic
  SOURCES statistic/exact_sum.cc statistic/facts_json.cc statistic/overlap.cc statistic/power_sums.cc statistic/quantile.cc statistic/sketch.cc statistic/totals.cc
          statistic/totals_parts.cc
  PUBLIC_DEPS guidon::core_base guidon::stats_metric)
