#include "server/app.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <exception>
#include <fstream>
#include <functional>
#include <future>
#include <iterator>
#include <thread>
#include <utility>

#include "core/base/json.h"
#include "core/base/mutex.h"
#include "server/analysis/analysis.h"
#include "server/analysis/evidence.h"
#include "server/analysis/plan_of.h"
#include "server/analysis/reports.h"
#include "server/api/api.h"
#include "server/api/permits.h"
#include "server/api/problem.h"
#include "server/auth/key_records.h"
#include "server/auth/session_keeper.h"
#include "server/backup/backups.h"
#include "server/catalog/audit_log.h"
#include "server/catalog/audit_retention.h"
#include "server/catalog/catalog.h"
#include "server/catalog/change_requests.h"
#include "server/catalog/comments.h"
#include "server/catalog/experiment_keeper.h"
#include "server/catalog/held_ramps.h"
#include "server/catalog/history.h"
#include "server/catalog/ramp_keeper.h"
#include "server/feed/feed.h"
#include "server/http/certificate_keeper.h"
#include "server/http/router.h"
#include "server/http/server.h"
#include "server/http/worker_pool.h"
#include "server/ingest/counters.h"
#include "server/ingest/exposures.h"
#include "server/ingest/fold.h"
#include "server/ingest/journal.h"
#include "server/ingest/journal_keeper.h"
#include "server/ingest/processes.h"
#include "server/privacy/privacy.h"
#include "server/signin/password.h"
#include "server/signin/sign_in.h"
#include "server/store/rocks_store.h"
#include "server/telemetry/metrics.h"
#include "server/webhooks/deliverer.h"

namespace guidon {
namespace {

constexpr std::size_t kPoolQueue = 1024;  // requests that wait for a worker of one pool; beyond it 503

// Streams look at their keys and at the time that often: a revoked key has to be noticed within a second.
constexpr std::chrono::milliseconds kTick(500);
constexpr int kTicksPerSecond = 2;
constexpr std::chrono::seconds kLastCheckpoint(2);  // at a stop
constexpr std::chrono::seconds kAdminDrain(1);      // of requests of people, after all others
constexpr std::chrono::seconds kRequestLook(1);     // at change requests: whether one is due, or has become stale
constexpr std::chrono::seconds kLookPace(5);        // at experiments that are over: whether one has its final look due;
constexpr int kLooksForAll = 12;                    // and, every so often, at all: whether the plan of one has one due
constexpr int kSlotSeconds = 5;                     // a stream's first snapshot may hold a slot that long
constexpr std::size_t kStatusClasses = 4;           // 2xx … 5xx
constexpr std::string_view kNoRoute = "none";       // in metrics and logs, for what no route takes
constexpr int kSignInThreads = 2;                   // that wait for the OpenID provider …
constexpr std::size_t kSignInQueue = 64;            // … and the sign-ins that wait for one of them; beyond it 503
constexpr std::size_t kMostScopesInMetrics = 200;   // environments that have a series of their own

std::int64_t NowMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

http::BudgetRates RatesOf(const BudgetSetting& setting) {
  return {setting.config, setting.streams, setting.evaluation, setting.events, setting.admin};
}

}  // namespace

const char* const kVersion = GUIDON_VERSION;

class App::Impl {
 public:
  Impl(const Config& config, const Log& log, const AppOptions& options)
      : config_(config), log_(log), options_(options), router_(Patterns()) {}
  ~Impl() {
    Stop();
    if (exposures_) exposures_->Finish();  // before what it uses goes, also after a start that failed
  }

  Status Start() {
    if (Status read = OpenCertificate(); !read) return read;
    if (Status opened = OpenStore(); !opened) return opened;
    FeedOptions feed;
    feed.ring_changes = config_.ring_changes;
    feed.ring_bytes = config_.ring_bytes;
    feed.on_written = [this](std::chrono::nanoseconds after) {
      written_seconds_.Observe(std::chrono::duration<double>(after).count());
    };
    feed_.emplace(store_->Epoch(), std::move(feed), [this] { Wake(); });
    const bool is_own = config_.audit_key.empty();
    const auto audit_key = OpenAuditKey(is_own ? config_.data + "/audit-key.pem" : config_.audit_key, is_own);
    if (!audit_key) return Fail(audit_key.error());
    const PublicKey public_key = (*audit_key)->public_key();
    catalog_.emplace(*store_, *feed_,
                     CatalogOptions{.replayed_revisions = config_.ring_changes,
                                    .on_item = [this](const Item& item) { TakeItem(item); },
                                    .audit_key = *audit_key,
                                    .on_view = [this] { WakeRamps(); }});
    if (Status loaded = catalog_->Load(); !loaded) return loaded;
    if (Status known = LoadKeys(); !known) return known;
    if (Status known = OpenChangeRequests(); !known) return known;
    if (Status opened = OpenJournal(); !opened) return opened;
    if (Status opened = OpenFold(); !opened) return opened;
    if (Status known = OpenDeliverer(); !known) return known;
    exposures_.emplace(*journal_, counters_, ExposureOptions{.epoch = store_->Epoch(), .version = kVersion});
    OpenBackups();
    OpenPrivacy();
    if (Status opened = OpenSignIn(); !opened) return opened;
    api_.emplace(ApiParts(), ApiOptions{.version = kVersion,
                                        .open_page = config_.open_page,
                                        .init_slots = config_.init_slots,
                                        .init_queue = config_.init_queue,
                                        .ticks_per_heartbeat = config_.heartbeat_seconds * kTicksPerSecond,
                                        .ticks_per_slot = kSlotSeconds * kTicksPerSecond,
                                        .address_budgets = RatesOf(config_.address_budgets),
                                        .key_budgets = RatesOf(config_.key_budgets),
                                        .cors_origins = *ParseOrigins(config_.cors_origins),
                                        .public_url = config_.public_url});
    AddMetrics();
    readers_.emplace(config_.worker_threads, kPoolQueue);
    writers_.emplace(config_.worker_threads, kPoolQueue);
    ingest_.emplace(config_.worker_threads, kPoolQueue);
    sign_ins_.emplace(kSignInThreads, kSignInQueue);
    if (Status listening = Listen(); !listening) return listening;
    // Only once the address is ours: a second server on it must not show a key that nobody can use.
    if (Status made = MakeFirstKey(); !made) return made;
    log_.Info("audit key", {{"key", public_key.Id()}, {"public_key", public_key.Hex()}});
    if (!IsReadOnly()) {
      KeepHistory();
      KeepAudit();
      KeepCheckpoints();
      KeepJournal();
      KeepFold();
      KeepRamps();
      KeepExperiments();
      request_keeper_.emplace(*change_requests_, kRequestLook);
      KeepSessions();
    }
    WatchCertificate();
    // Last, so that a script which waits for the address finds the first key in the log.
    if (Status written = WritePortFile(); !written) return written;
    serving_ = true;
    return {};
  }

