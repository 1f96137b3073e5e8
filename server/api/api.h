// What the server answers: the admin API, the SDK wire protocol, and what operators need.
//
// The route table (routes.cc) is the one list of what there is: method, path, what it takes to be allowed, and who
// handles it; tests hold it against docs/api/openapi.yaml. A handler is a method that turns a Call into a Response;
// those that write or read the disk run on the worker pool, never on an I/O thread.
//
// Thread safety: handlers run on many threads at once; an Api has no state of its own but what it is given, the page
// that was rendered last, and the mutex that keeps a key from being made for an environment that is being deleted.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/mutex.h"
#include "server/api/counters.h"
#include "server/api/sdk_stream.h"
#include "server/api/stream_tickets.h"
#include "server/auth/authenticator.h"
#include "server/auth/authorize.h"
#include "server/backup/backups.h"
#include "server/catalog/catalog.h"
#include "server/catalog/change_requests.h"
#include "server/catalog/comments.h"
#include "server/catalog/experiment_keeper.h"
#include "server/catalog/held_ramps.h"
#include "server/feed/feed.h"
#include "server/http/budgets.h"
#include "server/http/message.h"
#include "server/ingest/counters.h"
#include "server/ingest/exposures.h"
#include "server/ingest/journal.h"
#include "server/ingest/processes.h"
#include "server/privacy/privacy.h"
#include "server/signin/sign_in.h"
#include "server/webhooks/deliverer.h"

namespace guidon {

class Analysis;
class Reports;
class Api;

// A request that has passed authentication and authorisation.
struct Call {
  const http::Request& request;
  Principal who;  // empty id on public routes
};

enum class Where : std::uint8_t {
  kInline,  // on the I/O thread: memory only
  kPool,    // on the worker pool: may wait for the disk
  kIngest,  // on a pool of its own, for what SDKs send: work, but no waiting
  kSignIn,  // on a small pool of its own: waits for the OpenID provider, which may take its time
};

enum class Audience : std::uint8_t {
  kAll,           // whether it lives
  kApplications,  // SDKs
  kPeople,        // people and monitoring
};

// Gives the answer to one request, once, from any thread.
using Answered = std::function<void(http::Response)>;

// What it takes to be let in. It has to be said: a route that leaves it out does not compile.
class Permission {
 public:
  constexpr Permission(Verb verb) : verb_(verb) {}  // a verb is all there is to it
  constexpr operator Verb() const { return verb_; }

 private:
  Verb verb_;
};

struct Route {
  std::string_view method;
  std::string_view path;  // "/api/v1/projects/{project}"
  std::string_view name;  // operationId in the OpenAPI document, label in metrics
  Permission verb;
  Where where;
  http::Response (Api::*handle)(const Call&);
  // Instead of `handle`: answers later. The request lives until then; the Call does not.
  void (Api::*handle_later)(const Call&, const Answered&) = nullptr;
  bool takes_rest = false;  // the last parameter of the path may have slashes
  // By the address (routes.cc): what it is counted as, and whether it is for people and monitoring, who may have a
  // listener of their own.
  http::Budget budget = http::Budget::kNone;
  Audience audience = Audience::kAll;
};

// What the OpenFeature Remote Evaluation Protocol says of errors holds there, instead of RFC 9457.
inline bool IsOfrep(const Route& route) {
  return route.path.starts_with("/ofrep/");
}

struct ApiOptions {
  std::string version;
  bool open_page = false;         // the page at `/` is served to everybody, from wherever they ask
  std::size_t init_slots = 64;    // streams that may be sending their first snapshot; others wait …
  std::size_t init_queue = 1024;  // … here; beyond it 503 with Retry-After
  int ticks_per_heartbeat = 15;
  int ticks_per_slot = 10;  // server/api/sdk_stream.h
  http::BudgetRates address_budgets, key_budgets;
  http::Budgets::Clock budget_clock = std::chrono::steady_clock::now;
  // Of pages whose browsers may call OFREP and send events; "*" alone: of all.
  std::vector<std::string> cors_origins = {};
  std::string public_url = {};  // where people find this server: https://guidon.example.com
};

class Api {
 public:
  // Everything given outlives the Api.
  struct Parts {
    Catalog& catalog;
    Feed& feed;
    Authenticator& authenticator;
    Journal& journal;
    Processes& processes;
    IngestCounters& counters;
    Deliverer& deliverer;
    Exposures& exposures;
    Backups& backups;
    ChangeRequests& change_requests;
    Comments& comments;
    Privacy& privacy;
    std::function<Status()> store_health;
    std::function<void()> wake_streams;
    std::function<std::string()> render_metrics;
    std::function<bool()> is_stopping;
    std::function<std::int64_t()> now_ms;
    ApiCounters& api_counters;
    SignIn& sign_in;
    // Runs it on a thread that may take its time, soon; false when too many wait. Empty: all is done where it is asked.
    std::function<bool(std::function<void()>)> run_later = {};
    Analysis* analysis = nullptr;           // null: nothing is analysed, and its routes answer 404
    Reports* reports = nullptr;             // likewise
    UnitCounter count_units = {};           // of running experiments; on the worker pool. Empty: no number is known
    const HeldRamps* held_ramps = nullptr;  // null: none is known to be held back
  };
  Api(Parts parts, ApiOptions options);

