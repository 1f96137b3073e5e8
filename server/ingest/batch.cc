#include "server/ingest/batch.h"

#include <zlib.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <optional>
#include <utility>

#include <guidon/value.h>
#include "core/base/json.h"

namespace guidon {
namespace {

using std::chrono::milliseconds;

constexpr int kMaxDepth = 32;
constexpr std::size_t kLeastIdBytes = 16, kMostIdBytes = 64;
constexpr std::size_t kMostTextBytes = 1'024;      // keys, names, units
constexpr std::size_t kMostSenderTextBytes = 256;  // names and versions of SDKs and applications
constexpr std::size_t kMostExposureContext = 4u << 10;
constexpr std::size_t kMostCounts = 10'000;
constexpr std::size_t kMostNamedRejections = 20;
constexpr std::int64_t kMostWhole = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kLastBucket = 99'999;
constexpr milliseconds kMostAhead = std::chrono::hours(24);
constexpr milliseconds kMostBehind = std::chrono::days(30);
constexpr milliseconds kMostImportedBehind = std::chrono::days(365 * 100);

struct Fault {
  Rejection reason;
  std::string message;
};

// Looks at one event's members and remembers the first fault.
class EventReader {
 public:
  EventReader(const Value& event, std::int64_t now_ms, bool imported)
      : event_(event), now_ms_(now_ms), imported_(imported) {}

  bool imported() const { return imported_; }

  const std::optional<Fault>& fault() const { return fault_; }

  bool Has(std::string_view name) const { return Find(name) != nullptr; }

  void Text(std::string_view name) { CheckText(name, Needed(name)); }
  void OptionalText(std::string_view name) { CheckText(name, Find(name)); }

  void Whole(std::string_view name, std::int64_t least, std::int64_t most) {
    const Value* value = Needed(name);
    if (value == nullptr || IsWhole(*value, least, most)) return;
    Wrong(name, "expected a whole number from " + std::to_string(least) +
                    (most == kMostWhole ? "" : " to " + std::to_string(most)));
  }

  void Time(std::string_view name) {
    const Value* value = Needed(name);
    if (value == nullptr) return;
    if (!value->is_int()) return Wrong(name, "expected milliseconds since 1970 UTC");
    if (value->AsInt() > now_ms_ + kMostAhead.count()) {
      return Blame(Rejection::kTimeAhead, name, "more than 24 hours ahead of the server's clock");
    }
    if (value->AsInt() < now_ms_ - (imported_ ? kMostImportedBehind : kMostBehind).count()) {
      Blame(Rejection::kTimeBehind, name,
            std::string("more than ") + (imported_ ? "100 years" : "30 days") + " behind the server's clock");
    }
  }

  void OptionalNumber(std::string_view name) {
    const Value* value = Find(name);
    if (value != nullptr && !value->is_number()) Wrong(name, "expected a number");
  }

  // False when it is missing.
  bool OptionalSwitch(std::string_view name) {
    const Value* value = Find(name);
    if (value != nullptr && !value->is_bool()) Wrong(name, "expected true or false");
    return value != nullptr && value->AsBool();
  }

  // The word, or "" with a fault.
  std::string_view OneOf(std::string_view name, std::initializer_list<std::string_view> words) {
    const Value* value = Needed(name);
    if (value == nullptr) return {};
    const auto word = std::find(words.begin(), words.end(), value->AsString());
    if (word != words.end()) return *word;
    std::string known;
    for (const std::string_view each : words) known += (known.empty() ? "" : ", ") + std::string(each);
    Wrong(name, "expected one of " + known);
    return {};
  }

  void Absent(std::string_view name, std::string_view with) {
    if (Has(name)) Wrong(name, "does not go with " + std::string(with));
  }

  // An object of text, numbers and booleans; null counts as missing.
  void Attributes(std::string_view name) { CheckAttributes(name, Needed(name)); }
  void OptionalAttributes(std::string_view name) { CheckAttributes(name, Find(name)); }

  void Counts(std::string_view name) {
    const Value* value = Needed(name);
    if (value == nullptr) return;
    if (!value->is_object()) return Wrong(name, "expected an object");
    if (value->AsObject().size() > kMostCounts) return TooLarge(name, kMostCounts);
    for (const Member& member : value->AsObject()) {
      if (member.name.empty() || member.name.size() > kMostTextBytes || !IsWhole(member.value, 0, kMostWhole)) {
        return Wrong(name, "expected whole numbers from 0 by reason");
      }
    }
  }

