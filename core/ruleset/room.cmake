guidon_library(core_ruleset
  SOURCES ruleset/code_builder.cc ruleset/compiled.cc ruleset/compiler.cc ruleset/pattern.cc
    ruleset/ruleset.cc ruleset/text_set.cc
  PUBLIC_DEPS guidon::core_base guidon::core_model
  DEPS PkgConfig::re2)
target_include_directories(guidon_core_ruleset PUBLIC $<BUILD_INTERFACE:${re2_INCLUDE_DIRS}>)
