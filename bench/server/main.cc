// ./dev bench server: what guidond's work costs beside the least that it could cost (bench/README.md).
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "bench/floor/http.h"
#include "bench/floor/streams.h"
#include "bench/floor/write_batch.h"
#include "bench/ingest/ingest.h"
#include "bench/server/load.h"
#include "bench/server/nchan.h"
#include "tests/support/certificate.h"
#include "tests/support/guidond.h"

namespace guidon::bench {
namespace {

using testing::Guidond;
using testing::HttpAnswer;
using testing::ResidentKiB;

constexpr char kUsage[] =
    "Usage: bench_server [--json FILE] [--streams N] [--pairs N] [--seconds S]\n"
    "                    [--flags N] [--only NAME] [--nginx FOLDER]\n"
    "\n"
    "  --json FILE   also writes a list of {name, ours, floor, ratio, unit}\n"
    "  --streams N   clients that are connected (10000)\n"
    "  --pairs N     of floor and ours, in turn, whose median counts (5)\n"
    "  --seconds S   for which requests and events are counted, each time (2)\n"
    "  --flags N     of the server that is restarted (10000)\n"
    "  --only NAME   the figures whose name has that in it, and what is measured with\n"
    "                them: ofrep, rps, storm\n"
    "  --nginx FOLDER  where Debian's nginx and libnginx-mod-nchan are unpacked: it is measured, too\n";

struct Arguments {
  std::string json, only, nginx;
  int streams = 10'000, pairs = 5, flags = 10'000;
  double seconds = 2;

  bool Wants(std::string_view name) const { return name.find(only) != std::string_view::npos; }
};

bool Read(int argc, char** argv, Arguments& out) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (++i == argc) return false;
    const std::string_view text = argv[i];
    int* const number = name == "--streams" ? &out.streams
                        : name == "--pairs" ? &out.pairs
                        : name == "--flags" ? &out.flags
                                            : nullptr;
    if (name == "--json") {
      out.json = text;
    } else if (name == "--only") {
      out.only = text;
    } else if (name == "--nginx") {
      out.nginx = text;
    } else if (name == "--seconds") {
      const auto read = std::from_chars(text.data(), text.data() + text.size(), out.seconds);
      if (read.ptr != text.data() + text.size() || !(out.seconds > 0 && out.seconds <= 3600)) return false;
    } else if (number == nullptr ||
               std::from_chars(text.data(), text.data() + text.size(), *number).ptr != text.data() + text.size() ||
               *number < 1) {
      return false;
    }
  }
  return true;
}

// ---- Where it runs
// ---------------------------------------------------------------------------------------------------

constexpr int kServerCore = 0, kClientCore = 1;

void PinTo(int core) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(core, &cores);
  sched_setaffinity(0, sizeof cores, &cores);
}

// What is started while it lives runs on the server's core.
class OnServerCore {
 public:
  OnServerCore() { PinTo(kServerCore); }
  ~OnServerCore() { PinTo(kClientCore); }
  OnServerCore(const OnServerCore&) = delete;
  OnServerCore& operator=(const OnServerCore&) = delete;
};

// The bench writes and takes the time in front of the clients that share its core; they run as others do.
void RunBeforeClients() {
  sched_param most{};
  most.sched_priority = 1;
  sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &most);
}

// ---- Results
// ---------------------------------------------------------------------------------------------------------

struct Row {
  std::string name, unit;
  std::vector<double> ours, floors, ratios;  // no floors: there is none
  double target = 0;                         // of the ratio, or of ours where there is no floor; 0: none
  int digits = 0;
  bool is_figure = true;  // false: shown beside the figures, such as what another server takes

  void Add(double our, std::optional<double> floor) {
    ours.push_back(our);
    if (!floor) return;
    floors.push_back(*floor);
    ratios.push_back(*floor > 0 ? our / *floor : 0);
  }
};

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}
double Spread(const std::vector<double>& values) {
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  return *most - *least;
}
double Percentile99(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(std::ceil(0.99 * static_cast<double>(values.size()))) - 1];
}

void PrintHead() {
  std::printf("%-21s %11s %11s %6s %7s %7s  %s\n", "", "ours", "floor", "ratio", "spread", "target", "unit");
}

