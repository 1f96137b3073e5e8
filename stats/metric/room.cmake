guidon_library(stats_metric
  SOURCES metric/contribution.cc metric/lateness.cc metric/unit_record.cc metric/unit_record_codec.cc
  PUBLIC_DEPS guidon::core_base)
