#include "sdk/client/hooks.h"

#include <deque>
#include <exception>
#include <utility>

#include "core/base/json.h"

namespace guidon {
namespace internal {
namespace {

// One hook, and what it keeps of this read.
struct Called {
  Hook* hook;
  std::shared_ptr<void> data;
};

template <typename Stage>
void Call(const Hook& hook, const char* name, const HookComplaint& complain, Stage stage) {
  try {
    stage();
  } catch (const std::exception& e) {
    complain(hook, name, e.what());
  } catch (...) {
    complain(hook, name, nullptr);
  }
}

}  // namespace

HookDetail RunHooks(const std::vector<std::shared_ptr<Hook>>& hooks, const HookedRead& read,
                    const std::function<HookDetail(const Context&)>& evaluate, const HookComplaint& complain) {
  std::deque<Context> replaced;  // stay where they are: the next hook may add to the one before
  const Context* context = &read.context;
  std::vector<Called> called;
  const auto call = [&](Called& one, const char* name, const auto& stage) {
    HookContext seen{read.flag, read.type, read.fallback, *context, std::move(one.data)};
    Call(*one.hook, name, complain, [&] { stage(*one.hook, seen); });
    one.data = std::move(seen.data);
  };
  for (const std::shared_ptr<Hook>& hook : hooks) {
    if (hook == nullptr) continue;
    call(called.emplace_back(Called{hook.get(), nullptr}), "Before", [&](Hook& one, HookContext& seen) {
      if (std::optional<Context> other = one.Before(seen)) context = &replaced.emplace_back(*std::move(other));
    });
  }
  HookDetail detail = evaluate(*context);
  const bool failed = detail.reason == Reason::kError;
  for (auto one = called.rbegin(); one != called.rend(); ++one) {
    call(*one, failed ? "Error" : "After", [&](Hook& hook, HookContext& seen) {
      if (failed) {
        hook.Error(seen, detail);
      } else {
        hook.After(seen, detail);
      }
    });
  }
  for (auto one = called.rbegin(); one != called.rend(); ++one) {
    call(*one, "Finally", [&](Hook& hook, HookContext& seen) { hook.Finally(seen, detail); });
  }
  return detail;
}

}  // namespace internal

namespace {

// "TARGETING_MATCH" -> "targeting_match"
std::string Lower(std::string_view word) {
  std::string lower(word);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

class Logging : public Hook {
 public:
  Logging(LogSink sink, LoggingHookOptions options) : sink_(std::move(sink)), options_(options) {}

  std::optional<Context> Before(HookContext& read) override {
    sink_(LogLevel::kDebug, Line("before", read));
    return std::nullopt;
  }

  void After(HookContext& read, const HookDetail& detail) override {
    std::string line = Line("after", read);
    line += " reason=" + std::string(ToString(detail.reason));
    if (!detail.variation.empty()) line += " variant=" + detail.variation;
    line += " value=" + ToJson(detail.value);
    sink_(LogLevel::kDebug, line);
  }

  void Error(HookContext& read, const HookDetail& detail) override {
    std::string line = Line("error", read);
    line += " error_code=" + std::string(ToString(detail.error));
    line += " error_message=" + ToJson(Value(detail.message));
    sink_(LogLevel::kError, line);
  }

 private:
  std::string Line(const char* stage, const HookContext& read) const {
    std::string line = std::string("stage=") + stage + " provider_name=guidon flag_key=" + Key(read.flag);
    line += " default_value=" + ToJson(read.fallback);
    if (options_.include_context) line += " evaluation_context=" + ToJson(read.context.ToValue());
    return line;
  }

  // Keys are plain words; what an application asks for may be anything.
  static std::string Key(std::string_view flag) {
    const bool is_plain = !flag.empty() && flag.find_first_of(" \"\n\r\t=\\") == std::string_view::npos;
    return is_plain ? std::string(flag) : ToJson(Value(flag));
  }

  const LogSink sink_;
  const LoggingHookOptions options_;
};

class Telemetry : public Hook {
 public:
  explicit Telemetry(std::function<void(const TelemetryEvent&)> emit) : emit_(std::move(emit)) {}

  void Finally(HookContext& read, const HookDetail& detail) override {
    TelemetryEvent event{"feature_flag.evaluation", {}};
    const auto add = [&](std::string_view name, Value value) { event.attributes.emplace_back(name, std::move(value)); };
    add("feature_flag.key", Value(read.flag));
    add("feature_flag.provider.name", "guidon");
    // What is not one of OpenFeature's reasons is unknown to it.
    add("feature_flag.result.reason",
        detail.reason == Reason::kPrerequisiteFailed ? "unknown" : Lower(ToString(detail.reason)));
    if (!detail.variation.empty()) {
      add("feature_flag.result.variant", detail.variation);
    } else {
      add("feature_flag.result.value", detail.value);
    }
    if (!read.context.key().empty()) add("feature_flag.context.id", Value(read.context.key()));
    if (detail.revision != 0) add("feature_flag.version", std::to_string(detail.revision));
    if (detail.error != EvaluationError::kNone) {
      add("error.type", Lower(ToString(detail.error)));
      if (!detail.message.empty()) add("error.message", detail.message);
    }
    emit_(event);
  }

 private:
  const std::function<void(const TelemetryEvent&)> emit_;
};

}  // namespace

std::shared_ptr<Hook> LoggingHook(LogSink sink, LoggingHookOptions options) {
  return std::make_shared<Logging>(std::move(sink), options);
}

std::shared_ptr<Hook> TelemetryHook(std::function<void(const TelemetryEvent& event)> emit) {
  return std::make_shared<Telemetry>(std::move(emit));
}

}  // namespace guidon
