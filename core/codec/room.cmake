guidon_library(core_codec
  SOURCES
    codec/condition_codec.cc codec/definition_codec.cc codec/experiment_codec.cc codec/flag_codec.cc
    codec/metric_codec.cc codec/reader.cc codec/state_codec.cc codec/wire.cc codec/writer.cc
  PUBLIC_DEPS guidon::core_model guidon::core_base)
