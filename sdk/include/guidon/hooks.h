// Code of the application that sees every read: for logs, traces and metrics. The stages are OpenFeature's.
//
//   class Audit : public guidon::Hook {
//    public:
//     void After(guidon::HookContext& read, const guidon::HookDetail& detail) override { … }
//   };
//   config.hooks.push_back(std::make_shared<Audit>());
//   config.hooks.push_back(guidon::LoggingHook(sink));
//
// For each read Before is called, of each hook in the order of the list; then, in the opposite order, After or, when
// the fallback is given because of an error, Error; and Finally in any case. They run on the thread that reads, before
// the caller has its answer and outside any lock of the SDK: what they cost, the read costs. Peek calls none. What a
// hook throws is logged, by another thread and once a minute for each stage of a hook, and the read goes on: code that
// watches must not be able to switch a flag. (OpenFeature answers with the fallback then.)
//
// A client without hooks pays one test of a constant for them.
//
// Thread safety: a hook is called by many threads at once, and makes that safe itself.
#pragma once

#include <guidon/client_config.h>
#include <guidon/context.h>
#include <guidon/evaluation_detail.h>
#include <guidon/export.h>
#include <guidon/value.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace guidon {

// What a read asks for. kVariation is Reads::Variation, for which the value is the variation's name.
enum class ReadType { kBool, kString, kInt, kDouble, kJson, kVariation };

// A read, as its hooks see it; valid until it has ended.
struct HookContext {
  std::string_view flag;       // its key
  ReadType type;               // which of the reads it is
  const Value& fallback;       // the caller's
  const Context& context;      // the caller's, or what a hook put in its place
  std::shared_ptr<void> data;  // this hook's own for this read, from Before to Finally; nobody else sees it
};

// What the caller is going to get; its value as JSON.
using HookDetail = EvaluationDetail<Value>;

// What an application derives from; whichever stages it does not override do nothing.
class GUIDON_API Hook {
 public:
  virtual ~Hook() = default;

  // A context that is returned takes the place of the caller's for what follows of this read: copy `read.context`, and
  // add to it.
  virtual std::optional<Context> Before(HookContext& read) {
    static_cast<void>(read);
    return std::nullopt;
  }

  // The flag was evaluated.
  virtual void After(HookContext& read, const HookDetail& detail) {
    static_cast<void>(read);
    static_cast<void>(detail);
  }

  // The fallback is given, and `detail.error` says why.
  virtual void Error(HookContext& read, const HookDetail& detail) {
    static_cast<void>(read);
    static_cast<void>(detail);
  }

  // After either of them.
  virtual void Finally(HookContext& read, const HookDetail& detail) {
    static_cast<void>(read);
    static_cast<void>(detail);
  }
};

// What LoggingHook writes.
struct LoggingHookOptions {
  bool include_context = false;  // the attributes of contexts may be personal data
};

// A line for each stage: `stage=after flag_key=checkout.layout reason=SPLIT variant=one_page value="single"`. Before
// and After at kDebug, Error at kError. OpenFeature's appendix A names the fields.
GUIDON_API std::shared_ptr<Hook> LoggingHook(LogSink sink, LoggingHookOptions options = {});

// A read as OpenTelemetry's semantic conventions for feature flags have it. Views are valid within the call of `emit`.
struct TelemetryEvent {
  std::string_view name;                                       // "feature_flag.evaluation"
  std::vector<std::pair<std::string_view, Value>> attributes;  // by the names of OpenFeature's appendix D
};

// Gives an event for each read to `emit`, which hands it to whatever OpenTelemetry the application has: nothing of it
// is needed here. `emit` is called on the threads that read, several at once.
GUIDON_API std::shared_ptr<Hook> TelemetryHook(std::function<void(const TelemetryEvent& event)> emit);

}  // namespace guidon
