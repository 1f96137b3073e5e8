guidon_library(server_auth
  SOURCES auth/attempt_limiter.cc auth/authenticator.cc auth/authorize.cc auth/key.cc auth/key_records.cc auth/members.cc auth/roles.cc
          auth/sessions.cc
  PUBLIC_DEPS guidon::core_base
  DEPS guidon::core_model OpenSSL::Crypto ZLIB::ZLIB)