  std::uint16_t port() const { return server_ ? server_->port() : 0; }

  std::uint16_t admin_port() const { return admin_server_ ? admin_server_->port() : 0; }

  void Reload() {
    if (certificate_) certificate_->LookNow();
  }

  void Stop() {
    if (stopping_.exchange(true) || !server_) return;
    log_.Info("stopping", {{"revision", std::to_string(feed_->head())}});
    certificate_.reset();
    server_->Stop(std::chrono::seconds(config_.stop_seconds));
    listening_ = false;  // what streams leave behind when they go wakes nobody any more
    if (admin_server_) admin_server_->Stop(kAdminDrain);
    sign_in_->Stop();
    // What is still queued is of connections that are gone: nobody waits for it, and a stop must not either.
    ingest_->Drop();
    sign_ins_->Drop();
    writers_->Drop();
    readers_->Drop();
    ingest_.reset();
    sign_ins_.reset();
    writers_.reset();
    readers_.reset();
    deliverer_->Stop();
    KeepLastCheckpoint();
    exposures_->Finish();
    store_->BeginClose();  // the keepers may wait for room on a full disk, and events too
    if (last_checkpoint_.joinable()) last_checkpoint_.join();
    // First those that change definitions and items, whose commits wake ramps and webhooks.
    request_keeper_.reset();
    session_keeper_.reset();
    audit_keeper_.reset();
    privacy_.reset();  // an erasure ends, and can be begun again
    {
      const MutexLock lock(wakers_);
      ramp_waker_ = nullptr;
      experiment_waker_ = nullptr;
    }
    ramps_.reset();
    experiments_.reset();
    deliverer_.reset();
    backups_.reset();  // ends the one that is being made
    history_.reset();
    checkpoints_.reset();
    journal_keeper_.reset();
    look_keeper_.reset();
    fold_keeper_.reset();
    journal_.reset();  // who waits for an answer from it is told through the server
    if (serving_) store_->ForgetCrashes();
    log_.Info("stopped");
  }

 private:
  static std::vector<http::RoutePattern> Patterns() {
    std::vector<http::RoutePattern> patterns;
    for (const Route& route : Api::Routes()) patterns.push_back({route.method, route.path, route.takes_rest});
    return patterns;
  }

  // Before all that takes long: a mistake in it should show at once.
  Status OpenCertificate() {
    if (config_.tls_cert.empty()) return {};
    auto keeper = http::CertificateKeeper::Open(
        {.files = {config_.tls_cert, config_.tls_key, config_.tls_client_ca}, .interval = options_.certificate_look});
    if (!keeper) return Fail(keeper.error());
    certificate_ = *std::move(keeper);
    certificate_expires_ = certificate_->current()->expires();
    return {};
  }

  void WatchCertificate() {
    if (!certificate_) return;
    WarnOfCertificate(*certificate_->current());
    const auto use = [this](std::shared_ptr<const http::Tls> tls) {
      certificate_expires_ = tls->expires();
      server_->UseTls(tls);
      if (admin_server_) admin_server_->UseTls(tls);
      WarnOfCertificate(*tls);
    };
    certificate_->Watch(use, [this](const Status& taken) {
      if (taken) {
        log_.Info("certificate loaded", {{"expires", FormatTimestamp(certificate_expires_ * 1000)}});
      } else {
        log_.Error("the certificate was not replaced; the one before stays", {{"cause", taken.error().message}});
      }
    });
  }

  void WarnOfCertificate(const http::Tls& tls) {
    const std::int64_t now = NowMs() / 1000;
    if (tls.expires() <= now) {
      log_.Warn("the certificate has expired: clients refuse it",
                {{"file", config_.tls_cert}, {"expired", FormatTimestamp(tls.expires() * 1000)}});
    } else if (tls.valid_from() > now) {
      log_.Warn("the certificate is not valid yet: clients refuse it",
                {{"file", config_.tls_cert}, {"valid_from", FormatTimestamp(tls.valid_from() * 1000)}});
    }
  }

  Status OpenStore() {
    RocksStoreOptions options;
    options.folder = config_.data;
    options.crash_limit = config_.crash_limit;
    options.metrics.commit = [this](double seconds) { commit_seconds_.Observe(seconds); };
    options.metrics.fsync = [this](double seconds) { fsync_seconds_.Observe(seconds); };
    options.metrics.group = [this](std::size_t size) { group_size_.Observe(static_cast<double>(size)); };
    Result<std::unique_ptr<Store>> store = OpenRocksStore(std::move(options));
    if (!store) return Fail(store.error());
    store_ = *std::move(store);
    return {};
  }

  // For good, as against a disk that is full.
  bool IsReadOnly() const {
    const Status health = store_->Health();
    return !health && health.error().code == ErrorCode::kUnavailable;
  }

  Status OpenJournal() {
    JournalOptions options;
    options.on_commit = [this](double seconds) { counters_.ObserveCommit(seconds); };
    Result<std::unique_ptr<Journal>> journal = Journal::Open(*store_, std::move(options));
    if (!journal) return Fail(journal.error());
    journal_ = *std::move(journal);
    return {};
  }

  Status OpenFold() {
    FoldOptions options;
    options.plans = PlansOf(*catalog_);
    options.counters = &fold_counters_;
    options.flags_of = FlagsOf(*catalog_);
    options.report = [this](const std::string& what) { log_.Warn("analysis", {{"what", what}}); };
    Result<std::unique_ptr<Fold>> fold = Fold::Open(*store_, *journal_, std::move(options));
    if (!fold) return Fail(fold.error());
    fold_ = *std::move(fold);
    analysis_.emplace(*catalog_, *fold_);
    reports_.emplace(*catalog_, *analysis_, *store_, ReportsOptions{});
    evidence_.emplace(*catalog_, *analysis_, *reports_, *store_, NowMs, [this](const std::string& what) {
      log_.Error("what was kept of an experiment without traffic is lost", {{"what", what}});
    });
    return {};
  }

