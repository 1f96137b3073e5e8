// The C interface over the C++ one: checks what is passed, turns exceptions into codes, copies into buffers.
#include <guidon.h>
#include <guidon/client.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <exception>
#include <initializer_list>
#include <new>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "core/base/json.h"

struct guidon_context {
  guidon::Context context;
};
struct guidon_client {
  guidon::Client client;
};
struct guidon_subscription {
  guidon::Subscription subscription;
};
struct guidon_reader {
  std::variant<guidon::Pin, guidon::Peek> reads;
};
struct guidon_bool_flag {
  guidon::Flag<bool> flag;
};
struct guidon_int_flag {
  guidon::Flag<std::int64_t> flag;
};
struct guidon_double_flag {
  guidon::Flag<double> flag;
};
struct guidon_string_flag {
  guidon::Flag<std::string> flag;
};

namespace {

using std::chrono::milliseconds;

std::string_view TextOf(const char* text) {
  return text == nullptr ? std::string_view() : std::string_view(text);
}

// Structures begin with their size as the caller was compiled with it, and grow at their end only. The sizes that `T`
// had before it grew: where the first of the fields begins that came then. tests/sdk/c_abi_test.cc holds them.
template <typename T>
constexpr std::initializer_list<std::size_t> kFormerSizes{};
template <>
constexpr std::initializer_list<std::size_t> kFormerSizes<guidon_config>{
    offsetof(guidon_config, all_attributes_private)};
template <>
constexpr std::initializer_list<std::size_t> kFormerSizes<guidon_status>{offsetof(guidon_status, stale_since_ms)};

// No structure is ever larger. One of garbage is not looked at for long.
constexpr std::size_t kLargest = 4'096;

// A caller of any version of this interface, also of one that is still to come.
template <typename T>
bool IsKnown(std::size_t size) {
  const auto& former = kFormerSizes<T>;
  return (size >= sizeof(T) && size <= kLargest) || std::find(former.begin(), former.end(), size) != former.end();
}

// What the caller gave as far as it has that; the rest is as when nothing is said.
template <typename T>
T Taken(const T& given) {
  T taken{};
  std::memcpy(&taken, &given, std::min(given.size, sizeof(T)));
  return taken;
}

// Whether nothing is said in what a newer caller has beyond this version's settings.
bool SaysNothingMore(const guidon_config& given) {
  constexpr std::size_t kKnown = offsetof(guidon_config, reserved);
  const char* const bytes = reinterpret_cast<const char*>(&given);
  return given.size <= kKnown || std::all_of(bytes + kKnown, bytes + given.size, [](char c) { return c == 0; });
}

// Gives what is filled as far as the caller has room for it; the rest of a newer caller's stays as it is.
template <typename T>
void Fill(T* to, T filled) {
  filled.size = to->size;
  std::memcpy(to, &filled, std::min(to->size, sizeof(T)));
}

// Copies as much as fits, with a NUL, and cuts between characters of UTF-8.
void CopyInto(char* buffer, std::size_t capacity, std::string_view text) {
  if (buffer == nullptr || capacity == 0) return;
  std::size_t size = std::min(text.size(), capacity - 1);
  if (size < text.size()) {
    while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0u) == 0x80u) --size;
  }
  std::memcpy(buffer, text.data(), size);
  buffer[size] = '\0';
}

guidon_code Say(guidon_error* error, guidon_code code, std::string_view message) {
  if (error != nullptr && IsKnown<guidon_error>(error->size)) {
    error->code = code;
    CopyInto(error->message, sizeof error->message, message);
  }
  return code;
}

// What `work` returns; what it throws becomes a code, and `failed` the result.
template <typename T, typename Work>
T Guarded(guidon_error* error, T failed, Work work) noexcept {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    Say(error, GUIDON_NO_MEMORY, "there is no memory");
  } catch (const std::exception& e) {
    Say(error, GUIDON_FAILED, e.what());
  } catch (...) {
    Say(error, GUIDON_FAILED, "something was thrown");
  }
  return failed;
}

