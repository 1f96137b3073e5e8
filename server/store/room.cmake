guidon_library(server_store
  SOURCES store/backup.cc store/chain.cc store/committer.cc store/compaction.cc store/encoding.cc store/files.cc
    store/group.cc store/head_record.cc store/keeper.cc store/kill_points.cc store/memory_store.cc store/random.cc
    store/records.cc store/rocks_store.cc store/start_record.cc store/store.cc store/store_folder.cc store/txn.cc
    store/watched_file_system.cc
  PUBLIC_DEPS guidon::audit guidon::core_base
  DEPS guidon::core_model OpenSSL::Crypto RocksDB::rocksdb-shared Threads::Threads)
