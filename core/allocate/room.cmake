guidon_library(core_allocate
  SOURCES allocate/allocate.cc allocate/experiment_life.cc allocate/ramp.cc allocate/ranges.cc
  PUBLIC_DEPS guidon::core_base guidon::core_model)
