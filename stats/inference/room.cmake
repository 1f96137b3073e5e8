guidon_library(stats_inference
  SOURCES
    inference/distributions.cc
    inference/effects.cc
    inference/fixed.cc
    inference/proportion.cc
    inference/ranks.cc
    inference/raw_values.cc
    inference/readout.cc
    inference/regression.cc
    inference/stratify.cc
  PUBLIC_DEPS guidon::stats_statistic
  DEPS Boost::headers)