  // A list of objects, of which `check` looks at each.
  template <typename Check>
  void List(std::string_view name, Check check) {
    const Value* value = Needed(name);
    if (value == nullptr) return;
    if (!value->is_array()) return Wrong(name, "expected a list");
    if (value->AsArray().size() > kMostCounts) return TooLarge(name, kMostCounts);
    for (std::size_t i = 0; i < value->AsArray().size(); ++i) {
      const Value& element = value->AsArray()[i];
      EventReader reader(element, now_ms_, imported_);
      if (element.is_object()) check(reader);
      if (element.is_object() && !reader.fault_) continue;
      const std::string at = std::string(name) + "[" + std::to_string(i) + "]";
      if (!element.is_object()) return Wrong(at, "expected an object");
      if (!fault_) fault_ = Fault{reader.fault_->reason, at + "." + reader.fault_->message};
      return;
    }
  }

  void TooLarge(std::string_view name, std::size_t most) {
    Blame(Rejection::kTooLarge, name, "larger than " + std::to_string(most));
  }

 private:
  const Value* Find(std::string_view name) const {
    const Value* value = event_.Find(name);
    return value == nullptr || value->is_null() ? nullptr : value;
  }
  const Value* Needed(std::string_view name) {
    const Value* value = Find(name);
    if (value == nullptr) Blame(Rejection::kMissingMember, name, "missing");
    return value;
  }
  static bool IsWhole(const Value& value, std::int64_t least, std::int64_t most) {
    return value.is_int() && least <= value.AsInt() && value.AsInt() <= most;
  }
  void CheckText(std::string_view name, const Value* value) {
    if (value == nullptr) return;
    const std::size_t size = value->AsString().size();
    if (!value->is_string() || size == 0 || size > kMostTextBytes) Wrong(name, "expected text of 1 to 1024 bytes");
  }
  void CheckAttributes(std::string_view name, const Value* value) {
    if (value == nullptr) return;
    if (!value->is_object()) return Wrong(name, "expected an object");
    for (const Member& member : value->AsObject()) {
      if (member.value.is_array() || member.value.is_object()) {
        return Wrong(name, "expected text, numbers and booleans only");
      }
    }
  }
  void Wrong(std::string_view name, std::string_view expected) { Blame(Rejection::kWrongValue, name, expected); }
  void Blame(Rejection reason, std::string_view name, std::string_view what) {
    if (!fault_) fault_ = Fault{reason, std::string(name) + ": " + std::string(what)};
  }

