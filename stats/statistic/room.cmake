guidon_library(stats_statistic
  SOURCES statistic/power_sums.cc
  PUBLIC_DEPS guidon::core_base)