// The same for calls whose result is the code.
template <typename Work>
guidon_code Coded(Work work) noexcept {
  guidon_error error = GUIDON_ERROR_INIT;
  const guidon_code code = Guarded(&error, GUIDON_FAILED, work);
  return error.code == GUIDON_OK ? code : error.code;
}

milliseconds TimeOf(std::int64_t ms) {
  return ms < 0 ? milliseconds::max() : milliseconds(ms);
}

const guidon::Context& ContextOf(const guidon_context* context) noexcept {
  static const guidon::Context kNobody;
  return context == nullptr ? kNobody : context->context;
}

template <typename T>
guidon_code Set(guidon_context* context, const char* name, const T& value) {
  if (context == nullptr || name == nullptr) return GUIDON_INVALID_ARGUMENT;
  return Coded([&] {
    context->context.Set(guidon::Attribute(name), value);
    return GUIDON_OK;
  });
}

template <typename T>
void Describe(const guidon::EvaluationDetail<T>& from, guidon_detail* to) {
  if (to == nullptr || !IsKnown<guidon_detail>(to->size)) return;
  guidon_detail detail = GUIDON_DETAIL_INIT;
  detail.reason = static_cast<guidon_reason>(from.reason);
  detail.error = static_cast<guidon_evaluation_error>(from.error);
  detail.revision = from.revision;
  detail.forced = from.forced;
  CopyInto(detail.variation, sizeof detail.variation, from.variation);
  CopyInto(detail.rule, sizeof detail.rule, from.rule);
  CopyInto(detail.experiment, sizeof detail.experiment, from.experiment);
  CopyInto(detail.variant, sizeof detail.variant, from.variant);
  CopyInto(detail.message, sizeof detail.message, from.message);
  Fill(to, detail);
}

std::size_t Give(std::string_view text, char* buffer, std::size_t capacity) {
  CopyInto(buffer, capacity, text);
  return text.size();
}

// ---- Reads, which are the same of a client, a pin and a peek: `From` is guidon_client or guidon_reader ----

// What `read` makes of what is behind `from`; `fallback` when there is none.
template <typename T, typename Read>
T Through(const guidon_client* from, T fallback, Read read) {
  return from == nullptr ? fallback : read(from->client);
}
template <typename T, typename Read>
T Through(const guidon_reader* from, T fallback, Read read) {
  if (from == nullptr) return fallback;
  if (const auto* const pin = std::get_if<guidon::Pin>(&from->reads)) return read(*pin);
  return read(*std::get_if<guidon::Peek>(&from->reads));
}

template <typename From>
bool ReadBool(const From* from, const char* flag, const guidon_context* context, bool fallback) {
  return Through(from, fallback,
                 [&](const auto& reads) { return reads.Bool(TextOf(flag), ContextOf(context), fallback); });
}

template <typename From>
std::int64_t ReadInt(const From* from, const char* flag, const guidon_context* context, std::int64_t fallback) {
  return Through(from, fallback,
                 [&](const auto& reads) { return reads.Int(TextOf(flag), ContextOf(context), fallback); });
}

template <typename From>
double ReadDouble(const From* from, const char* flag, const guidon_context* context, double fallback) {
  return Through(from, fallback,
                 [&](const auto& reads) { return reads.Double(TextOf(flag), ContextOf(context), fallback); });
}

template <typename From>
std::size_t ReadString(const From* from, const char* flag, const guidon_context* context, const char* fallback,
                       char* buffer, std::size_t capacity) {
  if (from == nullptr) return Give(TextOf(fallback), buffer, capacity);
  return Through(from, std::size_t{0}, [&](const auto& reads) {
    return Give(reads.String(TextOf(flag), ContextOf(context), TextOf(fallback)), buffer, capacity);
  });
}