  const Value& event_;
  const std::int64_t now_ms_;
  const bool imported_;
  std::optional<Fault> fault_;
};

void ReadExposure(EventReader& event) {
  event.Time("time");
  for (const char* name : {"flag", "experiment", "unit_attribute", "unit"}) event.Text(name);
  event.Whole("iteration", 1, kMostWhole);
  // What was assigned elsewhere has no bucket of ours, nor was it decided by one of our revisions.
  if (!event.imported() || event.Has("revision")) event.Whole("revision", 0, kMostWhole);
  event.OptionalText("epoch");
  const std::string_view role = event.OneOf("role", {"assigned", "held_out", "comparison"});
  if (role == "assigned") event.Absent("holdout", "the role 'assigned'");
  if (role == "held_out" || role == "comparison") event.Text("holdout");
  if (role == "comparison") event.Absent("variant", "the role 'comparison'");
  if (role == "assigned" || role == "held_out") event.Text("variant");
  const bool forced = event.OptionalSwitch("forced");
  if ((!forced && !event.imported()) || event.Has("bucket")) event.Whole("bucket", 0, kLastBucket);
  event.OptionalAttributes("context");
}

void ReadEvaluations(EventReader& event) {
  event.Time("from");
  event.Time("to");
  event.List("counts", [](EventReader& count) {
    count.Text("flag");
    count.OptionalText("variation");
    count.Text("reason");
    count.OptionalText("error");
    count.Whole("count", 1, kMostWhole);
  });
}

void ReadTrack(EventReader& event) {
  event.Time("time");
  event.Text("event");
  event.OptionalNumber("value");
  event.Attributes("context");
  event.OptionalAttributes("attributes");
}

void ReadDropped(EventReader& event) {
  if (event.Has("time")) event.Time("time");
  event.Counts("counts");
}

struct KnownType {
  std::string_view word;
  void (*read)(EventReader&);
};
// In the order of EventType.
constexpr std::array<KnownType, kEventTypes> kKnownTypes = {
    {{"exposure", ReadExposure}, {"evaluations", ReadEvaluations}, {"track", ReadTrack}, {"dropped", ReadDropped}}};

// Appends valid JSON without the blanks that mean nothing.
void AppendCompact(std::string& out, std::string_view json) {
  std::size_t begin = 0;  // of what is not copied yet
  for (std::size_t at = 0; at < json.size(); ++at) {
    const char c = json[at];
    if (c == '"') {
      for (++at; json[at] != '"'; ++at) {
        if (json[at] == '\\') ++at;
      }
    } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      out.append(json, begin, at - begin);
      begin = at + 1;
    }
  }
  out.append(json, begin, json.size() - begin);
}

// `text` is the event as sent, of which `event` was read.
std::optional<Fault> Check(const KnownType& type, const Value& event, std::string_view text, std::int64_t now_ms,
                           bool imported) {
  EventReader reader(event, now_ms, imported);
  type.read(reader);
  if (!reader.fault() && type.read == ReadExposure && text.size() > kMostExposureContext &&
      RawMember(text, "context").size() > kMostExposureContext) {
    reader.TooLarge("context", kMostExposureContext);
  }
  return reader.fault();
}

class BatchReader {
 public:
  BatchReader(std::int64_t now_ms, bool imported) : now_ms_(now_ms), imported_(imported) {}

  void ReadSender(const Value& body) {
    const Value* sent = body.Find("sent");
    if (sent != nullptr && sent->is_int()) Append("sent", *sent);
    for (const std::string_view name : {"sdk", "application"}) {
      const Value* who = body.Find(name);
      if (who == nullptr || !who->is_object()) continue;
      Object known;
      for (const std::string_view member : {"name", "version"}) {
        if (const Value* text = ShortText(*who, member)) known.Append(member, *text);
      }
      if (!known.empty()) Append(name, Value(std::move(known)));
    }
    for (const std::string_view name : {"instance", "epoch"}) {
      if (const Value* text = ShortText(body, name)) Append(name, *text);
    }
  }

  void Read(std::size_t index, const Value& event, std::string_view raw) {
    const Value* type = event.Find("type");
    if (type == nullptr || !type->is_string()) {
      return Reject(index,
                    {Rejection::kNoEvent, event.is_object() ? "type: missing, or no text" : "expected an object"});
    }
    const auto known = std::find_if(kKnownTypes.begin(), kKnownTypes.end(),
                                    [&](const KnownType& each) { return each.word == type->AsString(); });
    if (known == kKnownTypes.end()) {
      ++batch_.counts.unknown;
      return;
    }
    const std::size_t end = batch_.events.size();
    batch_.events += end == 0 ? '[' : ',';
    const std::size_t begin = batch_.events.size();
    AppendCompact(batch_.events, raw);
    if (std::optional<Fault> fault =
            Check(*known, event, std::string_view(batch_.events).substr(begin), now_ms_, imported_)) {
      batch_.events.resize(end);
      return Reject(index, *std::move(fault));
    }
    ++batch_.counts.accepted[static_cast<std::size_t>(known - kKnownTypes.begin())];
  }

  EventBatch Take(std::string id) {
    batch_.id = std::move(id);
    if (batch_.events.empty()) batch_.events = "[";
    batch_.events += ']';
    return std::move(batch_);
  }

 private:
  void Append(std::string_view name, const Value& value) {
    AppendJsonString(batch_.sender, name);
    batch_.sender += ':';
    AppendJson(batch_.sender, value);
    batch_.sender += ',';
  }
  static const Value* ShortText(const Value& holder, std::string_view name) {
    const Value* text = holder.Find(name);
    const bool fits = text != nullptr && text->is_string() && !text->AsString().empty() &&
                      text->AsString().size() <= kMostSenderTextBytes;
    return fits ? text : nullptr;
  }
  void Reject(std::size_t index, Fault fault) {
    ++batch_.counts.rejected[static_cast<std::size_t>(fault.reason)];
    if (batch_.first_rejected.size() == kMostNamedRejections) return;
    batch_.first_rejected.push_back({index, fault.reason, std::move(fault.message)});
  }