  // A failure is said once, and not every second.
  void KeepFold() {
    fold_keeper_.emplace(
        KeeperPace{.first_look = options_.fold_look, .interval = options_.fold_look, .clock = {}},
        [this, said = std::string()](Timestamp, const std::function<bool()>& stop) mutable {
          const Status done = fold_->CatchUp(stop);
          if (!done && done.error().message != said && !stop()) {
            log_.Error("analysis waits; it is tried again every second", {{"cause", done.error().message}});
          }
          said = done ? std::string() : done.error().message;
        });
    // Looks that are due are taken though nobody reads.
    look_keeper_.emplace(
        KeeperPace{.first_look = kLookPace, .interval = kLookPace, .clock = {}},
        [this, said = std::string(), turn = 0](Timestamp, const std::function<bool()>& stop) mutable {
          turn = (turn + 1) % kLooksForAll;
          const Status done = reports_->TakeDueLooks(stop, turn == 0 ? LooksOf::kAll : LooksOf::kOver);
          if (!done && done.error().message != said && !stop()) {
            log_.Error("a look of an experiment is not taken; it is tried again", {{"cause", done.error().message}});
          }
          said = done ? std::string() : done.error().message;
        });
  }

  void OpenBackups() {
    BackupsOptions options;
    options.folder = config_.backup_folder;
    options.version = kVersion;
    options.on_done = [this](const BackupState& state) {
      if (state.phase == BackupState::Phase::kDone) {
        log_.Info("backup made", {{"name", state.name},
                                  {"folder", state.folder},
                                  {"revision", std::to_string(state.manifest.head.revision)},
                                  {"bytes", std::to_string(state.bytes)}});
      } else {
        log_.Error("backup failed", {{"name", state.name}, {"cause", state.error.message}});
      }
    };
    options.on_unusable = [this](const Error& error) {
      log_.Warn("backups cannot be made", {{"cause", error.message}});
    };
    backups_.emplace(*store_, std::move(options));
  }

  void OpenPrivacy() {
    PrivacyOptions options;
    options.on_done = [this](const ErasureState& state) {
      if (state.phase == ErasureState::Phase::kFailed) {
        return log_.Error("erasure failed", {{"erasure", state.id}, {"cause", state.error.message}});
      }
      log_.Info(state.dry_run ? "erasure tried" : "erasure done",
                {{"erasure", state.id},
                 {"project", state.project.empty() ? "all" : state.project},
                 {"definitions", std::to_string(state.counts.definitions)},
                 {"events", std::to_string(state.counts.events)},
                 {"audit_entries", std::to_string(state.counts.audit_entries)},
                 {"remains", std::to_string(state.remains.size() + state.remains_left_out)}});
    };
    options.stopping = [this] { return stopping_.load(); };
    const auto rewrite_requests = [this](const auto& rewrite, std::string_view action, const Author& author) {
      return change_requests_->Rewrite(rewrite, action, author);
    };
    const auto on_removed = [this](const Item& item) { TakeItem(item); };
    privacy_.emplace(Privacy::Parts{*catalog_, *store_, *feed_, *journal_, *exposures_, processes_, *backups_,
                                    rewrite_requests, on_removed, fold_.get()},
                     std::move(options));
  }

  Status OpenDeliverer() {
    DelivererOptions options;
    options.allow_private = config_.webhook_private;
    options.ca_file = config_.webhook_ca;
    options.version = kVersion;
    options.report = [this](const Webhook& webhook, const std::string& what) {
      log_.Warn("webhook", {{"id", webhook.id}, {"what", what}});
    };
    options.disable = [this](const Webhook& webhook, const std::string& why) { DisableWebhook(webhook, why); };
    options.count = [this](bool delivered) { (delivered ? webhooks_delivered_ : webhooks_failed_).Add(); };
    deliverer_.emplace(*store_, std::move(options));
    Result<std::vector<Item>> items = catalog_->Items(kWebhookSpace);
    if (!items) return Fail(items.error());
    for (const Item& item : *items) {
      Result<Webhook> webhook = DecodeWebhook(item.id, item.value);
      if (!webhook) return Fail(webhook.error());
      deliverer_->Put(*std::move(webhook));
    }
    return {};
  }

  // Its receiver has said that it is gone for good.
  void DisableWebhook(Webhook webhook, const std::string& why) {
    log_.Warn("webhook disabled", {{"id", webhook.id}, {"why", why}});
    webhook.disabled = why;
    const Result<Committed> committed =
        catalog_->PutItem({std::string(kWebhookSpace), webhook.id, EncodeWebhook(webhook), webhook.project},
                          "webhook.disable", {"system", "", why});
    if (!committed) {
      log_.Error("a webhook is disabled until the next start only",
                 {{"id", webhook.id}, {"cause", committed.error().message}});
    }
  }

  // Keys, and the people and roles behind them.
  Status LoadKeys() {
    for (const std::string_view space : {kRoleSpace, kMemberSpace, kKeySpace, kSessionSpace}) {
      Result<std::vector<Item>> items = catalog_->Items(space);
      if (!items) return Fail(items.error());
      for (const Item& item : *items) {
        if (Status taken = authenticator_.Take(item.space, item.id, item.value); !taken) return taken;
      }
    }
    return {};
  }

  Status OpenChangeRequests() {
    ChangeRequestOptions options;
    options.now_ms = NowMs;
    options.person_of = [this](std::string_view principal) { return authenticator_.PersonOf(principal); };
    options.since_of = [this](std::string_view person) { return authenticator_.SinceOf(person); };
    options.rights_of = [this](const std::string& principal, const std::string& project) {
      return PermitOf(authenticator_, Verb::kWrite, principal, project);
    };
    options.approval_rights_of = [this](const std::string& person, const std::string& project) {
      return PermitOf(authenticator_, Verb::kApprove, person, project);
    };
    options.report = [this](const ChangeRequest& request, const std::string& what) {
      log_.Info("change request",
                {{"project", request.project}, {"number", std::to_string(request.number)}, {"what", what}});
    };
    comments_.emplace(*catalog_, CommentOptions{options.now_ms, options.person_of});
    change_requests_.emplace(*catalog_, std::move(options));
    return change_requests_->Load();
  }