template <typename From>
std::size_t ReadJson(const From* from, const char* flag, const guidon_context* context, const char* fallback,
                     char* buffer, std::size_t capacity) {
  if (from == nullptr) return Give(TextOf(fallback), buffer, capacity);
  return Guarded<std::size_t>(nullptr, 0, [&] {
    return Through(from, std::size_t{0}, [&](const auto& reads) {
      const auto detail = reads.JsonDetail(TextOf(flag), ContextOf(context), guidon::Value());
      if (detail.variation.empty()) return Give(TextOf(fallback), buffer, capacity);
      return Give(guidon::ToJson(detail.value), buffer, capacity);
    });
  });
}

template <typename From>
int ReadVariation(const From* from, const char* flag, const guidon_context* context, const char* const* names,
                  int count, int fallback) {
  constexpr int kOnStack = 32;
  if (from == nullptr || names == nullptr || count < 0) return fallback;
  return Guarded(nullptr, fallback, [&] {
    std::string_view few[kOnStack];
    std::vector<std::string_view> many(count > kOnStack ? static_cast<std::size_t>(count) : 0);
    std::string_view* const views = many.empty() ? few : many.data();
    for (int i = 0; i < count; ++i) views[i] = TextOf(names[i]);
    return Through(from, fallback, [&](const auto& reads) {
      return reads.Variation(TextOf(flag), ContextOf(context), views, count, fallback);
    });
  });
}

// `read` is one of the ...Detail() reads.
template <typename From, typename T, typename Read>
T ReadDetail(const From* from, T fallback, guidon_detail* detail, Read read) {
  return Through(from, fallback, [&](const auto& reads) {
    const guidon::EvaluationDetail<T> answer = read(reads);
    Describe(answer, detail);
    return answer.value;
  });
}

template <typename From>
bool ReadBoolDetail(const From* from, const char* flag, const guidon_context* context, bool fallback,
                    guidon_detail* detail) {
  return ReadDetail(from, fallback, detail,
                    [&](const auto& reads) { return reads.BoolDetail(TextOf(flag), ContextOf(context), fallback); });
}

template <typename From>
std::int64_t ReadIntDetail(const From* from, const char* flag, const guidon_context* context, std::int64_t fallback,
                           guidon_detail* detail) {
  return ReadDetail(from, fallback, detail,
                    [&](const auto& reads) { return reads.IntDetail(TextOf(flag), ContextOf(context), fallback); });
}

template <typename From>
double ReadDoubleDetail(const From* from, const char* flag, const guidon_context* context, double fallback,
                        guidon_detail* detail) {
  return ReadDetail(from, fallback, detail,
                    [&](const auto& reads) { return reads.DoubleDetail(TextOf(flag), ContextOf(context), fallback); });
}

template <typename From>
std::size_t ReadStringDetail(const From* from, const char* flag, const guidon_context* context, const char* fallback,
                             char* buffer, std::size_t capacity, guidon_detail* detail) {
  if (from == nullptr) return Give(TextOf(fallback), buffer, capacity);
  return Through(from, std::size_t{0}, [&](const auto& reads) {
    const auto answer = reads.StringDetail(TextOf(flag), ContextOf(context), TextOf(fallback));
    Describe(answer, detail);
    return Give(answer.value, buffer, capacity);
  });
}

guidon::ClientConfig ConfigOf(const guidon_config& given) {
  guidon::ClientConfig config;
  config.server = TextOf(given.server);
  config.key = TextOf(given.key);
  config.bootstrap_file = TextOf(given.bootstrap_file);
  config.bootstrap = TextOf(given.bootstrap);
  config.cache_file = TextOf(given.cache_file);
  config.ca_file = TextOf(given.ca_file);
  config.application = TextOf(given.application);
  config.application_version = TextOf(given.application_version);
  if (given.connect_timeout_ms > 0) config.connect_timeout = milliseconds(given.connect_timeout_ms);
  if (given.silence_timeout_ms > 0) config.silence_timeout = milliseconds(given.silence_timeout_ms);
  config.client_certificate_file = TextOf(given.client_certificate_file);
  config.client_key_file = TextOf(given.client_key_file);
  for (std::size_t i = 0; given.private_attributes != nullptr && i < given.private_attribute_count; ++i) {
    config.private_attributes.emplace_back(TextOf(given.private_attributes[i]));
  }
  config.all_attributes_private = given.all_attributes_private;
  if (given.serve_defaults_after_ms > 0) config.serve_defaults_after = milliseconds(given.serve_defaults_after_ms);
  config.send_events = !given.without_events;
  config.flag_overrides = given.flag_overrides;
  config.flag_file = TextOf(given.flag_file);
  if (given.flag_file_interval_ms > 0) config.flag_file_interval = milliseconds(given.flag_file_interval_ms);
  if (given.log != nullptr) {
    config.log = [log = given.log, user = given.log_user](guidon::LogLevel level, std::string_view message) {
      log(user, static_cast<guidon_log_level>(level), std::string(message).c_str());
    };
  }
  return config;
}