  const std::int64_t now_ms_;
  const bool imported_;
  EventBatch batch_;
};

bool IsBatchId(std::string_view id) {
  constexpr std::string_view kKnown = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
  return kLeastIdBytes <= id.size() && id.size() <= kMostIdBytes && id.find_first_not_of(kKnown) == id.npos;
}

}  // namespace

std::string_view ToString(EventType type) {
  return kKnownTypes[static_cast<std::size_t>(type)].word;
}

std::string_view ToString(Rejection reason) {
  constexpr std::array<std::string_view, kRejections> kWords = {"no_event",   "missing_member", "wrong_value",
                                                                "time_ahead", "time_behind",    "too_large"};
  return kWords[static_cast<std::size_t>(reason)];
}

std::size_t EventCounts::Accepted() const {
  return std::accumulate(accepted.begin(), accepted.end(), std::size_t{0});
}
std::size_t EventCounts::Rejected() const {
  return std::accumulate(rejected.begin(), rejected.end(), std::size_t{0});
}

Result<std::string> Gunzip(std::string_view bytes, std::size_t most) {
  constexpr int kGzipOnly = 15 + 16;
  z_stream stream{};
  if (inflateInit2(&stream, kGzipOnly) != Z_OK) return Fail(ErrorCode::kInternal, "zlib cannot be started");
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  std::string out;
  int status = Z_OK;
  // One byte more than is allowed tells that it is too much.
  while (status == Z_OK && out.size() <= most) {
    const std::size_t had = out.size();
    out.resize(std::min(most + 1, std::max<std::size_t>(16u << 10, 2 * had)));
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + had);
    stream.avail_out = static_cast<uInt>(out.size() - had);
    status = inflate(&stream, Z_NO_FLUSH);
    out.resize(out.size() - stream.avail_out);
    if (status == Z_OK && stream.avail_in == 0 && stream.avail_out > 0) status = Z_BUF_ERROR;  // cut off
  }
  const bool is_whole = status == Z_STREAM_END && stream.avail_in == 0;
  inflateEnd(&stream);
  if (out.size() > most) {
    return Fail(ErrorCode::kTooLarge, "the body holds more than " + std::to_string(most) + " bytes once unpacked");
  }
  if (!is_whole)
    return Fail(ErrorCode::kInvalid, "the body is no gzip, is damaged or cut off, or goes on after its end");
  return out;
}

Result<EventBatch> ReadBatch(std::string_view json, std::chrono::sys_time<milliseconds> now,
                             const BatchLimits& limits) {
  if (json.size() > limits.bytes) {
    return Fail(ErrorCode::kTooLarge, "a batch has at most " + std::to_string(limits.bytes) + " bytes, this one has " +
                                          std::to_string(json.size()) + ": cut it in two");
  }
  const Result<Value> body = ParseJson(json, {limits.bytes, kMaxDepth});
  if (!body) return Fail(body.error());
  const Value* id = body->Find("batch");
  if (id == nullptr || !IsBatchId(id->AsString())) {
    return Fail(ErrorCode::kInvalid, "'batch' is not 16 to 64 characters of A-Z a-z 0-9 _ -");
  }
  const Value* events = body->Find("events");
  if (events == nullptr || !events->is_array()) return Fail(ErrorCode::kInvalid, "'events' is no list of events");
  const Array& list = events->AsArray();
  if (list.size() > limits.events) {
    return Fail(ErrorCode::kTooLarge, "a batch has at most " + std::to_string(limits.events) +
                                          " events, this one has " + std::to_string(list.size()) + ": cut it in two");
  }
  const std::vector<std::string_view> raw = RawElements(RawMember(json, "events"));
  if (raw.size() != list.size()) return Fail(ErrorCode::kInvalid, "the name 'events' is written with escapes");
  BatchReader reader(now.time_since_epoch().count(), limits.imported);
  reader.ReadSender(*body);
  for (std::size_t i = 0; i < list.size(); ++i) reader.Read(i, list[i], raw[i]);
  return reader.Take(id->AsString());
}

}  // namespace guidon