  // Before the first session is looked at, and with every mistake in the files shown at once.
  Status OpenSignIn() {
    SessionPolicy policy;
    policy.epoch = store_->Epoch();
    policy.idle_ms = std::int64_t{config_.session_idle_minutes} * 60'000;
    policy.life_ms = std::int64_t{config_.session_hours} * 3'600'000;
    const auto roles = ParseGroupRoles(config_.oidc_roles);
    if (!roles) return Fail(roles.error());
    for (const GroupRoleSetting& one : *roles) {
      if (!authenticator_.members().FindRole(one.role)) {
        log_.Warn("oidc-roles names a role that is not there: it gives nothing until it is made",
                  {{"group", one.group}, {"role", one.role}});
      }
      policy.groups.push_back({one.group, {one.role, one.project, one.environment}});
    }
    authenticator_.sessions().SetPolicy(std::move(policy));
    SignInOptions options;
    options.now_ms = NowMs;
    options.break_glass_file = config_.break_glass_file;
    options.report = [this](const SignInReport& report) { SaySignIn(report); };
    options.provider.issuer = config_.oidc_issuer;
    options.provider.client_id = config_.oidc_client_id;
    options.provider.redirect_uri = config_.public_url + "/auth/callback";
    options.provider.scopes = config_.oidc_scopes;
    options.provider.groups_claim = config_.oidc_groups_claim;
    options.provider.ca_file = config_.oidc_ca;
    options.provider.now_ms = NowMs;
    if (!config_.oidc_client_secret_file.empty()) {
      Result<std::string> secret = ReadLine(config_.oidc_client_secret_file, "oidc-client-secret-file");
      if (!secret) return Fail(secret.error());
      options.provider.client_secret = *std::move(secret);
    }
    if (!config_.break_glass_file.empty()) {
      const Result<std::string> hash = ReadLine(config_.break_glass_file, "break-glass-file");
      if (!hash) return Fail(hash.error());
      if (Status checked = CheckPasswordHash(*hash); !checked) {
        return Fail(ErrorCode::kInvalid,
                    "break-glass-file " + config_.break_glass_file + ": " + checked.error().message);
      }
    }
    sign_in_.emplace(std::move(options));
    return {};
  }

  static Result<std::string> ReadLine(const std::string& path, const std::string& setting) {
    std::ifstream file(path);
    std::string line;
    if (!std::getline(file, line) || line.empty()) {
      return Fail(ErrorCode::kIo, setting + " " + path + " cannot be read, or its first line is empty");
    }
    while (line.ends_with('\r') || line.ends_with(' ')) line.pop_back();
    return line;
  }

  // On a worker.
  void SaySignIn(const SignInReport& report) {
    sign_in_counts_[static_cast<std::size_t>(report.outcome)]->Add();
    const LogFields fields = {{"principal", report.principal},
                              {"detail", report.detail},
                              {"peer", report.peer},
                              {"request_id", report.request_id}};
    switch (report.outcome) {
      case SignInOutcome::kSignedIn:
        return log_.Info("signed in", fields);
      case SignInOutcome::kNoRole:
        return log_.Warn("a sign-in was refused: no role", fields);
      case SignInOutcome::kFailed:
        return log_.Warn("a sign-in failed", fields);
      case SignInOutcome::kWrongPassword:
        return log_.Error("the break-glass admin was refused", fields);
      case SignInOutcome::kByBreakGlass:
        return log_.Error("BREAK-GLASS: the break-glass admin has signed in and may do everything", fields);
    }
  }

  void KeepSessions() {
    session_keeper_.emplace(
        authenticator_.sessions(), *catalog_,
        SessionKeeperOptions{.interval = options_.session_look, .now_ms = NowMs, .report = [this](const Error& error) {
                               log_.Error("sessions that are over were not removed; it is tried again in a minute",
                                          {{"cause", error.message}});
                             }});
  }

  void TakeWebhook(const Item& item) {
    if (item.value.empty()) {
      deliverer_->Remove(item.id);
    } else if (Result<Webhook> webhook = DecodeWebhook(item.id, item.value)) {
      deliverer_->Put(*std::move(webhook));
    } else {
      log_.Error("a webhook cannot be read", {{"webhook", item.id}, {"cause", webhook.error().message}});
    }
  }

  // What was made, changed or removed by a write that was in doubt when it was answered.
  void TakeItem(const Item& item) {
    if (item.space == kWebhookSpace) return deliverer_ ? TakeWebhook(item) : void();
    Status taken = authenticator_.Take(item.space, item.id, item.value);
    if (taken && change_requests_) taken = change_requests_->Take(item);
    if (!taken) {
      return log_.Error("a record cannot be read",
                        {{"space", item.space}, {"id", item.id}, {"cause", taken.error().message}});
    }
    Wake();
  }

  Status MakeFirstKey() {
    if (authenticator_.HasValidOwnerKey()) return {};
    if (IsReadOnly()) {
      log_.Warn("there is no valid admin key, and none can be made while the store takes no writes");
      return {};
    }
    Result<NewKey> key = GenerateKey(KeyKind::kAdmin);
    if (!key) return Fail(key.error());
    key->record.description = "made at first start";
    key->record.created_ms = NowMs();
    Result<Committed> committed = catalog_->PutItem(
        {std::string(kKeySpace), key->record.id, EncodeKeyRecord(key->record)}, "key.create", {"system", "", ""});
    if (!committed) return Fail(committed.error());
    authenticator_.Put(key->record);
    log_.Secret("first start: admin key (shown once)", "key", key->text);
    return {};
  }

  Api::Parts ApiParts() {
    return {*catalog_,
            *feed_,
            authenticator_,
            *journal_,
            processes_,
            counters_,
            *deliverer_,
            *exposures_,
            *backups_,
            *change_requests_,
            *comments_,
            *privacy_,
            [this] { return store_->Health(); },
            [this] { Wake(); },
            [this] { return metrics_.Render(); },
            [this] { return stopping_.load(); },
            NowMs,
            api_counters_,
            *sign_in_,
            [this](std::function<void()> job) { return RunLater(std::move(job)); },
            &*analysis_,
            &*reports_,
            [this](const RunningExperiment& running) { return CountUnits(running); },
            &held_ramps_};
  }

