// Events from files (docs/imported-experiments.md): an import is announced once, by whom and for which experiment, and
// then its batches come.
#include <algorithm>
#include <charconv>
#include <utility>

#include "core/base/json.h"
#include "core/base/json_record.h"
#include "core/model/units.h"
#include "server/analysis/plan_of.h"
#include "server/api/api.h"
#include "server/api/problem.h"
#include "server/api/requests.h"
#include "server/catalog/records.h"

namespace guidon {
namespace {

constexpr std::size_t kIdBytes = 32;
constexpr std::size_t kMostText = 1'024;      // of a file's name
constexpr std::size_t kMostColumns = 16'384;  // of the text that says how columns became events
constexpr std::int64_t kMostRows = 1'000'000'000;

struct Announced {
  std::string experiment, file, columns;
  std::int64_t iteration = 0, rows = 0, events = 0;
  std::int64_t started_ms = 0;  // of the iteration, as it was found
  // The same events: a file may have been renamed.
  bool IsAlike(const Announced& other) const {
    return experiment == other.experiment && iteration == other.iteration && columns == other.columns &&
           rows == other.rows && events == other.events;
  }
};

bool IsImportId(std::string_view id) {
  return id.size() == kIdBytes && id.find_first_not_of("0123456789abcdef") == id.npos;
}

std::string ItemIdOf(const Call& call) {
  return std::string(call.request.Param("project")) + "/" + std::string(call.request.Param("environment")) + "/" +
         std::string(call.request.Param("id"));
}

// Remembers every fault.
class AnnouncedReader {
 public:
  explicit AnnouncedReader(const Value& body) : body_(body) {}

  Result<Announced> Read() {
    if (!body_.is_object()) return Fail(ErrorCode::kInvalid, "expected an object that says what is imported");
    Announced announced;
    Text("experiment", announced.experiment);
    Text("file", announced.file);
    Text("columns", announced.columns, kMostColumns);
    Number("iteration", announced.iteration, 1);
    Number("rows", announced.rows, 0);
    Number("events", announced.events, 1);
    for (const Member& member : body_.AsObject()) {
      if (std::find(taken_.begin(), taken_.end(), member.name) == taken_.end()) {
        Fault(member.name, "unknown key '" + member.name + "'");
      }
    }
    if (issues_.empty()) return announced;
    return Fail(InvalidError("the import cannot be read", std::move(issues_)));
  }

 private:
  void Text(std::string_view name, std::string& out, std::size_t most = kMostText) {
    const Value* value = Take(name);
    out = value == nullptr ? "" : value->AsString();
    if (out.empty() || out.size() > most) {
      Fault(name, "expected text of 1 to " + std::to_string(most) + " bytes");
    }
  }
  void Number(std::string_view name, std::int64_t& out, std::int64_t least) {
    const Value* value = Take(name);
    if (value == nullptr || !value->is_int() || value->AsInt() < least || value->AsInt() > kMostRows) {
      return Fault(name, "expected a whole number from " + std::to_string(least));
    }
    out = value->AsInt();
  }
  const Value* Take(std::string_view name) {
    taken_.emplace_back(name);
    return body_.Find(name);
  }
  void Fault(std::string_view name, std::string message) {
    issues_.push_back({Severity::kError, "wrong_value", Path().Key(name), std::move(message), "", ""});
  }

