guidon_library(core_model
  SOURCES model/features.cc model/model.cc model/names.cc model/units.cc
  PUBLIC_DEPS guidon::core_base)
