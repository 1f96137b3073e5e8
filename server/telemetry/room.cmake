guidon_library(server_telemetry
  SOURCES telemetry/log.cc telemetry/metrics.cc
  PUBLIC_DEPS guidon::core_base
  DEPS guidon::core_model)