  void AddMetrics() {
    for (const Route& route : Api::Routes()) AddRequestCounters(route.name);
    AddRequestCounters(kNoRoute);
    metrics_.AddGauge("guidon_revision", "Newest revision that is published", {},
                      [this] { return static_cast<double>(feed_->head()); });
    metrics_.AddGauge("guidon_store_writable", "1 while the store takes writes", {},
                      [this] { return store_->Health() ? 1.0 : 0.0; });
    metrics_.AddGauge("guidon_http_connections", "Connections that are open, streams among them", {},
                      [this] { return static_cast<double>(Counts().connections); });
    metrics_.AddGauge(
        "guidon_http_connections_accepted_total", "Connections accepted", {},
        [this] { return static_cast<double>(Counts().accepted); }, true);
    metrics_.AddGauge(
        "guidon_http_connections_refused_total", "Connections refused because there were too many", {},
        [this] { return static_cast<double>(Counts().refused); }, true);
    metrics_.AddGauge(
        "guidon_http_bad_requests_total", "Connections closed for breaking the protocol or a bound", {},
        [this] { return static_cast<double>(Counts().bad_requests); }, true);
    metrics_.AddGauge("guidon_init_slots", "Streams that may be sending their first snapshot at the same time", {},
                      [this] { return static_cast<double>(config_.init_slots); });
    metrics_.AddGauge("guidon_init_slots_used", "Streams that are sending their first snapshot", {},
                      [this] { return static_cast<double>(api_->gate().sending()); });
    metrics_.AddGauge("guidon_init_queue_waiting", "Streams that wait for such a slot", {},
                      [this] { return static_cast<double>(api_->gate().waiting()); });
    metrics_.AddGauge("guidon_exposures_waiting", "Exposures of OFREP that are not durable yet", {},
                      [this] { return static_cast<double>(exposures_->waiting()); });
    metrics_.AddGauge(
        "guidon_exposures_dropped_total", "Exposures of OFREP that were dropped because too many waited", {},
        [this] { return static_cast<double>(exposures_->dropped()); }, true);
    metrics_.AddGauge("guidon_experiment_evidence_unread",
                      "Running experiments of which what speaks against them cannot be read", {},
                      [this] { return static_cast<double>(evidence_unread_); });
    for (const RampHold::Reason reason : kRampHoldReasons) {
      metrics_.AddGauge("guidon_experiment_ramps_held",
                        "Ramps of running experiments that do not rise though their step is due, by reason",
                        {{"reason", std::string(ToString(reason))}},
                        [this, reason] { return static_cast<double>(held_ramps_.Count(reason)); });
    }
    metrics_.AddGauge(
        "guidon_log_lines_lost_total", "Log lines that were lost because nobody took them", {},
        [this] { return static_cast<double>(log_.lost()); }, true);
    for (const Denial denial : kDenials) {
      metrics_.AddGauge(
          "guidon_keys_denied_total", "Requests refused for their key, by reason",
          {{"reason", std::string(ToString(denial))}},
          [this, denial] { return static_cast<double>(authenticator_.denied(denial)); }, true);
    }
    metrics_.AddGauge(
        "guidon_tls_handshakes_total", "TLS handshakes that were completed", {},
        [this] { return static_cast<double>(Counts().handshakes); }, true);
    metrics_.AddGauge(
        "guidon_tls_handshakes_failed_total", "TLS handshakes that were not", {},
        [this] { return static_cast<double>(Counts().handshakes_failed); }, true);
    if (certificate_) {
      metrics_.AddGauge("guidon_tls_certificate_expiry_seconds", "Unix time at which the certificate expires", {},
                        [this] { return static_cast<double>(certificate_expires_); });
    }
    if (!config_.backup_folder.empty()) {
      metrics_.AddGauge("guidon_backup_last_success_timestamp_seconds",
                        "Unix time at which the newest whole backup was made; 0 without one", {}, [this] {
                          return std::chrono::duration<double>(backups_->newest().time_since_epoch()).count();
                        });
    }
    for (const SignInOutcome outcome : kSignInOutcomes) {
      sign_in_counts_[static_cast<std::size_t>(outcome)] =
          &metrics_.AddCounter("guidon_sign_ins_total", "Sign-ins of people, by how they went",
                               {{"outcome", std::string(ToString(outcome))}});
    }
    metrics_.AddGauge("guidon_sessions", "Sessions of people that are kept", {},
                      [this] { return static_cast<double>(authenticator_.sessions().size()); });
    metrics_.AddGauges("guidon_processes", "Processes that said within 3 minutes what they hold",
                       [this] { return LiveProcesses(); });
    metrics_.AddGauge("guidon_build_info", "Always 1; the version is a label", {{"version", kVersion}},
                      [] { return 1.0; });
  }

  void KeepHistory() {
    static_assert(std::chrono::days(kLeastHistoryDays) > kWebhookGiveUp, "webhooks would lose what they are owed");
    HistoryOptions options;
    options.keep = std::chrono::days(config_.history_days);
    options.first_look = options_.history_first_look;
    options.report = [this](const Result<HistoryLook>& look) {
      if (!look) {
        log_.Error("history was not trimmed; it is tried again in an hour", {{"cause", look.error().message}});
      } else if (look->stopped) {
        log_.Info("trimming history was stopped; it goes on after the next start");
      } else if (look->oldest) {
        log_.Info("history trimmed", {{"oldest_revision", std::to_string(*look->oldest)}});
      }
    };
    history_.emplace(*store_, std::move(options));
  }

  void KeepAudit() {
    static_assert(std::chrono::days(kLeastAuditDays) > kWebhookGiveUp, "webhooks would lose what they are owed");
    if (config_.audit_days == 0) return;
    AuditKeeperOptions options;
    options.keep = std::chrono::days(config_.audit_days);
    options.first_look = options_.audit_first_look;
    options.report = [this](const Result<AuditTrim>& trim) {
      if (!trim) {
        log_.Error("audit entries that are past their time were not all erased; it is tried again in an hour",
                   {{"cause", trim.error().message}});
      } else if (trim->entries > 0 || trim->stopped) {
        log_.Info("audit entries erased", {{"entries", std::to_string(trim->entries)},
                                           {"through_revision", std::to_string(trim->through)},
                                           {"stopped", trim->stopped ? "true" : "false"}});
      }
    };
    audit_keeper_.emplace(*catalog_, *store_, std::move(options));
  }

  void KeepCheckpoints() {
    CheckpointKeeperOptions options;
    options.look = options_.checkpoint_look;
    options.report = [this](const Result<Checkpoint>& checkpoint) {
      if (checkpoint) return SayCheckpoint(*checkpoint);
      log_.Error("no audit checkpoint was kept; it is tried again", {{"cause", checkpoint.error().message}});
    };
    checkpoints_.emplace(catalog_->audit(), *store_, std::move(options));
  }

  void KeepRamps() {
    RampKeeperOptions options;
    options.report = [this](const RampStepAhead& step, const Result<Committed>& committed) {
      (committed ? ramp_steps_taken_ : ramp_steps_failed_).Add();
      LogFields fields = {{"project", step.project},
                          {"flag", step.flag},
                          {"environment", step.environment},
                          {"rule", step.rule},
                          {"to", FormatPercent(step.to)}};
      if (committed) {
        fields.push_back({"revision", std::to_string(committed->revision)});
        return log_.Info("step of a ramp taken", fields);
      }
      fields.push_back({"cause", committed.error().message});
      log_.Warn("a step of a ramp was not taken; it is tried again", fields);
    };
    ramps_.emplace(*catalog_, std::move(options));
    const MutexLock lock(wakers_);
    ramp_waker_ = &*ramps_;
  }

  // Nothing while it is not known: then steps with min_units wait, and their status says so.
  std::optional<std::uint64_t> CountUnits(const RunningExperiment& of) const {
    return analysis_->ExposedUnits(of.project, of.environment, of.experiment, of.iteration);
  }

