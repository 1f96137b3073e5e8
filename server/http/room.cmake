guidon_library(server_http
  SOURCES http/answer_head.cc http/asio.cc http/budgets.cc http/certificate_keeper.cc http/message.cc
          http/request_parser.cc http/router.cc http/server.cc http/session.cc http/socket.cc http/stream_session.cc http/tls.cc http/worker_pool.cc
  PUBLIC_DEPS guidon::core_base
  DEPS Boost::headers OpenSSL::SSL OpenSSL::Crypto Threads::Threads)
target_compile_definitions(guidon_server_http PRIVATE BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION
  BOOST_ASIO_NO_DEPRECATED)
