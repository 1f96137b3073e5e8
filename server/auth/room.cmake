guidon_library(server_auth
  SOURCES auth/attempt_limiter.cc auth/authenticator.cc auth/authorize.cc auth/key.cc auth/key_records.cc auth/members.cc auth/roles.cc
          auth/session_keeper.cc auth/sessions.cc
  PUBLIC_DEPS guidon::core_base guidon::server_catalog guidon::server_store
  DEPS guidon::core_model OpenSSL::Crypto ZLIB::ZLIB)