  static const std::vector<Route>& Routes();

  // Counts a request before anything is done for it, and answers when too many came from its address.
  std::optional<http::Response> RefuseByAddress(const Route& route, const http::Request& request);

  // Authenticates, authorises, handles; always answers. `route` is one of Routes(); the request lives until it is
  // answered.
  void Serve(const Route& route, const http::Request& request, const Answered& answered);

  // The answer to a request that comes to no handler (too many wait, a fault of ours), in the form of its route.
  http::Response Refuse(const Route& route, const http::Request& request, const Error& error);

  // 503, or 507 for a full disk, with a jittered Retry-After: a fleet that is sent away must not come back at once.
  static http::Response Busy(const Error& error, std::string_view request_id);

  // 401, or 429 with a jittered Retry-After for an address that has tried too many wrong keys.
  static http::Response Unauthenticated(const Error& error, std::string_view request_id);

  const InitGate& gate() const { return gate_; }

  // ---- Handlers, in the order of the table ----
  http::Response ListProjects(const Call& call);
  http::Response CreateProject(const Call& call);
  http::Response GetProject(const Call& call);
  http::Response ReplaceProject(const Call& call);
  http::Response DeleteProject(const Call& call);
  http::Response ListEnvironments(const Call& call);
  http::Response GetEnvironment(const Call& call);
  http::Response PutEnvironment(const Call& call);
  http::Response DeleteEnvironment(const Call& call);
  template <EntityKind kind>
  http::Response ListEntities(const Call& call) {
    return ListOf(kind, call);
  }
  template <EntityKind kind>
  http::Response GetEntity(const Call& call) {
    return GetOne(kind, call);
  }
  template <EntityKind kind>
  http::Response PutEntity(const Call& call) {
    return Change(kind, Edit::Action::kPut, call);
  }
  template <EntityKind kind>
  http::Response PatchEntity(const Call& call) {
    return Change(kind, Edit::Action::kPatch, call);
  }
  template <EntityKind kind>
  http::Response DeleteEntity(const Call& call) {
    return Change(kind, Edit::Action::kDelete, call);
  }
  template <EntityKind kind>
  http::Response GetHistory(const Call& call) {
    return HistoryOf(kind, call);
  }
  http::Response CommitChanges(const Call& call);
  http::Response ApplyWorkspace(const Call& call);
  http::Response ListChangeRequests(const Call& call);
  http::Response OpenChangeRequest(const Call& call);
  http::Response GetChangeRequest(const Call& call);
  http::Response ChangeChangeRequest(const Call& call);
  http::Response ApproveChangeRequest(const Call& call);
  http::Response RejectChangeRequest(const Call& call);
  http::Response WithdrawChangeRequest(const Call& call);
  http::Response RebaseChangeRequest(const Call& call);
  http::Response ScheduleChangeRequest(const Call& call);
  http::Response ApplyChangeRequest(const Call& call);
  http::Response ListComments(const Call& call);  // of a flag, or of a change request; likewise below
  http::Response AddComment(const Call& call);
  http::Response RemoveComment(const Call& call);
  http::Response GetSnapshot(const Call& call);
  http::Response Evaluate(const Call& call);
  http::Response ReadEvents(const Call& call);
  http::Response BeginImport(const Call& call);
  http::Response ListProcesses(const Call& call);
  http::Response GetPropagation(const Call& call);
  http::Response RecordGateRun(const Call& call);
  http::Response GetUsage(const Call& call);
  http::Response GetTotals(const Call& call);
  http::Response ListExposures(const Call& call);
  http::Response ListRamps(const Call& call);
  http::Response MoveRamp(const Call& call);
  http::Response GetExperimentStatus(const Call& call);
  http::Response CheckExperiment(const Call& call);
  template <ExperimentMove move>
  http::Response MoveExperiment(const Call& call) {
    return MoveExperimentBy(move, call);
  }
  http::Response MoveExperimentRamp(const Call& call);
  http::Response GetReport(const Call& call);
  http::Response ListAudit(const Call& call);
  http::Response ListAuditLinks(const Call& call);
  http::Response ListCheckpoints(const Call& call);
  http::Response ListKeys(const Call& call);
  http::Response CreateKey(const Call& call);
  http::Response RevokeKey(const Call& call);
  http::Response RotateKey(const Call& call);
  http::Response ListMembers(const Call& call);
  http::Response GetMember(const Call& call);
  http::Response PutMember(const Call& call);
  http::Response DeleteMember(const Call& call);
  http::Response BeginSignIn(const Call& call);
  http::Response FinishSignIn(const Call& call);
  http::Response ExchangeCode(const Call& call);
  http::Response BreakGlass(const Call& call);
  http::Response SignOut(const Call& call);
  http::Response WhoAmI(const Call& call);
  http::Response ListRoles(const Call& call);
  http::Response PutRole(const Call& call);
  http::Response DeleteRole(const Call& call);
  http::Response ListWebhooks(const Call& call);
  http::Response CreateWebhook(const Call& call);
  http::Response GetWebhook(const Call& call);
  http::Response ReplaceWebhook(const Call& call);
  http::Response DeleteWebhook(const Call& call);
  http::Response PingWebhook(const Call& call);
  http::Response ListBackups(const Call& call);
  http::Response CreateBackup(const Call& call);
  http::Response GetBackup(const Call& call);
  http::Response ExportUnit(const Call& call);
  http::Response EraseUnit(const Call& call);
  http::Response GetErasure(const Call& call);
  http::Response Stream(const Call& call);
  void GetRuleset(const Call& call, const Answered& answered);
  void SendEvents(const Call& call, const Answered& answered);
  void ImportEvents(const Call& call, const Answered& answered);
  // Into the journal; 202 once it is there, whose answer says whether it was before. `bytes`: of the body. The request
  // outlives the answer.
  void AppendBatch(const http::Request& request, std::size_t bytes, const Answered& answered, NewEntry entry);
  http::Response SendStatus(const Call& call);
  http::Response EvaluateFlag(const Call& call);
  http::Response EvaluateFlags(const Call& call);
  http::Response OfrepEvents(const Call& call);
  http::Response Preflight(const Call& call);
  http::Response Livez(const Call& call);
  http::Response Readyz(const Call& call);
  http::Response Metrics(const Call& call);
  http::Response Home(const Call& call);

