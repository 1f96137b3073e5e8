guidon_library(server_catalog
  SOURCES catalog/audit_entry.cc catalog/audit_log.cc catalog/audit_retention.cc catalog/catalog.cc catalog/catalog_keeper.cc
    catalog/change_request.cc catalog/change_requests.cc catalog/comments.cc catalog/experiment_keeper.cc
    catalog/held_ramps.cc catalog/history.cc catalog/merge_patch.cc catalog/ramp_keeper.cc catalog/records.cc
    catalog/workspace_merge.cc
  PUBLIC_DEPS guidon::audit guidon::core_allocate guidon::core_base guidon::core_model guidon::server_feed
    guidon::server_store
  DEPS guidon::core_codec guidon::core_diff guidon::core_ruleset guidon::core_validate)
