guidon_library(server_api
  SOURCES api/analysis_api.cc api/audit_api.cc api/backups_api.cc api/change_requests_api.cc api/counters.cc
          api/definitions_api.cc api/evaluate_api.cc api/events_api.cc api/experiments_api.cc api/gate_runs_api.cc api/home.cc api/imports_api.cc
          api/keys_api.cc api/members_api.cc api/ofrep.cc api/ofrep_api.cc
          api/ofrep_stream.cc api/permits.cc api/privacy_api.cc api/problem.cc api/propagation_api.cc api/ramps_api.cc
          api/rate_limits.cc api/reports_api.cc api/requests.cc api/routes.cc api/sdk_api.cc api/sdk_stream.cc api/signin_api.cc
          api/stream_tickets.cc api/usage_api.cc api/webhooks_api.cc
  PUBLIC_DEPS guidon::core_base guidon::core_model guidon::server_analysis guidon::server_auth guidon::server_backup guidon::server_catalog
              guidon::server_feed guidon::server_http guidon::server_ingest guidon::server_privacy guidon::server_signin
              guidon::server_webhooks
  DEPS guidon::audit guidon::core_allocate guidon::core_codec guidon::core_eval guidon::core_ruleset guidon::net guidon::stats_report OpenSSL::Crypto
       PkgConfig::re2)