  // Said once, and not at every look.
  void SayEvidence(const RunningExperiment& of, const Status& read) {
    LogFields fields = {{"project", of.project}, {"experiment", of.experiment}, {"environment", of.environment}};
    if (read) {
      evidence_unread_ -= 1;
      return log_.Info("what speaks against an experiment can be read again, or it runs no more", fields);
    }
    evidence_unread_ += 1;
    fields.push_back({"cause", read.error().message});
    log_.Error("what speaks against an experiment cannot be read: nothing is done about it, and its ramp does not rise",
               fields);
  }

  // Likewise, for each reason.
  void SayHeld(const RunningExperiment& of, const std::optional<RampHold>& hold) {
    LogFields fields = {{"project", of.project}, {"experiment", of.experiment}, {"environment", of.environment}};
    if (!hold) return log_.Info("the ramp of an experiment is held back no more", fields);
    fields.push_back({"reason", std::string(ToString(hold->reason))});
    fields.push_back({"cause", hold->sentence});
    log_.Error("the ramp of an experiment is held back: it does not rise though its step is due", fields);
  }

  void KeepExperiments() {
    ExperimentKeeperOptions options;
    options.count_units = [this](const RunningExperiment& running) { return CountUnits(running); };
    options.find = [this](const RunningExperiment& running) { return evidence_->Find(running); };
    options.is_counted = [this](const RunningExperiment& running) { return evidence_->IsCounted(running); };
    options.report_held = [this](const RunningExperiment& of, const std::optional<RampHold>& hold) {
      SayHeld(of, hold);
    };
    options.held = &held_ramps_;
    options.report_evidence = [this](const RunningExperiment& of, const Status& read) { SayEvidence(of, read); };
    options.report = [this](const ExperimentDeed& deed, const Result<Committed>& committed) {
      (committed ? experiment_moves_taken_ : experiment_moves_failed_).Add();
      LogFields fields = {{"project", deed.of.project},
                          {"experiment", deed.of.experiment},
                          {"environment", deed.of.environment},
                          {"move", deed.what}};
      if (committed) {
        fields.push_back({"revision", std::to_string(committed->revision)});
        return log_.Info("experiment moved", fields);
      }
      fields.push_back({"cause", committed.error().message});
      log_.Warn("an experiment was not moved; it is tried again", fields);
    };
    experiments_.emplace(*catalog_, std::move(options));
    const MutexLock lock(wakers_);
    experiment_waker_ = &*experiments_;
  }

  void WakeRamps() {
    const MutexLock lock(wakers_);
    if (ramp_waker_ != nullptr) ramp_waker_->Wake();
    if (experiment_waker_ != nullptr) experiment_waker_->Wake();
  }

  // In the log, so that it leaves the machine with it.
  void SayCheckpoint(const Checkpoint& checkpoint) {
    log_.Info("audit checkpoint", {{"revision", std::to_string(checkpoint.revision)}, {"checkpoint", checkpoint.text}});
  }

  // Of all that the next start begins with. A full disk would have it wait, and nobody waits for that.
  void KeepLastCheckpoint() {
    std::promise<void> done;
    std::future<void> kept = done.get_future();
    last_checkpoint_ = std::thread([this, done = std::move(done)]() mutable {
      const auto now = Timestamp(std::chrono::milliseconds(NowMs()));
      const Result<std::optional<Checkpoint>> checkpoint = catalog_->audit().KeepCheckpoint(now);
      if (checkpoint && *checkpoint) SayCheckpoint(**checkpoint);
      done.set_value();
    });
    kept.wait_for(kLastCheckpoint);
  }

  void KeepJournal() {
    JournalKeeperOptions options;
    options.keep = std::chrono::days(config_.events_days);
    options.first_look = options_.journal_first_look;
    options.report = [this](const Result<JournalTrim>& trim) {
      if (!trim) {
        log_.Error("events were not trimmed; it is tried again in an hour", {{"cause", trim.error().message}});
      } else if (trim->entries > 0 || trim->batches > 0) {
        log_.Info("events trimmed", {{"batches", std::to_string(trim->entries)},
                                     {"batch_ids", std::to_string(trim->batches)},
                                     {"stopped", trim->stopped ? "true" : "false"}});
      }
    };
    journal_keeper_.emplace(*journal_, std::move(options));
  }

  // The first environments by name; the others together.
  std::vector<std::pair<Labels, double>> LiveProcesses() {
    std::vector<std::pair<Labels, double>> series;
    double others = 0;
    for (const Processes::Count& count : processes_.Counts()) {
      const auto live = static_cast<double>(count.live);
      if (series.size() == kMostScopesInMetrics) {
        others += live;
      } else {
        series.push_back({{{"project", count.project}, {"environment", count.environment}}, live});
      }
    }
    if (others > 0) series.push_back({{{"project", ""}, {"environment", ""}}, others});
    return series;
  }

  void AddRequestCounters(std::string_view route) {
    std::array<Counter*, kStatusClasses>& counters = requests_.emplace_back();
    for (std::size_t i = 0; i < kStatusClasses; ++i) {
      counters[i] =
          &metrics_.AddCounter("guidon_http_requests_total", "Requests answered, by route and class of status",
                               {{"route", std::string(route)}, {"status", std::to_string(i + 2) + "xx"}});
    }
  }
  // `route` is null when there is none.
  Counter& RequestCounter(const Route* route, int status) const {
    const std::vector<Route>& routes = Api::Routes();
    const std::size_t index = route == nullptr ? routes.size() : static_cast<std::size_t>(route - routes.data());
    return *requests_[index][static_cast<std::size_t>(std::clamp(status / 100, 2, 5)) - 2];
  }

  // Asked on I/O threads, which run before server_ is set.
  http::ServerCounts Counts() const {
    if (!listening_) return {};
    http::ServerCounts counts = server_->Counts();
    if (admin_server_) {
      const http::ServerCounts admin = admin_server_->Counts();
      counts.accepted += admin.accepted;
      counts.refused += admin.refused;
      counts.connections += admin.connections;
      counts.bad_requests += admin.bad_requests;
      counts.handshakes += admin.handshakes;
      counts.handshakes_failed += admin.handshakes_failed;
    }
    return counts;
  }

  Status Listen() {
    const bool is_split = !config_.admin_listen.empty();
    if (Status begun = ListenAt(config_.listen, is_split ? Audience::kPeople : Audience::kAll, server_, address_);
        !begun) {
      return begun;
    }
    if (is_split) {
      Status begun = ListenAt(config_.admin_listen, Audience::kApplications, admin_server_, admin_address_);
      if (!begun) return begun;
    }
    listening_ = true;
    log_.Info("listening", {{"address", address_},
                            {"tls", !certificate_                   ? "off"
                                    : config_.tls_client_ca.empty() ? "on"
                                                                    : "mutual"},
                            {"data", config_.data},
                            {"epoch", store_->Epoch()},
                            {"revision", std::to_string(feed_->head())},
                            {"version", kVersion}});
    if (const Status health = store_->Health(); !health) {
      log_.Error("the store takes no writes", {{"cause", health.error().message}});
    }
    if (is_split) log_.Info("listening for people and monitoring", {{"address", admin_address_}});
    if (config_.open_page)
      log_.Warn("the page at / shows all projects to everybody who asks, without a key (open-page)");
    return {};
  }

