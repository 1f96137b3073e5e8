guidon_library(server_feed
  SOURCES feed/feed.cc
  PUBLIC_DEPS guidon::core_base guidon::core_codec guidon::core_model
  DEPS guidon::net)
