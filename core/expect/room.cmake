guidon_library(core_expect
  SOURCES expect/expect.cc
  PUBLIC_DEPS guidon::core_base guidon::core_model guidon::core_ruleset
  DEPS guidon::core_allocate guidon::core_eval)
