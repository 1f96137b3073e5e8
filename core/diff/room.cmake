guidon_library(core_diff
  SOURCES diff/audience.cc diff/count.cc diff/diff.cc diff/merge.cc diff/reach.cc diff/targeting_merge.cc
  PUBLIC_DEPS guidon::core_base guidon::core_model guidon::core_ruleset
  DEPS guidon::core_eval)
