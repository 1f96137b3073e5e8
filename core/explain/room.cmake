guidon_library(core_explain
  SOURCES explain/explain.cc explain/words.cc
  PUBLIC_DEPS guidon::core_base guidon::core_model guidon::core_eval
  DEPS guidon::core_ruleset)