void Print(const Row& row) {
  const bool has_floor = !row.floors.empty();
  const std::vector<double>& judged = has_floor ? row.ratios : row.ours;
  char floor[32] = "", ratio[32] = "", spread[32] = "", target[32] = "";
  if (judged.size() > 1) std::snprintf(spread, sizeof spread, "%.2f", Spread(judged));
  if (row.target > 0) std::snprintf(target, sizeof target, "%.*f", row.target < 100 ? 2 : 0, row.target);
  if (has_floor) {
    std::snprintf(floor, sizeof floor, "%.*f", row.digits, Median(row.floors));
    std::snprintf(ratio, sizeof ratio, "%.2f", Median(row.ratios));
  }
  std::printf("%-21s %11.*f %11s %6s %7s %7s  %s\n", row.name.c_str(), row.digits, Median(row.ours), floor, ratio,
              spread, target, row.unit.c_str());
  std::fflush(stdout);
}

void WriteJson(const std::string& name, const std::vector<Row>& rows) {
  std::ofstream file(name);
  file << "[";
  for (const Row& row : rows) {
    if (!row.is_figure) continue;
    file << (&row == rows.data() ? "\n" : ",\n") << R"({"name":")" << row.name << R"(","ours":)" << Median(row.ours);
    if (row.floors.empty()) {
      file << R"(,"floor":null,"ratio":null)";
    } else {
      file << R"(,"floor":)" << Median(row.floors) << R"(,"ratio":)" << Median(row.ratios);
    }
    file << R"(,"unit":")" << row.unit << "\"}";
  }
  file << "\n]\n";
  file.close();
  if (!file) throw std::runtime_error("cannot write " + name);
}

// ---- A server with flags
// ---------------------------------------------------------------------------------------------

constexpr std::string_view kFlags = "/api/v1/projects/shop/flags/";

std::string FlagOf(std::string_view description) {
  return R"({"type":"boolean","client":true,"owner":"web@shop.example","description":")" + std::string(description) +
         R"(","environments":{"production":{"rules":[{"when":{"country":["DE","FR","NO"],"plan":"pro"},"serve":"on"}],)"
         R"("default":"off"}}})";
}

class Shop {
 public:
  explicit Shop(testing::GuidondOptions options = {}) {
    const OnServerCore on;
    options.environment.push_back("LD_PRELOAD=" GUIDON_BENCH_TRIM);
    // All that is measured is asked with one key.
    options.environment.push_back("GUIDON_KEY_BUDGETS=config=0,streams=0,evaluation=0,events=0,admin=0");
    server_.emplace(std::move(options));
    Expect(201, server_->Call("POST", "/api/v1/projects",
                              {.body = R"({"project":"shop","environments":{"production":{}}})"}));
    key_ = server_->CreateSdkKey("shop", "production");
  }

  static HttpAnswer Expect(int status, HttpAnswer answer) {
    if (answer.status == status || (status == 201 && answer.status == 200)) return answer;
    throw std::runtime_error("guidond answers " + std::to_string(answer.status) + ": " + answer.body + answer.fault);
  }

  // `count` flags whose records have about so many bytes each.
  void Fill(int count, std::size_t bytes) {
    constexpr int kAtOnce = 500;
    const std::string text(bytes, 'x');
    for (int begin = 0; begin < count; begin += kAtOnce) {
      std::string edits;
      for (int i = begin; i < std::min(count, begin + kAtOnce); ++i) {
        if (!edits.empty()) edits += ',';
        edits += R"({"action":"put","kind":"flag","key":"flag-)" + std::to_string(i) + R"(","definition":)" +
                 FlagOf(text) + "}";
      }
      Expect(200, server_->Call("POST", "/api/v1/projects/shop/changes", {.body = R"({"changes":[)" + edits + "]}"}));
    }
  }

  // When the write was sent, in ns.
  std::int64_t Change(std::size_t bytes) {
    const std::string body = FlagOf(std::to_string(++changes_) + std::string(bytes, 'x'));
    const std::int64_t sent = MonotonicNs();
    Expect(201, server_->Call("PUT", std::string(kFlags) + "changing", {.body = body}));
    return sent;
  }