template <typename Flag, typename Fallback>
Flag* NewFlag(const guidon_client* client, const char* key, const Fallback& fallback) {
  if (client == nullptr || key == nullptr) return nullptr;
  return Guarded<Flag*>(nullptr, nullptr, [&] { return new Flag{{client->client, key, fallback}}; });
}

}  // namespace

const char* guidon_version(void) {
  return GUIDON_VERSION;
}

// ---- Contexts ----------------------------------------------------------------------------------------------------

guidon_context* guidon_context_new(const char* key) {
  return Guarded<guidon_context*>(nullptr, nullptr, [&] { return new guidon_context{guidon::Context(TextOf(key))}; });
}

guidon_context* guidon_context_copy(const guidon_context* context) {
  if (context == nullptr) return nullptr;
  return Guarded<guidon_context*>(nullptr, nullptr, [&] { return new guidon_context{context->context}; });
}

void guidon_context_free(guidon_context* context) {
  delete context;
}

guidon_code guidon_context_reset(guidon_context* context, const char* key) {
  if (context == nullptr) return GUIDON_INVALID_ARGUMENT;
  return Coded([&] {
    context->context = guidon::Context(TextOf(key));
    return GUIDON_OK;
  });
}

guidon_code guidon_context_set_text(guidon_context* context, const char* name, const char* text) {
  return Set(context, name, text);
}

guidon_code guidon_context_set_int(guidon_context* context, const char* name, int64_t number) {
  return Set(context, name, number);
}

guidon_code guidon_context_set_double(guidon_context* context, const char* name, double number) {
  if (!std::isfinite(number)) return GUIDON_INVALID_ARGUMENT;
  return Set(context, name, number);
}

guidon_code guidon_context_set_bool(guidon_context* context, const char* name, bool truth) {
  return Set(context, name, truth);
}

guidon_code guidon_context_set_texts(guidon_context* context, const char* name, const char* const* texts,
                                     size_t count) {
  if (texts == nullptr && count > 0) return GUIDON_INVALID_ARGUMENT;
  if (std::any_of(texts, texts + count, [](const char* text) { return text == nullptr; })) {
    return GUIDON_INVALID_ARGUMENT;
  }
  return Coded([&] {
    guidon::Array list;
    for (size_t i = 0; i < count; ++i) list.emplace_back(texts[i]);
    return Set(context, name, guidon::Value(std::move(list)));
  });
}

// ---- Clients -----------------------------------------------------------------------------------------------------

guidon_client* guidon_client_new(const guidon_config* config, guidon_error* error) {
  if (config == nullptr || !IsKnown<guidon_config>(config->size)) {
    Say(error, GUIDON_INVALID_ARGUMENT, "the configuration is NULL, or of a size that this library does not know");
    return nullptr;
  }
  if (!SaysNothingMore(*config)) {
    Say(error, GUIDON_INVALID_ARGUMENT, "the configuration has settings that version " GUIDON_VERSION " does not know");
    return nullptr;
  }
  Say(error, GUIDON_OK, "");
  return Guarded<guidon_client*>(error, nullptr,
                                 [&] { return new guidon_client{guidon::Client(ConfigOf(Taken(*config)))}; });
}

void guidon_client_free(guidon_client* client) {
  delete client;
}

