guidon_library(core_diff
  SOURCES diff/diff.cc diff/merge.cc
  PUBLIC_DEPS guidon::core_base guidon::core_model)
