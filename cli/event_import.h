// A table of units into the journal of a server, as events of one of its experiments.
//
//   return ImportIntoServer(options, columns);        // the exit code of the verb
//
// The whole file is looked at before the first byte is sent: columns, values, variants, times. Then its events go out
// in batches whose ids are made of the file and the experiment, so that the server takes each of them once: a run that
// broke off is gone on with by the same command, and a repetition counts nothing twice.
//
// Thread safety: one thread.
#pragma once

#include "cli/event_table.h"
#include "cli/verbs.h"

namespace guidon::cli {

// Says what became of it. Cost: reads the file three times, in constant memory, but for the units where a metric has a
// column from before the exposure.
int ImportIntoServer(const EventsOptions& options, const TableColumns& columns);

}  // namespace guidon::cli