  // `absent`: whose routes are not there; kAll: none of them.
  Status ListenAt(const std::string& where, Audience absent, std::unique_ptr<http::Server>& server,
                  std::string& bound) {
    const Result<ListenAddress> address = ParseListen(where);
    if (!address) return Fail(address.error());
    http::ServerOptions options;
    options.address = address->address;
    options.port = address->port;
    options.io_threads = absent == Audience::kApplications ? 1 : config_.io_threads;
    options.connections = config_.max_connections;
    options.body_bytes = config_.max_body_bytes;
    options.tick = kTick;
    if (certificate_) options.tls = certificate_->current();
    options.on_refused = [this](const http::RefusedRequest& refused) { LogRefused(refused); };
    auto started =
        http::Server::Start(options, [this, absent](std::shared_ptr<http::Request> request, http::Responder respond) {
          Handle(std::move(request), std::move(respond), absent);
        });
    if (!started) return Fail(started.error());
    server = *std::move(started);
    const bool is_v6 = address->address.find(':') != std::string::npos;
    bound = (is_v6 ? "[" + address->address + "]" : address->address) + ":" + std::to_string(server->port());
    if (!address->is_loopback && !certificate_) {
      log_.Warn("keys and rules travel in the clear: anybody on the network can read them", {{"address", bound}});
    }
    return {};
  }

  Status WritePortFile() const {
    if (config_.port_file.empty()) return {};
    // Whoever waits for the file reads a whole line or nothing.
    const std::string partial = config_.port_file + ".partial";
    std::ofstream file(partial);
    file << address_ << "\n";
    if (admin_server_) file << admin_address_ << "\n";
    file.close();
    if (!file || std::rename(partial.c_str(), config_.port_file.c_str()) != 0) {
      return Fail(ErrorCode::kIo, "cannot write the port-file " + config_.port_file + ": " + std::strerror(errno));
    }
    return {};
  }

  void Wake() {
    if (listening_) server_->WakeStreams();
  }

  // On an I/O thread of a listener that has no routes for `absent`.
  void Handle(std::shared_ptr<http::Request> request, http::Responder respond, Audience absent) {
    const auto start = std::chrono::steady_clock::now();
    http::Match match = router_.Find(*request);
    if (match.route && absent != Audience::kAll && Api::Routes()[*match.route].audience == absent) match = {};
    if (!match.route) return Finish(nullptr, *request, NoRoute(match, *request), start, respond);
    const Route& route = Api::Routes()[*match.route];
    if (std::optional<http::Response> refused = api_->RefuseByAddress(route, *request)) {
      return Finish(&route, *request, *std::move(refused), start, respond);
    }
    if (route.where == Where::kInline) return Answer(route, request, respond, start);
    const bool queued = PoolOf(route).TryRun(
        [this, &route, request, respond] { Answer(route, request, respond, std::chrono::steady_clock::now()); });
    if (!queued) Finish(&route, *request, Overloaded(route, *request), start, respond);
  }

  // Writers wait for the disk; who only reads must not wait behind them. And what thousands of applications send keeps
  // out neither.
  http::WorkerPool& PoolOf(const Route& route) {
    if (route.where == Where::kIngest) return *ingest_;
    if (route.where == Where::kSignIn) return *sign_ins_;
    const bool reads = route.method == "GET" || route.handle == &Api::Evaluate;
    return reads ? *readers_ : *writers_;
  }

  // For what a handler on an I/O thread finds to be too much for it. A fault in it leaves the request unanswered, which
  // is answered 500.
  bool RunLater(std::function<void()> job) {
    return readers_->TryRun([this, job = std::move(job)] {
      try {
        job();
      } catch (const std::exception& fault) {
        log_.Error("exception", {{"what", fault.what()}});
      }
    });
  }

  // A fault of ours in one request is no reason for the others to go down with it.
  void Answer(const Route& route, const std::shared_ptr<http::Request>& request, const http::Responder& respond,
              std::chrono::steady_clock::time_point start) {
    const Answered finish = [this, &route, request, respond, start](http::Response response) {
      Finish(&route, *request, std::move(response), start, respond);
    };
    try {
      api_->Serve(route, *request, finish);
    } catch (const std::exception& fault) {
      log_.Error("exception",
                 {{"what", fault.what()}, {"route", std::string(route.name)}, {"request_id", request->id}});
      finish(api_->Refuse(route, *request, {ErrorCode::kInternal, "the server failed; its log says more", {}}));
    }
  }

  // `route` is null when there is none.
  void Finish(const Route* route, const http::Request& request, http::Response&& response,
              std::chrono::steady_clock::time_point start, const http::Responder& respond) {
    response.Header("X-Request-Id", request.id);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    request_seconds_.Observe(seconds);
    RequestCounter(route, response.status).Add();
    LogRequest(route, request, response.status, seconds);
    respond(std::move(response));
  }

  void LogRequest(const Route* route, const http::Request& request, int status, double seconds) {
    const bool is_routine = route != nullptr && IsRoutine(*route, status);
    const LogLevel level = status >= 500 ? LogLevel::kError : is_routine ? LogLevel::kDebug : LogLevel::kInfo;
    if (!log_.Writes(level)) return;
    const LogFields fields = {{"method", request.method},
                              {"path", request.path},
                              {"status", std::to_string(status)},
                              {"route", std::string(route != nullptr ? route->name : kNoRoute)},
                              {"ms", std::to_string(seconds * 1000)},
                              {"peer", request.peer},
                              {"request_id", request.id}};
    if (level == LogLevel::kError) return log_.Error("request failed", fields);
    is_routine ? log_.Debug("request", fields) : log_.Info("request", fields);
  }

  // What comes many times a second on a quiet day.
  static bool IsRoutine(const Route& route, int status) {
    const bool is_frequent = route.where == Where::kIngest || route.verb == Verb::kEvaluate ||
                             route.budget == http::Budget::kConfig;  // of clients that poll
    return route.verb == Verb::kPublic || (is_frequent && status < 400);
  }

