guidon_library(core_simulate
  SOURCES simulate/population.cc simulate/simulate.cc
  PUBLIC_DEPS guidon::core_base guidon::core_ruleset
  DEPS guidon::core_codec guidon::core_eval guidon::core_model)