  const Value& body_;
  std::vector<std::string> taken_;
  std::vector<Issue> issues_;
};

Value EncodeAnnounced(const Announced& import) {
  return Object{{"experiment", Value(import.experiment)},
                {"iteration", Value(import.iteration)},
                {"file", Value(import.file)},
                {"columns", Value(import.columns)},
                {"rows", Value(import.rows)},
                {"events", Value(import.events)},
                {"started", Value(import.started_ms)}};
}

// Of what was stored, which was one when it was.
Announced DecodeAnnounced(const Value& value) {
  return {TextOf(value, "experiment"),  TextOf(value, "file"),   TextOf(value, "columns"),
          NumberOf(value, "iteration"), NumberOf(value, "rows"), NumberOf(value, "events"),
          NumberOf(value, "started")};
}

// When the iteration started, if analysis would take an exposure to it.
Result<std::int64_t> CheckTarget(const ProjectView& project, const std::string& environment, const Announced& import,
                                 std::int64_t now_ms) {
  const ExperimentRecord* record = project.definitions.entities.FindExperiment(import.experiment);
  if (record == nullptr || record->definition.environment != environment) {
    return Fail(ErrorCode::kNotFound,
                "there is no experiment '" + import.experiment + "' in environment '" + environment + "'");
  }
  const std::string name =
      "iteration " + std::to_string(import.iteration) + " of experiment '" + import.experiment + "'";
  const stats::Time now{stats::Milliseconds(now_ms)};
  for (const FoldPlan& plan : PlansOf(project.definitions, *record, now)) {
    if (std::int64_t{plan.plan.iteration} == import.iteration) {
      return stats::Milliseconds(plan.plan.started.time_since_epoch()).count();
    }
  }
  if (import.iteration > std::int64_t{record->state.iteration}) {
    return Fail(ErrorCode::kConflict, name + " has not begun: start it first");
  }
  return Fail(ErrorCode::kConflict, name + " is closed: it ended too long ago for anything to count in it");
}

// Its batches are numbered, and of no more than there are events: so many ids are kept at most.
bool IsNumberOfBatch(std::string_view text, std::int64_t events) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() && text.front() != '0' && number >= 1 &&
         number <= events;
}

// Whole or not at all: what was looked at before it was sent has no event that breaks a rule.
Status CheckBatch(const EventBatch& batch, std::string_view import, const Announced& announced) {
  const std::string prefix = std::string(import) + "-";
  if (!batch.id.starts_with(prefix) || batch.id.size() == prefix.size() ||
      !IsNumberOfBatch(std::string_view(batch.id).substr(prefix.size()), announced.events)) {
    return Fail(ErrorCode::kInvalid, "'batch' of an import is its id, '-', and a number from 1 to its events");
  }
  if (!batch.first_rejected.empty()) {
    const RejectedEvent& first = batch.first_rejected.front();
    return Fail(ErrorCode::kInvalid, "events[" + std::to_string(first.event) + "]." + first.message);
  }
  const EventCounts& counts = batch.counts;
  const std::size_t facts = counts.accepted[static_cast<std::size_t>(EventType::kExposure)] +
                            counts.accepted[static_cast<std::size_t>(EventType::kTrack)];
  if (facts == 0 || facts != counts.Accepted() || counts.unknown > 0) {
    return Fail(ErrorCode::kInvalid,
                "a batch of an import has exposures and tracked events, at least one, and no other");
  }
  const Result<Value> events = ParseJson(batch.events);
  if (!events) return Fail(events.error());
  for (const Value& event : events->AsArray()) {
    if (TextOf(event, "type") != "exposure") continue;
    if (TextOf(event, "role") == "assigned" && TextOf(event, "experiment") == announced.experiment &&
        NumberOf(event, "iteration") == announced.iteration) {
      continue;
    }
    return Fail(ErrorCode::kInvalid, "an exposure of the import is not of experiment '" + announced.experiment +
                                         "', iteration " + std::to_string(announced.iteration));
  }
  return {};
}

}  // namespace