guidon_code guidon_client_close(guidon_client* client, int64_t deadline_ms) {
  if (client == nullptr) return GUIDON_INVALID_ARGUMENT;
  return Coded([&] { return client->client.Close(TimeOf(deadline_ms)) ? GUIDON_OK : GUIDON_TIMED_OUT; });
}

guidon_code guidon_client_wait_ready(const guidon_client* client, int64_t timeout_ms, guidon_error* error) {
  if (client == nullptr) return Say(error, GUIDON_INVALID_ARGUMENT, "there is no client");
  return Guarded(error, GUIDON_FAILED, [&] {
    const guidon::Readiness readiness = client->client.WaitReady(TimeOf(timeout_ms));
    return Say(error, readiness ? GUIDON_OK : GUIDON_NOT_READY, readiness.cause);
  });
}

guidon_code guidon_client_status(const guidon_client* client, guidon_status* status) {
  if (client == nullptr || status == nullptr || !IsKnown<guidon_status>(status->size)) return GUIDON_INVALID_ARGUMENT;
  return Coded([&] {
    const guidon::ClientStatus from = client->client.Status();
    guidon_status now = GUIDON_STATUS_INIT;
    now.state = static_cast<guidon_state>(from.state);
    now.revision = from.revision;
    now.flags = from.flags;
    now.broken = from.broken.size();
    now.age_ms = from.age.count();
    CopyInto(now.source, sizeof now.source, ToString(from.source));
    CopyInto(now.epoch, sizeof now.epoch, from.epoch);
    CopyInto(now.last_error, sizeof now.last_error, from.last_error);
    now.stale_since_ms = std::chrono::duration_cast<milliseconds>(from.stale_since.time_since_epoch()).count();
    now.queued_events = from.events.queued;
    now.dropped_exposures = from.events.dropped.exposures;
    now.dropped_track = from.events.dropped.track;
    now.invalid_track = from.events.dropped.invalid;
    now.dropped_batches = from.events.dropped.batches;
    now.rejected_events = from.events.dropped.rejected;
    now.lost_evaluations = from.events.dropped.evaluations;
    now.serves_defaults = from.serves_defaults;
    Fill(status, now);
    return GUIDON_OK;
  });
}

guidon_code guidon_track(const guidon_client* client, const char* event, const guidon_context* context,
                         const double* value, const guidon_attribute* attributes, size_t count) {
  if (client == nullptr || event == nullptr || (attributes == nullptr && count > 0)) return GUIDON_INVALID_ARGUMENT;
  return Coded([&] {
    guidon::Object object;
    for (size_t i = 0; i < count; ++i) {
      const guidon_attribute& one = attributes[i];
      if (one.name == nullptr) return GUIDON_INVALID_ARGUMENT;
      object.Set(one.name, one.text != nullptr    ? guidon::Value(one.text)
                           : one.truth != nullptr ? guidon::Value(*one.truth)
                                                  : guidon::Value(one.number));
    }
    if (value != nullptr) {
      client->client.Track(event, ContextOf(context), *value, object);
    } else {
      client->client.Track(event, ContextOf(context), object);
    }
    return GUIDON_OK;
  });
}

guidon_code guidon_flush(const guidon_client* client, int64_t deadline_ms) {
  if (client == nullptr) return GUIDON_INVALID_ARGUMENT;
  return Coded([&] { return client->client.Flush(TimeOf(deadline_ms)) ? GUIDON_OK : GUIDON_TIMED_OUT; });
}

guidon_subscription* guidon_client_on_change(guidon_client* client, void (*changed)(void* user, uint64_t revision),
                                             void* user) {
  if (client == nullptr || changed == nullptr) return nullptr;
  return Guarded<guidon_subscription*>(nullptr, nullptr, [&] {
    return new guidon_subscription{client->client.OnChange(
        [changed, user](const guidon::RulesetChange& change) { changed(user, change.revision); })};
  });
}

