guidon_library(server_auth
  SOURCES auth/authenticator.cc auth/authorize.cc auth/key.cc
  PUBLIC_DEPS guidon::core_base
  DEPS OpenSSL::Crypto ZLIB::ZLIB)