  // What was answered before there was a request to route.
  void LogRefused(const http::RefusedRequest& refused) {
    if (refused.status == 0) {
      return log_.Info("connection refused", {{"detail", refused.detail}, {"peer", refused.peer}});
    }
    log_.Info("request refused", {{"status", std::to_string(refused.status)},
                                  {"detail", refused.detail},
                                  {"peer", refused.peer},
                                  {"request_id", refused.id}});
  }

  http::Response Overloaded(const Route& route, const http::Request& request) {
    return api_->Refuse(route, request, {ErrorCode::kOverloaded, "too many requests wait; try again shortly", {}});
  }

  static http::Response NoRoute(const http::Match& match, const http::Request& request) {
    if (match.malformed) {
      return ProblemResponse(400, {ErrorCode::kInvalid, "the address is not validly encoded", {}}, request.id);
    }
    if (match.allow.empty()) {
      return ProblemResponse({ErrorCode::kNotFound, "there is nothing at " + request.path, {}}, request.id);
    }
    http::Response response = ProblemResponse(
        405, {ErrorCode::kInvalid, request.method + " is not possible here; " + match.allow + " is", {}}, request.id);
    response.Header("Allow", match.allow);
    return response;
  }

  const Config config_;
  const Log& log_;
  const AppOptions options_;
  const http::Router router_;
  Metrics metrics_;
  Histogram& commit_seconds_ =
      metrics_.AddHistogram("guidon_commit_seconds", "From handing a transaction to the store to its answer");
  Histogram& fsync_seconds_ =
      metrics_.AddHistogram("guidon_fsync_seconds", "Each fsync of the log and the head record");
  Histogram& group_size_ =
      metrics_.AddHistogram("guidon_group_transactions", "Transactions that were committed by one fsync", {}, kCounts);
  Histogram& written_seconds_ = metrics_.AddHistogram(
      "guidon_propagation_write_seconds", "From publishing a change to its being written to the last stream");
  Histogram& request_seconds_ = metrics_.AddHistogram("guidon_http_request_seconds", "Handling of a request");
  IngestCounters counters_{metrics_};
  FoldCounters fold_counters_{metrics_};
  ApiCounters api_counters_{metrics_};
  Counter& webhooks_delivered_ = metrics_.AddCounter("guidon_webhook_attempts_total",
                                                     "Messages to webhooks, by how it went", {{"result", "delivered"}});
  Counter& webhooks_failed_ = metrics_.AddCounter("guidon_webhook_attempts_total",
                                                  "Messages to webhooks, by how it went", {{"result", "failed"}});
  Counter& ramp_steps_taken_ =
      metrics_.AddCounter("guidon_ramp_steps_total", "Steps of ramps, by how it went", {{"result", "taken"}});
  Counter& ramp_steps_failed_ =
      metrics_.AddCounter("guidon_ramp_steps_total", "Steps of ramps, by how it went", {{"result", "failed"}});
  Counter& experiment_moves_taken_ =
      metrics_.AddCounter("guidon_experiment_moves_total", "Moves of experiments by the server itself, by how it went",
                          {{"result", "taken"}});
  Counter& experiment_moves_failed_ =
      metrics_.AddCounter("guidon_experiment_moves_total", "Moves of experiments by the server itself, by how it went",
                          {{"result", "failed"}});
  Mutex wakers_;
  RampKeeper* ramp_waker_ GUIDON_GUARDED_BY(wakers_) = nullptr;              // null: nobody has to hear of changes
  ExperimentKeeper* experiment_waker_ GUIDON_GUARDED_BY(wakers_) = nullptr;  // likewise
  std::vector<std::array<Counter*, kStatusClasses>> requests_;  // of each route, in their order, and of none
  std::array<Counter*, std::size(kSignInOutcomes)> sign_in_counts_{};
  std::atomic<bool> stopping_{false};
  std::atomic<bool> listening_{false};
  bool serving_ = false;  // the start has come to its end; a stop of one that has not forgets no crashes
  std::string address_;   // that was bound
  std::string admin_address_;

  std::atomic<std::int64_t> certificate_expires_{0};
  std::atomic<std::int64_t> evidence_unread_{0};  // running experiments
  HeldRamps held_ramps_;

  // In the order in which they are built; later ones use earlier ones.
  // Null: without TLS. Is gone before the server; see Stop().
  std::unique_ptr<http::CertificateKeeper> certificate_;
  std::unique_ptr<Store> store_;
  std::optional<Feed> feed_;
  std::optional<Catalog> catalog_;
  std::optional<RampKeeper> ramps_;
  std::optional<ExperimentKeeper> experiments_;
  std::optional<HistoryKeeper> history_;
  std::optional<AuditKeeper> audit_keeper_;
  std::optional<CheckpointKeeper> checkpoints_;
  std::thread last_checkpoint_;
  std::optional<Exposures> exposures_;  // which uses the journal until Finish(); answers of that may come later
  std::unique_ptr<Journal> journal_;
  std::optional<JournalKeeper> journal_keeper_;
  std::unique_ptr<Fold> fold_;
  std::optional<Keeper> fold_keeper_;
  std::optional<Analysis> analysis_;
  std::optional<Reports> reports_;
  std::optional<EvidenceFinder> evidence_;
  std::optional<Keeper> look_keeper_;
  std::optional<Deliverer> deliverer_;
  std::optional<Backups> backups_;
  std::optional<ChangeRequests> change_requests_;
  std::optional<Comments> comments_;
  std::optional<ChangeRequestKeeper> request_keeper_;  // its look may wait for the disk until BeginClose()
  Processes processes_{ProcessOptions()};
  std::optional<Privacy> privacy_;
  Authenticator authenticator_{NowMs};
  std::optional<SessionKeeper> session_keeper_;
  std::optional<SignIn> sign_in_;
  std::optional<Api> api_;
  // Workers answer through the server, so they are gone before it; see Stop().
  std::unique_ptr<http::Server> server_;
  std::unique_ptr<http::Server> admin_server_;  // null: people are served by server_
  std::optional<http::WorkerPool> readers_;
  std::optional<http::WorkerPool> writers_;
  std::optional<http::WorkerPool> ingest_;
  std::optional<http::WorkerPool> sign_ins_;
};

App::App(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
App::~App() = default;

Result<std::unique_ptr<App>> App::Start(const Config& config, const Log& log, const AppOptions& options) {
  auto impl = std::make_unique<Impl>(config, log, options);
  if (Status started = impl->Start(); !started) return Fail(started.error());
  return std::unique_ptr<App>(new App(std::move(impl)));
}

std::uint16_t App::port() const {
  return impl_->port();
}
std::uint16_t App::admin_port() const {
  return impl_->admin_port();
}
void App::Reload() {
  impl_->Reload();
}
void App::Stop() {
  impl_->Stop();
}

}  // namespace guidon