guidon_subscription* guidon_client_on_status(guidon_client* client, void (*told)(void* user), void* user) {
  if (client == nullptr || told == nullptr) return nullptr;
  return Guarded<guidon_subscription*>(nullptr, nullptr, [&] {
    return new guidon_subscription{client->client.OnStatus([told, user](const guidon::ClientStatus&) { told(user); })};
  });
}

void guidon_subscription_free(guidon_subscription* subscription) {
  delete subscription;
}

// ---- Reads -------------------------------------------------------------------------------------------------------

bool guidon_bool(const guidon_client* client, const char* flag, const guidon_context* context, bool fallback) {
  return ReadBool(client, flag, context, fallback);
}

int64_t guidon_int(const guidon_client* client, const char* flag, const guidon_context* context, int64_t fallback) {
  return ReadInt(client, flag, context, fallback);
}

double guidon_double(const guidon_client* client, const char* flag, const guidon_context* context, double fallback) {
  return ReadDouble(client, flag, context, fallback);
}

size_t guidon_string(const guidon_client* client, const char* flag, const guidon_context* context, const char* fallback,
                     char* buffer, size_t capacity) {
  return ReadString(client, flag, context, fallback, buffer, capacity);
}

size_t guidon_json(const guidon_client* client, const char* flag, const guidon_context* context, const char* fallback,
                   char* buffer, size_t capacity) {
  return ReadJson(client, flag, context, fallback, buffer, capacity);
}

int guidon_variation(const guidon_client* client, const char* flag, const guidon_context* context,
                     const char* const* names, int count, int fallback) {
  return ReadVariation(client, flag, context, names, count, fallback);
}

bool guidon_bool_detail(const guidon_client* client, const char* flag, const guidon_context* context, bool fallback,
                        guidon_detail* detail) {
  return ReadBoolDetail(client, flag, context, fallback, detail);
}

int64_t guidon_int_detail(const guidon_client* client, const char* flag, const guidon_context* context,
                          int64_t fallback, guidon_detail* detail) {
  return ReadIntDetail(client, flag, context, fallback, detail);
}

double guidon_double_detail(const guidon_client* client, const char* flag, const guidon_context* context,
                            double fallback, guidon_detail* detail) {
  return ReadDoubleDetail(client, flag, context, fallback, detail);
}

size_t guidon_string_detail(const guidon_client* client, const char* flag, const guidon_context* context,
                            const char* fallback, char* buffer, size_t capacity, guidon_detail* detail) {
  return ReadStringDetail(client, flag, context, fallback, buffer, capacity, detail);
}

// ---- Readers -----------------------------------------------------------------------------------------------------

guidon_reader* guidon_pin_new(const guidon_client* client) {
  if (client == nullptr) return nullptr;
  return Guarded<guidon_reader*>(nullptr, nullptr, [&] { return new guidon_reader{client->client.Pin()}; });
}

guidon_reader* guidon_peek_new(const guidon_client* client) {
  if (client == nullptr) return nullptr;
  return Guarded<guidon_reader*>(nullptr, nullptr, [&] { return new guidon_reader{client->client.Peek()}; });
}

guidon_reader* guidon_reader_peek(const guidon_reader* reader) {
  return Through(reader, static_cast<guidon_reader*>(nullptr), [](const auto& reads) {
    return Guarded<guidon_reader*>(nullptr, nullptr, [&] {
      if constexpr (std::is_same_v<decltype(reads), const guidon::Pin&>) {
        return new guidon_reader{reads.Peek()};
      } else {
        return new guidon_reader{reads};
      }
    });
  });
}

void guidon_reader_free(guidon_reader* reader) {
  delete reader;
}

uint64_t guidon_reader_revision(const guidon_reader* reader) {
  const auto* const pin = reader == nullptr ? nullptr : std::get_if<guidon::Pin>(&reader->reads);
  return pin == nullptr ? 0 : pin->revision();
}

bool guidon_reader_bool(const guidon_reader* reader, const char* flag, const guidon_context* context, bool fallback) {
  return ReadBool(reader, flag, context, fallback);
}