 private:
  void Handle(const Route& route, const Call& call, const Answered& answered);
  http::Response ListOf(EntityKind kind, const Call& call);
  http::Response GetOne(EntityKind kind, const Call& call);
  http::Response Change(EntityKind kind, Edit::Action action, const Call& call);
  http::Response HistoryOf(EntityKind kind, const Call& call);
  http::Response MoveExperimentBy(ExperimentMove move, const Call& call);
  http::Response Move(const Call& call, ExperimentRequest request);
  std::shared_ptr<const std::string> HomePageOf(std::shared_ptr<const CatalogView> view, std::chrono::sys_days today);
  // Of what they may read.
  std::string HomePageFor(const Principal& who, const CatalogView& view, std::chrono::sys_days today) const;

  Value DescribeWebhookNow(const Webhook& webhook) const;
  std::optional<Webhook> WebhookOf(const Call& call) const;
  Result<Committed> PutWebhook(const Webhook& webhook, std::string_view action, const Call& call,
                               const Precondition& condition);

  http::Response RequestResponse(const Call& call, int status, const Result<ChangeRequest>& request) const;
  Result<std::vector<Edit>> EditsOfWorkspace(const Value& body, const std::string& project);
  Result<CommentSubject> SubjectOf(const Call& call) const;
  Result<KeyRecord> FindKey(const Call& call) const;
  Status AuthorizeKey(const Principal& who, KeyRecord record) const;
  Status IsThere(const std::string& project, const std::string& environment) const;
  Status IsRole(const std::string& name) const;
  bool IsLastOwnerKey(const std::string& id) const;
  bool HasOwnerKeyBut(const std::string& member) const;
  Status LeavesAnOwner(const TeamMember& present, const TeamMember* next) const;
  std::optional<Error> BindingOf(const std::string& project, const std::string& environment) const;
  Result<Principal> WhoAsks(const Route& route, const http::Request& request);
  // By a key, by a program's session, or, where there is neither, by the cookie of a browser's.
  Result<Principal> WhoIs(const http::Request& request) const;
  Status IsOwnPage(const http::Request& request) const;
  Result<NewSession> Enter(const Identity& who, SessionDoor door, const Call& call);
  Result<NewSession> EnterBreakGlass(SessionDoor door, const Call& call);
  void AppendEndings(std::string_view member, std::vector<Item>& items) const;
  http::Response SignInProblem(const Error& error, const Call& call, std::string_view principal = {});
  // Of a browser that is back from the provider, with the cookie that it began with.
  http::Response LetIn(const Call& call, const std::string& state, std::string_view cookie);
  Value DescribeSession(const NewSession& session) const;
  // Whether pages of this origin may call.
  bool MayCall(std::string_view origin) const;
  // What browsers ask of answers to pages of other origins.
  void AddCors(const http::Request& request, http::Response& response) const;

  std::optional<Error> KeyOfRemoved(const Project& next) const;
  std::uint64_t JitteredRetryMs();
  static std::uint64_t RetrySeconds();  // 1 … 10, at random

  Parts parts_;
  const ApiOptions options_;
  InitGate gate_;
  http::Budgets by_address_;
  http::Budgets by_key_;
  StreamTickets tickets_;
  // The page of one state and day, which all who look at it share.
  struct HomePage {
    std::shared_ptr<const CatalogView> of;
    std::chrono::sys_days today{};
    std::shared_ptr<const std::string> html;
  };
  Mutex home_mutex_;
  HomePage home_ GUIDON_GUARDED_BY(home_mutex_);
  std::atomic<bool> pinging_{false};  // one webhook is tried at a time: it may keep a worker for seconds
  // Held while keys, people and roles change and while environments are removed; on the worker pool only.
  Mutex keys_;
};

}  // namespace guidon
