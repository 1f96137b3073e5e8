guidon_library(server_webhooks
  SOURCES webhooks/address_guard.cc webhooks/deliverer.cc webhooks/webhook.cc
  PUBLIC_DEPS guidon::core_base guidon::net guidon::server_store
  DEPS guidon::core_model OpenSSL::Crypto)
