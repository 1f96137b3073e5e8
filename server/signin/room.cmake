guidon_library(server_signin
  SOURCES signin/id_token.cc signin/key_set.cc signin/password.cc signin/provider.cc signin/sealer.cc
    signin/sign_in.cc
  PUBLIC_DEPS guidon::core_base guidon::net guidon::server_auth
  DEPS OpenSSL::Crypto PkgConfig::argon2)
