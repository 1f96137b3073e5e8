#include "server/ingest/journal_keeper.h"

namespace guidon {

JournalKeeper::JournalKeeper(Journal& journal, JournalKeeperOptions options)
    : keeper_({options.first_look, options.interval, options.clock},
              [&journal, keep = options.keep, keep_ids = options.keep_ids, report = options.report](
                  Timestamp now, const std::function<bool()>& stop) {
                const Result<JournalTrim> trim = journal.Trim(now, keep, keep_ids, stop);
                if (report) report(trim);
              }) {}

}  // namespace guidon
