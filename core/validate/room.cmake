guidon_library(core_validate
  SOURCES validate/implies.cc validate/needs.cc validate/operands.cc validate/validate.cc
  PUBLIC_DEPS guidon::core_base guidon::core_model
  DEPS PkgConfig::re2)