  std::string StreamRequest() const {
    return "GET /sdk/v1/stream HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + key_ + "\r\n\r\n";
  }

  std::size_t TrimmedKiB() {
    server_->process().Signal(SIGUSR2);
    std::this_thread::sleep_for(std::chrono::seconds(1));
    return ResidentKiB(pid());
  }

  // Streams that it has closed because their clients did not read.
  int ClosedAsStalled() {
    constexpr std::string_view kCount = R"(guidon_streams_closed_total{reason="stalled"} )";
    const std::string page = Expect(200, server_->Call("GET", "/metrics")).body;
    const std::size_t at = page.find(kCount);
    if (at == std::string::npos) throw std::runtime_error("guidond does not count streams that it closed");
    return std::atoi(page.c_str() + at + kCount.size());
  }

  Guidond& server() { return *server_; }
  const std::string& key() const { return key_; }
  std::uint16_t port() const { return server_->port(); }
  int pid() { return server_->process().pid(); }

 private:
  std::optional<Guidond> server_;
  std::string key_;
  int changes_ = 0;
};

std::int64_t Need(std::optional<std::int64_t> when) {
  if (!when) throw std::runtime_error("a client did not get what it waited for");
  return *when;
}

void AsAClient() {
  PinTo(kClientCore);
}

StreamLoadOptions StreamsOf(std::uint16_t port, std::string request, int count) {
  StreamLoadOptions options;
  options.port = port;
  options.request = std::move(request);
  options.streams = count;
  options.when_forked = AsAClient;
  return options;
}

const std::string kStreamHead = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n\r\n";
std::string EventOf(std::string_view name, std::size_t data_bytes) {
  return "event: " + std::string(name) + "\nid: k3v9x0q2m7p1c8d4-17\ndata: " + std::string(data_bytes, 'x') + "\n\n";
}

StreamsFloor StartFloorOnItsCore(const std::string& first, const std::string& frame) {
  const OnServerCore on;
  return StartStreamsFloor(first, frame);
}

