guidon_library(stats_inference
  SOURCES
    inference/bandit.cc
    inference/bayesian.cc
    inference/confidence_sequence.cc
    inference/distributions.cc
    inference/effects.cc
    inference/fixed.cc
    inference/group_sequential.cc
    inference/heterogeneity.cc
    inference/interaction.cc
    inference/msprt.cc
    inference/multiplicity.cc
    inference/power.cc
    inference/proportion.cc
    inference/quadrature.cc
    inference/ranks.cc
    inference/raw_values.cc
    inference/readout.cc
    inference/regression.cc
    inference/score_walk.cc
    inference/srm.cc
    inference/stratify.cc
  PUBLIC_DEPS guidon::stats_statistic
  DEPS Boost::headers)