int64_t guidon_reader_int(const guidon_reader* reader, const char* flag, const guidon_context* context,
                          int64_t fallback) {
  return ReadInt(reader, flag, context, fallback);
}

double guidon_reader_double(const guidon_reader* reader, const char* flag, const guidon_context* context,
                            double fallback) {
  return ReadDouble(reader, flag, context, fallback);
}

size_t guidon_reader_string(const guidon_reader* reader, const char* flag, const guidon_context* context,
                            const char* fallback, char* buffer, size_t capacity) {
  return ReadString(reader, flag, context, fallback, buffer, capacity);
}

size_t guidon_reader_json(const guidon_reader* reader, const char* flag, const guidon_context* context,
                          const char* fallback, char* buffer, size_t capacity) {
  return ReadJson(reader, flag, context, fallback, buffer, capacity);
}

int guidon_reader_variation(const guidon_reader* reader, const char* flag, const guidon_context* context,
                            const char* const* names, int count, int fallback) {
  return ReadVariation(reader, flag, context, names, count, fallback);
}

bool guidon_reader_bool_detail(const guidon_reader* reader, const char* flag, const guidon_context* context,
                               bool fallback, guidon_detail* detail) {
  return ReadBoolDetail(reader, flag, context, fallback, detail);
}

int64_t guidon_reader_int_detail(const guidon_reader* reader, const char* flag, const guidon_context* context,
                                 int64_t fallback, guidon_detail* detail) {
  return ReadIntDetail(reader, flag, context, fallback, detail);
}

double guidon_reader_double_detail(const guidon_reader* reader, const char* flag, const guidon_context* context,
                                   double fallback, guidon_detail* detail) {
  return ReadDoubleDetail(reader, flag, context, fallback, detail);
}

size_t guidon_reader_string_detail(const guidon_reader* reader, const char* flag, const guidon_context* context,
                                   const char* fallback, char* buffer, size_t capacity, guidon_detail* detail) {
  return ReadStringDetail(reader, flag, context, fallback, buffer, capacity, detail);
}

// ---- Handles -----------------------------------------------------------------------------------------------------

guidon_bool_flag* guidon_bool_flag_new(const guidon_client* client, const char* flag, bool fallback) {
  return NewFlag<guidon_bool_flag>(client, flag, fallback);
}
void guidon_bool_flag_free(guidon_bool_flag* flag) {
  delete flag;
}
bool guidon_bool_flag_read(const guidon_bool_flag* flag, const guidon_context* context) {
  return flag != nullptr && flag->flag(ContextOf(context));
}

guidon_int_flag* guidon_int_flag_new(const guidon_client* client, const char* flag, int64_t fallback) {
  return NewFlag<guidon_int_flag>(client, flag, fallback);
}
void guidon_int_flag_free(guidon_int_flag* flag) {
  delete flag;
}
int64_t guidon_int_flag_read(const guidon_int_flag* flag, const guidon_context* context) {
  return flag == nullptr ? 0 : flag->flag(ContextOf(context));
}

guidon_double_flag* guidon_double_flag_new(const guidon_client* client, const char* flag, double fallback) {
  return NewFlag<guidon_double_flag>(client, flag, fallback);
}
void guidon_double_flag_free(guidon_double_flag* flag) {
  delete flag;
}
double guidon_double_flag_read(const guidon_double_flag* flag, const guidon_context* context) {
  return flag == nullptr ? 0 : flag->flag(ContextOf(context));
}

guidon_string_flag* guidon_string_flag_new(const guidon_client* client, const char* flag, const char* fallback) {
  return NewFlag<guidon_string_flag>(client, flag, std::string(TextOf(fallback)));
}
void guidon_string_flag_free(guidon_string_flag* flag) {
  delete flag;
}
size_t guidon_string_flag_read(const guidon_string_flag* flag, const guidon_context* context, char* buffer,
                               size_t capacity) {
  if (flag == nullptr) return Give("", buffer, capacity);
  return Give(flag->flag(ContextOf(context)), buffer, capacity);
}
