guidon_library(core_eval
  SOURCES eval/context.cc eval/evaluator.cc eval/words.cc
  PUBLIC_DEPS guidon::core_base guidon::core_ruleset
  DEPS guidon::core_model PkgConfig::re2)
