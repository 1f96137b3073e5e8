// The C interface over the C++ one: checks what is passed, turns exceptions into codes, copies into buffers.
#include <guidon.h>
#include <guidon/client.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <exception>
#include <initializer_list>
#include <new>
#include <string>
#include <string_view>
#include <utility>
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

// Sizes of `T` in all versions of this interface; a caller of any of them is served.
template <typename T>
bool IsKnown(std::size_t size) {
  return size == sizeof(T);
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
  to->reason = static_cast<guidon_reason>(from.reason);
  to->error = static_cast<guidon_evaluation_error>(from.error);
  to->revision = from.revision;
  to->forced = from.forced;
  CopyInto(to->variation, sizeof to->variation, from.variation);
  CopyInto(to->rule, sizeof to->rule, from.rule);
  CopyInto(to->experiment, sizeof to->experiment, from.experiment);
  CopyInto(to->variant, sizeof to->variant, from.variant);
  CopyInto(to->message, sizeof to->message, from.message);
}

template <typename T>
using DetailRead = guidon::EvaluationDetail<T> (guidon::Reads<guidon::Client>::*)(std::string_view,
                                                                                  const guidon::Context&,
                                                                                  T) const noexcept;

template <typename T>
T ReadDetail(DetailRead<T> read, const guidon_client* client, const char* flag, const guidon_context* context,
             T fallback, guidon_detail* detail) {
  if (client == nullptr) return fallback;
  const guidon::EvaluationDetail<T> answer = (client->client.*read)(TextOf(flag), ContextOf(context), fallback);
  Describe(answer, detail);
  return answer.value;
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

std::size_t Give(std::string_view text, char* buffer, std::size_t capacity) {
  CopyInto(buffer, capacity, text);
  return text.size();
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
  Say(error, GUIDON_OK, "");
  return Guarded<guidon_client*>(error, nullptr, [&] { return new guidon_client{guidon::Client(ConfigOf(*config))}; });
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
    status->state = static_cast<guidon_state>(from.state);
    status->revision = from.revision;
    status->flags = from.flags;
    status->broken = from.broken.size();
    status->age_ms = from.age.count();
    CopyInto(status->source, sizeof status->source, ToString(from.source));
    CopyInto(status->epoch, sizeof status->epoch, from.epoch);
    CopyInto(status->last_error, sizeof status->last_error, from.last_error);
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
      object.Set(one.name, one.text != nullptr ? guidon::Value(one.text) : guidon::Value(one.number));
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

void guidon_subscription_free(guidon_subscription* subscription) {
  delete subscription;
}

// ---- Reads -------------------------------------------------------------------------------------------------------

bool guidon_bool(const guidon_client* client, const char* flag, const guidon_context* context, bool fallback) {
  return client == nullptr ? fallback : client->client.Bool(TextOf(flag), ContextOf(context), fallback);
}

int64_t guidon_int(const guidon_client* client, const char* flag, const guidon_context* context, int64_t fallback) {
  return client == nullptr ? fallback : client->client.Int(TextOf(flag), ContextOf(context), fallback);
}

double guidon_double(const guidon_client* client, const char* flag, const guidon_context* context, double fallback) {
  return client == nullptr ? fallback : client->client.Double(TextOf(flag), ContextOf(context), fallback);
}

size_t guidon_string(const guidon_client* client, const char* flag, const guidon_context* context, const char* fallback,
                     char* buffer, size_t capacity) {
  if (client == nullptr) return Give(TextOf(fallback), buffer, capacity);
  return Give(client->client.String(TextOf(flag), ContextOf(context), TextOf(fallback)), buffer, capacity);
}

size_t guidon_json(const guidon_client* client, const char* flag, const guidon_context* context, const char* fallback,
                   char* buffer, size_t capacity) {
  if (client == nullptr) return Give(TextOf(fallback), buffer, capacity);
  return Guarded<size_t>(nullptr, 0, [&] {
    const auto detail = client->client.JsonDetail(TextOf(flag), ContextOf(context), guidon::Value());
    if (detail.variation.empty()) return Give(TextOf(fallback), buffer, capacity);
    return Give(guidon::ToJson(detail.value), buffer, capacity);
  });
}

int guidon_variation(const guidon_client* client, const char* flag, const guidon_context* context,
                     const char* const* names, int count, int fallback) {
  constexpr int kOnStack = 32;
  if (client == nullptr || names == nullptr || count < 0) return fallback;
  return Guarded(nullptr, fallback, [&] {
    std::string_view few[kOnStack];
    std::vector<std::string_view> many(count > kOnStack ? static_cast<std::size_t>(count) : 0);
    std::string_view* const views = many.empty() ? few : many.data();
    for (int i = 0; i < count; ++i) views[i] = TextOf(names[i]);
    return client->client.Variation(TextOf(flag), ContextOf(context), views, count, fallback);
  });
}

bool guidon_bool_detail(const guidon_client* client, const char* flag, const guidon_context* context, bool fallback,
                        guidon_detail* detail) {
  return ReadDetail(&guidon::Client::BoolDetail, client, flag, context, fallback, detail);
}

int64_t guidon_int_detail(const guidon_client* client, const char* flag, const guidon_context* context,
                          int64_t fallback, guidon_detail* detail) {
  return ReadDetail(&guidon::Client::IntDetail, client, flag, context, fallback, detail);
}

double guidon_double_detail(const guidon_client* client, const char* flag, const guidon_context* context,
                            double fallback, guidon_detail* detail) {
  return ReadDetail(&guidon::Client::DoubleDetail, client, flag, context, fallback, detail);
}

size_t guidon_string_detail(const guidon_client* client, const char* flag, const guidon_context* context,
                            const char* fallback, char* buffer, size_t capacity, guidon_detail* detail) {
  if (client == nullptr) return Give(TextOf(fallback), buffer, capacity);
  const auto read = client->client.StringDetail(TextOf(flag), ContextOf(context), TextOf(fallback));
  Describe(read, detail);
  return Give(read.value, buffer, capacity);
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