http::Response Api::BeginImport(const Call& call) {
  const std::string project(call.request.Param("project")), environment(call.request.Param("environment"));
  const std::string id(call.request.Param("id"));
  if (!parts_.feed.Find({project, environment})) return GetEnvironment(call);  // which says what is missing
  const Result<Value> body = ReadJson(call.request);
  if (!body) return BadRequest(call.request, body.error());
  Result<Announced> import = AnnouncedReader(*body).Read();
  if (!import) return ProblemResponse(import.error(), call.request.id);
  if (!IsImportId(id)) {
    return BadRequest(call.request, {ErrorCode::kInvalid, "the id of an import is 32 digits of 0-9 and a-f", {}});
  }
  const auto view = parts_.catalog.View();
  const ProjectView* held = view->FindProject(project);
  if (held == nullptr) return GetEnvironment(call);
  const Result<std::int64_t> started = CheckTarget(*held, environment, *import, parts_.now_ms());
  if (!started) return ProblemResponse(started.error(), call.request.id);
  import->started_ms = *started;
  const Value announced = EncodeAnnounced(*import);
  Object answer{{"import", Value(id)}};
  for (const Member& member : announced.AsObject()) answer.Append(member.name, member.value);
  Author author = AuthorOf(call);
  author.comment = "experiment " + import->experiment + ", iteration " + std::to_string(import->iteration) + ": " +
                   std::to_string(import->rows) + " rows, " + std::to_string(import->events) + " events";
  // At most one other of the same id can have been before.
  for (int attempt = 0; attempt < 2; ++attempt) {
    const Result<std::optional<Item>> known = parts_.catalog.FindItem(kImportSpace, ItemIdOf(call));
    if (!known) return ProblemResponse(known.error(), call.request.id);
    if (*known) {
      const Result<Value> stored = ParseJson((*known)->value);
      if (stored && DecodeAnnounced(*stored).IsAlike(*import)) return JsonResponse(200, Value(std::move(answer)));
      return ProblemResponse(
          {ErrorCode::kConflict,
           "this file was imported before, with other columns or numbers of events" +
               (stored ? " (" + TextOf(*stored, "columns") + ")" : std::string()) + ": its events would count twice",
           {}},
          call.request.id);
    }
    const Result<Committed> committed =
        parts_.catalog.PutItem({std::string(kImportSpace), ItemIdOf(call), ToJson(announced), project, environment},
                               "events.import", author, Precondition{{}, false, true});
    if (committed) return JsonResponse(201, Value(std::move(answer)));
    if (committed.error().code != ErrorCode::kAlreadyExists) {
      return ProblemResponse(committed.error(), call.request.id);
    }
  }
  return ProblemResponse({ErrorCode::kConflict, "the import is being begun by another request", {}}, call.request.id);
}

void Api::ImportEvents(const Call& call, const Answered& answered) {
  const auto refuse = [&](http::Response response) {
    parts_.counters.CountRefused(response.status);
    answered(std::move(response));
  };
  const std::string project(call.request.Param("project")), environment(call.request.Param("environment"));
  const std::string id(call.request.Param("id"));
  if (!parts_.feed.Find({project, environment})) return refuse(GetEnvironment(call));
  const Result<std::optional<Item>> known = parts_.catalog.FindItem(kImportSpace, ItemIdOf(call));
  if (!known) return refuse(ProblemResponse(known.error(), call.request.id));
  const Result<Value> stored =
      *known ? ParseJson((*known)->value)
             : Result<Value>(Fail(ErrorCode::kNotFound, "there is no import '" + id + "' in environment '" +
                                                            environment + "': announce it first"));
  if (!stored) return refuse(ProblemResponse(stored.error(), call.request.id));
  const Announced announced = DecodeAnnounced(*stored);
  const auto view = parts_.catalog.View();
  const ProjectView* held = view->FindProject(project);
  if (held == nullptr) return refuse(GetEnvironment(call));
  const Result<std::int64_t> started = CheckTarget(*held, environment, announced, parts_.now_ms());
  if (!started) return refuse(ProblemResponse(started.error(), call.request.id));
  if (*started != announced.started_ms) {
    return refuse(ProblemResponse({ErrorCode::kConflict,
                                   "experiment '" + announced.experiment +
                                       "' was made anew since the import was announced: announce it for this one",
                                   {}},
                                  call.request.id));
  }
  const BatchLimits limits{.imported = true};
  const Timestamp now{std::chrono::milliseconds(parts_.now_ms())};
  const Result<std::string> json = ReadPacked(call.request, limits.bytes);
  if (!json) return refuse(PackedProblem(call.request, json.error()));
  Result<EventBatch> batch = ReadBatch(*json, now, limits);
  if (!batch) return refuse(BadRequest(call.request, batch.error()));
  if (Status whole = CheckBatch(*batch, id, announced); !whole) {
    return refuse(BadRequest(call.request, whole.error()));
  }
  batch->sender += "\"import\":\"" + id + "\",";
  std::string answer = "{\"accepted\":" + std::to_string(batch->counts.Accepted()) + ",\"rejected\":[]";
  // Who sends it is in the audit log: what is told of a person there can be erased.
  AppendBatch(call.request, json->size(), answered,
              {project, environment, "", *std::move(batch), std::move(answer), true});
}

}  // namespace guidon
