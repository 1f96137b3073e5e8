guidon_library(core_validate
  SOURCES validate/operands.cc validate/validate.cc
  PUBLIC_DEPS guidon::core_base guidon::core_model
  DEPS PkgConfig::re2)