void WaitUntilIdle(int process) {
  for (double used = -1, now = CpuSeconds(process); now - used > 0.002; now = CpuSeconds(process)) {
    used = now;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

// ---- What is measured
// ------------------------------------------------------------------------------------------------

constexpr std::size_t kChangeBytes = 700;  // makes an event of about 1 KiB
constexpr int kChangesOfAPair = 100;

struct FanOut {
  double cpu_us = 0;  // of the server, for one delivery
  double p99_ms = 0;  // from when the write was sent to the last client
};

// A server, those who read its changes, and how one is made; `change` says when it was sent.
struct Lane {
  StreamLoad* load;
  int server;
  int readers;
  std::function<std::int64_t()> change;
  std::uint64_t number = 0;  // of changes so far
};

// A pair of all lanes: their changes take turns one by one, so that what else the machine does in the meantime befalls
// each of them.
std::vector<FanOut> MeasureInTurn(const std::vector<Lane*>& lanes) {
  std::vector<std::vector<double>> delays(lanes.size());
  std::vector<double> cpu(lanes.size());
  for (int i = 0; i < kChangesOfAPair; ++i) {
    for (std::size_t at = 0; at < lanes.size(); ++at) {
      Lane& lane = *lanes[at];
      const double before = CpuSeconds(lane.server);
      const std::int64_t sent = lane.change();
      const std::int64_t last = Need(lane.load->WaitForChange(++lane.number));
      delays[at].push_back(static_cast<double>(last - sent) * 1e-6);
      cpu[at] += CpuSeconds(lane.server) - before;
    }
  }
  std::vector<FanOut> measured;
  for (std::size_t at = 0; at < lanes.size(); ++at) {
    const double deliveries = static_cast<double>(kChangesOfAPair) * lanes[at]->readers;
    measured.push_back({cpu[at] * 1e6 / deliveries, Percentile99(delays[at])});
  }
  return measured;
}

std::vector<Row> MeasureFanOuts(const Arguments& arguments) {
  Row cpu{"fanout_cpu", "us of server CPU for a delivery", {}, {}, {}, 1.25, 2};
  Row p99{"fanout_p99", "ms from the write to the last; 100 at most", {}, {}, {}, 1.35, 1};
  Row idle{"idle_stream_bytes", "bytes of memory a stream", {}, {}, {}, 3072};
  Shop shop;
  shop.Fill(1, kChangeBytes);
  const std::size_t before = shop.TrimmedKiB();
  StreamLoad ours(StreamsOf(shop.port(), shop.StreamRequest(), arguments.streams));
  Need(ours.WaitForSnapshots());
  idle.Add(static_cast<double>(shop.TrimmedKiB() - before) * 1024 / arguments.streams, std::nullopt);
  StreamsFloor floor = StartFloorOnItsCore(kStreamHead + EventOf("snapshot", kChangeBytes), EventOf("change", 1000));
  StreamLoad bare(StreamsOf(floor.port, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", arguments.streams));
  Need(bare.WaitForSnapshots());
  std::optional<Nchan> nchan;
  std::optional<StreamLoad> its;
  Row nchan_cpu{"fanout_cpu, nchan", cpu.unit, {}, {}, {}, 0, 2, false};
  Row nchan_p99{"fanout_p99, nchan", "ms from the write to the last", {}, {}, {}, 0, 1, false};
  if (!arguments.nginx.empty()) {
    const OnServerCore on;
    nchan.emplace(arguments.nginx);
  }
  if (nchan) {
    nchan->Publish("snapshot", std::string(kChangeBytes, 'x'));
    its.emplace(StreamsOf(nchan->port(), nchan->StreamRequest(), arguments.streams));
    Need(its->WaitForSnapshots());
  }
  Lane least{&bare, floor.process, arguments.streams, [&] {
               const std::int64_t sent = MonotonicNs();
               char byte = 1;
               if (::write(floor.commands, &byte, 1) != 1 || ::read(floor.answers, &byte, 1) != 1) {
                 throw std::runtime_error("the floor of streams is gone");
               }
               return sent;
             }};
  Lane our{&ours, shop.pid(), arguments.streams, [&] { return shop.Change(kChangeBytes); }};
  std::optional<Lane> other;
  std::vector<Lane*> lanes = {&least, &our};
  if (nchan) {
    other.emplace(Lane{&*its, nchan->worker(), arguments.streams, [&] {
                         const std::int64_t sent = MonotonicNs();
                         nchan->Publish("change", std::string(1000, 'x'));
                         return sent;
                       }});
    lanes.push_back(&*other);
  }
  for (int pair = 0; pair < arguments.pairs; ++pair) {
    const std::vector<FanOut> measured = MeasureInTurn(lanes);
    cpu.Add(measured[1].cpu_us, measured[0].cpu_us);
    p99.Add(measured[1].p99_ms, measured[0].p99_ms);
    if (!nchan) continue;
    nchan_cpu.Add(measured[2].cpu_us, measured[0].cpu_us);
    nchan_p99.Add(measured[2].p99_ms, measured[0].p99_ms);
  }
  StopStreamsFloor(floor);
  if (!nchan) return {cpu, p99, idle};
  return {cpu, nchan_cpu, p99, nchan_p99, idle};
}

std::vector<Row> MeasureIdleTls(const Arguments& arguments) {
  Row row{"idle_stream_tls_bytes", "bytes of memory a stream, with TLS", {}, {}, {}, 18'432};
  const testing::CertificateFiles certificate;
  Shop shop({.certificate = &certificate});
  shop.Fill(1, kChangeBytes);
  StreamLoadOptions options = StreamsOf(shop.port(), shop.StreamRequest(), arguments.streams);
  options.tls_ca = certificate.certificate_file();
  const std::size_t before = shop.TrimmedKiB();
  StreamLoad load(options);
  Need(load.WaitForSnapshots());
  row.Add(static_cast<double>(shop.TrimmedKiB() - before) * 1024 / arguments.streams, std::nullopt);
  return {row};
}

// Its floor is the same server, all of whose clients read. Those who do not are new in each pair, because the server
// closes them after half a minute.
std::vector<Row> MeasureStalled(const Arguments& arguments) {
  Row row{"stalled_p99", "ms to the last that reads", {}, {}, {}, 1.1, 1};
  const int stalled = arguments.streams / 10, readers = arguments.streams - stalled;
  Shop all_read, some_stall;
  for (Shop* shop : {&all_read, &some_stall}) shop->Fill(1, kChangeBytes);
  StreamLoad calm(StreamsOf(all_read.port(), all_read.StreamRequest(), readers));
  StreamLoad troubled(StreamsOf(some_stall.port(), some_stall.StreamRequest(), readers));
  Need(calm.WaitForSnapshots());
  Need(troubled.WaitForSnapshots());
  Lane floor{&calm, all_read.pid(), readers, [&] { return all_read.Change(kChangeBytes); }};
  Lane our{&troubled, some_stall.pid(), readers, [&] { return some_stall.Change(kChangeBytes); }};
  for (int pair = 0; pair < arguments.pairs; ++pair) {
    StreamLoadOptions options = StreamsOf(some_stall.port(), some_stall.StreamRequest(), stalled);
    options.stalled = stalled;
    StreamLoad trouble(options);
    Need(trouble.WaitForSnapshots());
    // Until the kernel holds no more for those who do not read.
    constexpr int kToFill = 20;
    constexpr std::size_t kFillBytes = 9'000;
    for (int i = 0; i < kToFill; ++i) {
      some_stall.Change(kFillBytes);
      Need(troubled.WaitForChange(++our.number));
    }
    const std::vector<FanOut> measured = MeasureInTurn({&floor, &our});
    if (const int closed = some_stall.ClosedAsStalled(); closed > 0) {
      throw std::runtime_error(std::to_string(closed) + " streams that do not read were closed while it was measured");
    }
    row.Add(measured[1].p99_ms, measured[0].p99_ms);
  }
  return {row};
}

std::vector<Row> MeasureAnswers(const Arguments& arguments) {
  Row not_modified{"not_modified_rps", "answers a second of server CPU", {}, {}, {}, 0.90};
  Row snapshot{"snapshot_rps", "answers a second of server CPU", {}, {}, {}, 0.90};
  Row ofrep{"ofrep_rps", "answers a second of server CPU", {}, {}, {}, 0.80};
  Shop shop({.arguments = {"--io-threads", "1"}});
  shop.Fill(50, 300);  // 35 kB
  const std::string head =
      "GET /sdk/v1/ruleset HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + shop.key() + "\r\n";
  const HttpAnswer whole =
      Shop::Expect(200, testing::HttpCall(shop.port(), "GET", "/sdk/v1/ruleset", {.key = shop.key()}));
  const std::string context =
      R"({"context":{"targetingKey":"user-42","country":"DE","plan":"pro","appVersion":"4.2.0","email":"a@shop.example"}})";
  const std::string post = " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + shop.key() +
                           "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(context.size()) +
                           "\r\n\r\n" + context;
  HttpFloor floor;
  {
    const OnServerCore on;
    floor = StartHttpFloor(whole.body);
  }
  std::vector<Row> rows;
  const auto measure = [&](Row& row, const std::string& request, int status) {
    if (!arguments.Wants(row.name)) return;
    RequestLoadOptions options;
    options.seconds = arguments.seconds;
    options.request = SameRequest(request);
    options.status = status;
    options.when_forked = AsAClient;
    for (int pair = 0; pair < arguments.pairs; ++pair) {
      options.port = floor.port;
      const double least = MeasureRequests(floor.process, options).per_cpu_second;
      options.port = shop.port();
      row.Add(MeasureRequests(shop.pid(), options).per_cpu_second, least);
    }
    rows.push_back(std::move(row));
  };
  measure(ofrep, "POST /ofrep/v1/evaluate/flags/flag-7" + post, 200);
  measure(not_modified, head + "If-None-Match: " + whole.Header("ETag") + "\r\n\r\n", 304);
  measure(snapshot, head + "\r\n", 200);
  StopHttpFloor(floor);
  return rows;
}

std::vector<Row> MeasureStorm(const Arguments& arguments) {
  Row row{"storm_seconds", "s until all have their snapshot", {}, {}, {}, 1.5, 2};
  Shop shop;
  shop.Fill(50, 300);
  const HttpAnswer whole =
      Shop::Expect(200, testing::HttpCall(shop.port(), "GET", "/sdk/v1/ruleset", {.key = shop.key()}));
  StreamsFloor floor = StartFloorOnItsCore(kStreamHead + EventOf("snapshot", whole.body.size()), "");
  const auto storm = [&](std::uint16_t port, const std::string& request) {
    for (const int server : {floor.process, shop.pid()}) WaitUntilIdle(server);  // the clients before are gone
    const std::int64_t begin = MonotonicNs();
    StreamLoad load(StreamsOf(port, request, arguments.streams));
    return static_cast<double>(Need(load.WaitForSnapshots()) - begin) * 1e-9;
  };
  for (int pair = 0; pair < arguments.pairs; ++pair) {
    const double least = storm(floor.port, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    row.Add(storm(shop.port(), shop.StreamRequest()), least);
  }
  StopStreamsFloor(floor);
  return {row};
}

std::vector<Row> MeasureRestart(const Arguments& arguments) {
  Row row{
      "restart_seconds", "s from kill -9 to serving " + std::to_string(arguments.flags) + " flags", {}, {}, {}, 1, 2};
  Shop shop;
  shop.Fill(arguments.flags, 300);
  for (int pair = 0; pair < arguments.pairs; ++pair) {
    shop.server().Kill();
    const std::int64_t begin = MonotonicNs();
    {
      const OnServerCore on;
      shop.server().Start();
    }
    Shop::Expect(200, testing::HttpCall(shop.port(), "GET", "/sdk/v1/ruleset", {.key = shop.key()}));
    row.Add(static_cast<double>(MonotonicNs() - begin) * 1e-9, std::nullopt);
  }
  return {row};
}

std::vector<Row> MeasureIngest(const Arguments& arguments) {
  Row row{"ingest_eps", "durable events a second of CPU", {}, {}, {}, 0.5};
  Row by_clock{"ingest_eps, by clock", "durable events a second", {}, {}, {}, 0, 0, false};
  const auto time = std::chrono::ceil<std::chrono::milliseconds>(std::chrono::duration<double>(arguments.seconds));
  for (int pair = 0; pair < arguments.pairs; ++pair) {
    EventLoadOptions load;
    WriteRate floor;
    {
      const OnServerCore on;
      const testing::TemporaryFolder folder;
      floor = SyncedWriteBatches(folder / "db", load.clients, IngestedEvent(), time);
    }
    Shop shop;
    load.server_process = shop.pid();
    load.port = shop.port();
    load.key = shop.key();
    load.seconds = arguments.seconds;
    load.when_forked = AsAClient;
    const EventRate ours = DurableEvents(load);
    row.Add(ours.per_cpu_second, floor.per_cpu_second);
    by_clock.Add(ours.per_second, floor.per_second);
  }
  return {row, by_clock};
}

int Main(int argc, char** argv) {
  Arguments arguments;
  if (!Read(argc, argv, arguments)) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  PinTo(kClientCore);
  RunBeforeClients();
  struct Measure {
    std::string_view names;  // of its rows
    std::vector<Row> (*run)(const Arguments&);
  };
  constexpr Measure kMeasures[] = {{"fanout_cpu fanout_p99 idle_stream_bytes", MeasureFanOuts},
                                   {"ofrep_rps not_modified_rps snapshot_rps", MeasureAnswers},
                                   {"idle_stream_tls_bytes", MeasureIdleTls},
                                   {"storm_seconds", MeasureStorm},
                                   {"stalled_p99", MeasureStalled},
                                   {"restart_seconds", MeasureRestart},
                                   {"ingest_eps", MeasureIngest}};
  std::vector<Row> all;
  PrintHead();
  for (const Measure& measure : kMeasures) {
    if (!arguments.Wants(measure.names)) continue;
    for (Row& row : measure.run(arguments)) {
      Print(row);
      all.push_back(std::move(row));
    }
  }
  if (all.empty()) {
    std::fprintf(stderr, "there is no figure '%s'\n", arguments.only.c_str());
    return 2;
  }
  if (!arguments.json.empty()) WriteJson(arguments.json, all);
  return 0;
}

}  // namespace
}  // namespace guidon::bench

int main(int argc, char** argv) {
  try {
    return guidon::bench::Main(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_server: %s\n", error.what());
    return 1;
  }
}
