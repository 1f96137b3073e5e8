#include <guidon/client.h>
#include <guidon/test_source.h>

#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include "core/eval/evaluator.h"
#include "sdk/client/client_core.h"
#include "sdk/client/hooks.h"
#include "sdk/source/test_flags.h"

namespace guidon {
namespace {

using internal::ClientCore;
using internal::CountRow;
using internal::Recorder;
using internal::RulesetView;

// How each type of read is asked for and taken out of a flag's value.
template <typename T>
struct Kind;
template <>
struct Kind<bool> {
  static constexpr WantedType kWanted = WantedType::kBool;
  static constexpr ReadType kRead = ReadType::kBool;
  static constexpr FlagType kType = FlagType::kBoolean;
  static bool Of(const Value& value) noexcept { return value.AsBool(); }
};
template <>
struct Kind<std::string> {
  static constexpr WantedType kWanted = WantedType::kString;
  static constexpr ReadType kRead = ReadType::kString;
  static constexpr FlagType kType = FlagType::kString;
  static const std::string& Of(const Value& value) noexcept { return value.AsString(); }
};
template <>
struct Kind<std::int64_t> {
  static constexpr WantedType kWanted = WantedType::kInt;
  static constexpr ReadType kRead = ReadType::kInt;
  static constexpr FlagType kType = FlagType::kNumber;
  static std::int64_t Of(const Value& value) noexcept { return value.AsInt(); }
};
template <>
struct Kind<double> {
  static constexpr WantedType kWanted = WantedType::kDouble;
  static constexpr ReadType kRead = ReadType::kDouble;
  static constexpr FlagType kType = FlagType::kNumber;
  static double Of(const Value& value) noexcept { return value.AsDouble(); }
};
template <>
struct Kind<Value> {
  static constexpr WantedType kWanted = WantedType::kJson;
  static constexpr ReadType kRead = ReadType::kJson;
  static constexpr FlagType kType = FlagType::kJson;
  static const Value& Of(const Value& value) noexcept { return value; }
};

// Whatever type the flag is of: only the name of its variation is asked for.
struct NameOnly {};
template <>
struct Kind<NameOnly> {
  static constexpr WantedType kWanted = WantedType::kJson;  // is never checked
};

// One read: which flag of which ruleset, for whom, and whose it is.
struct Question {
  Question(ClientCore& asked, const RulesetView& seen, std::uint32_t at, std::string_view key, const Context& who)
      : core(asked), view(seen), slot(at), flag(key), context(who) {}
  Question(ClientCore& asked, const RulesetView& seen, std::string_view key, const Context& who)
      : Question(asked, seen, seen.ruleset->Find(key), key, who) {}

  ClientCore& core;
  const RulesetView& view;
  std::uint32_t slot;
  std::string_view flag;
  const Context& context;
};

// What an evaluation tells of the experiments that it consults.
struct Listener {
  const Question& asked;
  std::int64_t now_ms;
  bool has_consulted = false;
};

void Expose(void* self, const Consulted& consulted) noexcept {
  const Listener& listener = *static_cast<Listener*>(self);
  const Question& asked = listener.asked;
  asked.core.recorder.Expose(asked.view.recorded, asked.context, listener.now_ms, consulted);
}

void NoteConsulted(void* self, const Consulted&) noexcept {
  static_cast<Listener*>(self)->has_consulted = true;
}

// A flag of another type is not evaluated: nothing is consulted for a caller who sees its own default.
template <typename T, typename... Sink>
[[gnu::always_inline]] inline Decision Decide(const Question& asked, std::int64_t now_ms, Sink&... sink) noexcept {
  if constexpr (!std::is_same_v<T, NameOnly>) {
    const Ruleset::Entry* entry = asked.view.ruleset->At(asked.slot);
    if (entry != nullptr && entry->kind != Ruleset::Entry::Kind::kBroken && entry->type != Kind<T>::kType)
        [[unlikely]] {
      Decision mismatch = internal::DecisionOf(*entry);
      internal::Mismatch(mismatch);
      return mismatch;
    }
  }
  return Evaluate(*asked.view.ruleset, asked.slot, asked.context, now_ms, sink...);
}

// What a read leaves behind.
enum class Trace { kNothing, kCountAndExposures };

template <typename T, Trace kTrace>
[[gnu::always_inline]] inline Decision DecideLeaving(Listener& listener) noexcept {
  if constexpr (kTrace == Trace::kNothing) {
    return Decide<T>(listener.asked, listener.now_ms);
  } else {
    CallSink sink{Kind<T>::kWanted == WantedType::kInt ? &NoteConsulted : &Expose, &listener};
    return Decide<T>(listener.asked, listener.now_ms, sink);
  }
}

// The decision about a flag as a T. It is made where it stays: a copy would wait for what was just written.
template <typename T, Trace kTrace>
class Answered {
 public:
  [[gnu::always_inline]] explicit Answered(const Question& asked) noexcept
      : Answered(asked, {asked, asked.core.NowMs()}) {}
  const Decision& decision() const noexcept { return decision_; }

  // Fallback: a T, or what one is made from without a copy until it is needed.
  template <typename Fallback>
  T ValueOr(const Fallback& fallback) const noexcept {
    if constexpr (std::is_same_v<T, bool>) {
      if (decision_.variation != kNone) return decision_.truth;
    } else {
      if (const Value* value = decision_.value()) return T(Kind<T>::Of(*value));
    }
    return T(static_cast<const std::unwrap_reference_t<Fallback>&>(fallback));
  }
  template <typename Fallback>
  EvaluationDetail<T> DetailOr(const Question& asked, const Fallback& fallback) const noexcept {
    EvaluationDetail<T> detail = DetailOf<T>(*asked.view.ruleset, asked.flag, decision_);
    detail.value = ValueOr(fallback);
    return detail;
  }
  // What hooks are told: the same with any type of value.
  HookDetail DetailFor(const Question& asked, Value value) const noexcept {
    HookDetail detail = DetailOf<Value>(*asked.view.ruleset, asked.flag, decision_);
    detail.value = std::move(value);
    return detail;
  }

 private:
  [[gnu::always_inline]] Answered(const Question& asked, Listener listener) noexcept
      : row_(RowFor(asked)), decision_(DecideLeaving<T, kTrace>(listener)) {
    if constexpr (Kind<T>::kWanted == WantedType::kInt) CheckWhole(listener);
    if (decision_.error == EvaluationError::kFlagNotFound) [[unlikely]] {
      CheckReady(asked);
    }
    if constexpr (kTrace != Trace::kNothing) {
      if (!Recorder::TryCount(row_, decision_.variation, decision_.reason)) [[unlikely]] {
        asked.core.recorder.CountAnyway(asked.view.recorded, asked.slot, asked.flag, decision_);
      }
    }
  }

  // What will be counted in: asked for before the evaluation, so that it comes near meanwhile.
  static CountRow RowFor(const Question& asked) noexcept {
    if (kTrace == Trace::kNothing || asked.slot >= asked.view.recorded.size) return nullptr;
    const CountRow row = asked.core.recorder.RowOf(asked.view.recorded, asked.slot);
    __builtin_prefetch(row, 1);
    return row;
  }

  // Whether the number is whole, and the experiments count, is only known now. Few flags of numbers have experiments;
  // those are evaluated once more.
  void CheckWhole(Listener& listener) noexcept {
    CheckType(WantedType::kInt, decision_);
    if (!listener.has_consulted || decision_.error == EvaluationError::kTypeMismatch) return;
    CallSink exposing{&Expose, &listener};
    Decide<T>(listener.asked, listener.now_ms, exposing);
  }

  // Before the first ruleset there is no flag.
  void CheckReady(const Question& asked) noexcept {
    if (!asked.view.is_ready) {
      decision_.error = EvaluationError::kProviderNotReady;
    } else {
      asked.core.NoteUnknownFlag(asked.flag);
    }
  }

  const CountRow row_;
  Decision decision_;
};

// What a question consists of comes one by one, so that asking needs no memory.
template <typename T, Trace kTrace, typename Fallback>
[[gnu::noinline]] T AnswerAny(ClientCore& core, const RulesetView& view, std::uint32_t slot, std::string_view flag,
                              const Context& context, const Fallback& fallback) noexcept {
  return Answered<T, kTrace>({core, view, slot, flag, context}).ValueOr(fallback);
}

// A flag that answers one thing to everyone, and was counted so before, is answered on the spot.
template <typename T, Trace kTrace, typename Fallback>
[[gnu::always_inline]] inline T Answer(const Question& asked, const Fallback& fallback) noexcept {
  asked.view.ruleset->Prefetch(asked.slot);
  if constexpr (!std::is_same_v<T, std::int64_t>) {  // whether a number is whole has to be looked at
    const Ruleset::Entry* const entry = asked.view.ruleset->At(asked.slot);
    if (entry != nullptr && entry->kind == Ruleset::Entry::Kind::kConstant && entry->type == Kind<T>::kType) {
      const bool is_done = kTrace == Trace::kNothing
                               ? entry->variation != kNone
                               : Recorder::TryCount(asked.core.recorder.RowOf(asked.view.recorded, asked.slot),
                                                    entry->variation, entry->reason);
      if (is_done) [[likely]] {
        if constexpr (std::is_same_v<T, bool>) {
          return internal::TruthOf(*entry, entry->variation);
        } else {
          return T(Kind<T>::Of(entry->flag->variations[static_cast<std::size_t>(entry->variation)].value));
        }
      }
    }
  }
  return AnswerAny<T, kTrace>(asked.core, asked.view, asked.slot, asked.flag, asked.context, fallback);
}

template <typename T, Trace kTrace, typename Fallback>
EvaluationDetail<T> AnswerDetail(const Question& asked, const Fallback& fallback) noexcept {
  return Answered<T, kTrace>(asked).DetailOr(asked, fallback);
}

constexpr Trace kRecorded = Trace::kCountAndExposures;
constexpr Trace kPeeked = Trace::kNothing;

int IndexOf(const Decision& decision, const std::string_view* names, int count, int fallback) noexcept {
  if (decision.variation == kNone) return fallback;
  const std::string_view* const found = std::find(names, names + count, decision.variation_name());
  return found == names + count ? fallback : static_cast<int>(found - names);
}

template <Trace kTrace>
int AnswerVariation(const Question& asked, const std::string_view* names, int count, int fallback) noexcept {
  return IndexOf(Answered<NameOnly, kTrace>(asked).decision(), names, count, fallback);
}

// With the hooks of the application around it: `answer` answers for the context that they leave. The question's view is
// owned by somebody meanwhile, not guarded: hooks take their time.
template <typename Answering>
void WithHooks(const Question& asked, ReadType type, const Value& given, const Answering& answer) noexcept {
  const auto evaluate = [&](const Context& context) {
    return answer(Question(asked.core, asked.view, asked.slot, asked.flag, context));
  };
  const auto complain = [&](const Hook& hook, const char* stage, const char* what) {
    asked.core.NoteHookFault(hook, stage, what);
  };
  internal::RunHooks(asked.core.config.hooks, {asked.flag, type, given, asked.context}, evaluate, complain);
}

template <typename T, typename Fallback>
EvaluationDetail<T> AnswerHooked(const Question& asked, const Fallback& fallback) noexcept {
  EvaluationDetail<T> detail;
  const Value given = Value(T(static_cast<const std::unwrap_reference_t<Fallback>&>(fallback)));
  WithHooks(asked, Kind<T>::kRead, given, [&](Question with) {
    const Answered<T, kRecorded> answered(with);
    detail = answered.DetailOr(with, fallback);
    return answered.DetailFor(with, Value(detail.value));
  });
  return detail;
}

// What is current is guarded for the few lines of an evaluation, and owned where hooks run. `ask` makes the question of
// a view.
template <typename T, typename Ask, typename Fallback>
[[gnu::noinline, gnu::cold]] EvaluationDetail<T> HookedCurrent(ClientCore& core, const Ask& ask,
                                                               const Fallback& fallback) noexcept {
  const std::shared_ptr<const RulesetView> view = core.current.Share();
  return AnswerHooked<T>(ask(*view), fallback);
}
template <typename T, typename Ask, typename Fallback>
[[gnu::always_inline]] inline T ReadCurrent(ClientCore& core, const Ask& ask, const Fallback& fallback) noexcept {
  if (core.has_hooks) [[unlikely]] {
    return HookedCurrent<T>(core, Ask(ask), fallback).value;  // a copy: what has an address is kept in memory
  }
  const Published<RulesetView>::Guard view = core.current.Read();
  return Answer<T, kRecorded>(ask(*view), fallback);
}
template <typename T, typename Ask, typename Fallback>
EvaluationDetail<T> DetailCurrent(ClientCore& core, const Ask& ask, const Fallback& fallback) noexcept {
  if (core.has_hooks) [[unlikely]] {
    return HookedCurrent<T>(core, ask, fallback);
  }
  const Published<RulesetView>::Guard view = core.current.Read();
  return AnswerDetail<T, kRecorded>(ask(*view), fallback);
}

// A pin owns its view.
template <typename T, typename Fallback>
T ReadPinned(const Question& asked, const Fallback& fallback) noexcept {
  return asked.core.has_hooks ? AnswerHooked<T>(asked, fallback).value : Answer<T, kRecorded>(asked, fallback);
}
template <typename T, typename Fallback>
EvaluationDetail<T> DetailPinned(const Question& asked, const Fallback& fallback) noexcept {
  return asked.core.has_hooks ? AnswerHooked<T>(asked, fallback) : AnswerDetail<T, kRecorded>(asked, fallback);
}

// For hooks, the name is the value.
int VariationHooked(const Question& asked, const std::string_view* names, int count, int fallback) noexcept {
  int index = fallback;
  const Value given = fallback >= 0 && fallback < count ? Value(names[fallback]) : Value();
  WithHooks(asked, ReadType::kVariation, given, [&](Question with) {
    const Answered<NameOnly, kRecorded> answered(with);
    const Decision& decision = answered.decision();
    index = IndexOf(decision, names, count, fallback);
    return answered.DetailFor(with, decision.variation == kNone ? given : Value(decision.variation_name()));
  });
  return index;
}

}  // namespace

// ---- Words -------------------------------------------------------------------------------------------------------

std::string_view ToString(ClientState state) noexcept {
  constexpr std::array<std::string_view, 7> kWords = {"initialising", "live",    "polling", "stale",
                                                      "unauthorised", "offline", "closed"};
  return kWords[static_cast<std::size_t>(state)];
}

std::string_view ToString(RulesetSource source) noexcept {
  constexpr std::array<std::string_view, 6> kWords = {"none", "bootstrap", "cache", "server", "test", "file"};
  return kWords[static_cast<std::size_t>(source)];
}

// ---- Client and Pin ----------------------------------------------------------------------------------------------

Client::Client(ClientConfig config) : core_(std::make_shared<ClientCore>(std::move(config))) {
  core_->Start();
}

Client::Client(TestSource& source) : Client(ClientConfig()) {
  source.flags_->Attach(core_);
}

Client::~Client() {
  Close(std::chrono::seconds(1));
}

Readiness Client::WaitReady(std::chrono::milliseconds timeout) const {
  return core_->WaitReady(timeout);
}
ClientStatus Client::Status() const {
  return core_->Status();
}
Pin Client::Pin() const {
  return guidon::Pin(core_, core_->current.Share());
}
Subscription Client::OnChange(std::function<void(const RulesetChange&)> callback) {
  return core_->Subscribe(std::move(callback));
}

void Client::Track(std::string_view event, const Context& context) const noexcept {
  Track(event, context, Object());
}
void Client::Track(std::string_view event, const Context& context, double value) const noexcept {
  Track(event, context, value, Object());
}
void Client::Track(std::string_view event, const Context& context, const Object& attributes) const noexcept {
  core_->outbox->Track({event, context, std::nullopt, attributes});
}
void Client::Track(std::string_view event, const Context& context, double value,
                   const Object& attributes) const noexcept {
  core_->outbox->Track({event, context, value, attributes});
}
bool Client::Flush(std::chrono::milliseconds deadline) const {
  return core_->Flush(deadline);
}
Subscription Client::OnStatus(std::function<void(const ClientStatus&)> callback) {
  return core_->SubscribeToStatus(std::move(callback));
}
bool Client::Close(std::chrono::milliseconds deadline) {
  return core_->Close(deadline);
}

Peek Client::Peek() const {
  return guidon::Peek(core_, nullptr);
}

Pin::Pin(std::shared_ptr<ClientCore> core, std::shared_ptr<const RulesetView> view)
    : core_(std::move(core)), view_(std::move(view)) {}

std::uint64_t Pin::revision() const noexcept {
  return view_->ruleset->revision();
}
Peek Pin::Peek() const {
  return guidon::Peek(core_, view_);
}

Peek::Peek(std::shared_ptr<ClientCore> core, std::shared_ptr<const RulesetView> view)
    : core_(std::move(core)), view_(std::move(view)) {}

// ---- Reads -------------------------------------------------------------------------------------------------------

template <typename T, typename Fallback>
T Client::Read(std::string_view flag, const Context& context, Fallback fallback) const noexcept {
  return ReadCurrent<T>(
      *core_, [&](const RulesetView& view) { return Question(*core_, view, flag, context); }, fallback);
}

template <typename T, typename Fallback>
EvaluationDetail<T> Client::ReadDetail(std::string_view flag, const Context& context,
                                       Fallback fallback) const noexcept {
  return DetailCurrent<T>(
      *core_, [&](const RulesetView& view) { return Question(*core_, view, flag, context); }, fallback);
}

template <typename T, typename Fallback>
T Pin::Read(std::string_view flag, const Context& context, Fallback fallback) const noexcept {
  return ReadPinned<T>({*core_, *view_, flag, context}, fallback);
}

template <typename T, typename Fallback>
EvaluationDetail<T> Pin::ReadDetail(std::string_view flag, const Context& context, Fallback fallback) const noexcept {
  return DetailPinned<T>({*core_, *view_, flag, context}, fallback);
}

template <typename T, typename Fallback>
T Peek::Read(std::string_view flag, const Context& context, Fallback fallback) const noexcept {
  const Published<RulesetView>::Guard current = core_->current.Read();
  return Answer<T, kPeeked>({*core_, view_ != nullptr ? *view_ : *current, flag, context}, fallback);
}

template <typename T, typename Fallback>
EvaluationDetail<T> Peek::ReadDetail(std::string_view flag, const Context& context, Fallback fallback) const noexcept {
  const Published<RulesetView>::Guard current = core_->current.Read();
  return AnswerDetail<T, kPeeked>({*core_, view_ != nullptr ? *view_ : *current, flag, context}, fallback);
}

int Client::ReadVariation(std::string_view flag, const Context& context, const std::string_view* names, int count,
                          int fallback) const noexcept {
  if (core_->has_hooks) [[unlikely]] {
    const std::shared_ptr<const RulesetView> view = core_->current.Share();
    return VariationHooked({*core_, *view, flag, context}, names, count, fallback);
  }
  const Published<RulesetView>::Guard view = core_->current.Read();
  return AnswerVariation<kRecorded>({*core_, *view, flag, context}, names, count, fallback);
}

int Pin::ReadVariation(std::string_view flag, const Context& context, const std::string_view* names, int count,
                       int fallback) const noexcept {
  const Question asked(*core_, *view_, flag, context);
  if (core_->has_hooks) [[unlikely]]
    return VariationHooked(asked, names, count, fallback);
  return AnswerVariation<kRecorded>(asked, names, count, fallback);
}

int Peek::ReadVariation(std::string_view flag, const Context& context, const std::string_view* names, int count,
                        int fallback) const noexcept {
  const Published<RulesetView>::Guard current = core_->current.Read();
  const Question asked(*core_, view_ != nullptr ? *view_ : *current, flag, context);
  return AnswerVariation<kPeeked>(asked, names, count, fallback);
}

template <typename Reader>
int Reads<Reader>::Variation(std::string_view flag, const Context& context, const std::string_view* names, int count,
                             int fallback) const noexcept {
  return static_cast<const Reader*>(this)->ReadVariation(flag, context, names, count, fallback);
}

template <typename Reader>
bool Reads<Reader>::Bool(std::string_view flag, const Context& context, bool fallback) const noexcept {
  return static_cast<const Reader*>(this)->template Read<bool>(flag, context, fallback);
}

template <typename Reader>
EvaluationDetail<bool> Reads<Reader>::BoolDetail(std::string_view flag, const Context& context,
                                                 bool fallback) const noexcept {
  return static_cast<const Reader*>(this)->template ReadDetail<bool>(flag, context, fallback);
}

template <typename Reader>
std::string Reads<Reader>::String(std::string_view flag, const Context& context,
                                  std::string_view fallback) const noexcept {
  return static_cast<const Reader*>(this)->template Read<std::string>(flag, context, fallback);
}

template <typename Reader>
EvaluationDetail<std::string> Reads<Reader>::StringDetail(std::string_view flag, const Context& context,
                                                          std::string_view fallback) const noexcept {
  return static_cast<const Reader*>(this)->template ReadDetail<std::string>(flag, context, fallback);
}

template <typename Reader>
std::int64_t Reads<Reader>::Int(std::string_view flag, const Context& context, std::int64_t fallback) const noexcept {
  return static_cast<const Reader*>(this)->template Read<std::int64_t>(flag, context, fallback);
}

template <typename Reader>
EvaluationDetail<std::int64_t> Reads<Reader>::IntDetail(std::string_view flag, const Context& context,
                                                        std::int64_t fallback) const noexcept {
  return static_cast<const Reader*>(this)->template ReadDetail<std::int64_t>(flag, context, fallback);
}

template <typename Reader>
double Reads<Reader>::Double(std::string_view flag, const Context& context, double fallback) const noexcept {
  return static_cast<const Reader*>(this)->template Read<double>(flag, context, fallback);
}

template <typename Reader>
EvaluationDetail<double> Reads<Reader>::DoubleDetail(std::string_view flag, const Context& context,
                                                     double fallback) const noexcept {
  return static_cast<const Reader*>(this)->template ReadDetail<double>(flag, context, fallback);
}

template <typename Reader>
Value Reads<Reader>::Json(std::string_view flag, const Context& context, const Value& fallback) const noexcept {
  return static_cast<const Reader*>(this)->template Read<Value>(flag, context, std::cref(fallback));
}

template <typename Reader>
EvaluationDetail<Value> Reads<Reader>::JsonDetail(std::string_view flag, const Context& context,
                                                  const Value& fallback) const noexcept {
  return static_cast<const Reader*>(this)->template ReadDetail<Value>(flag, context, std::cref(fallback));
}

// ---- Handles -----------------------------------------------------------------------------------------------------

template <typename T>
Flag<T>::Flag(const Client& client, std::string_view key, T fallback)
    : core_(client.core_), key_(key), slot_(core_->lineage->flags.SlotOf(key)), fallback_(std::move(fallback)) {}

template <typename T>
std::uint32_t Flag<T>::SlotIn(const Pin& pin) const noexcept {
  return pin.core_ == core_ ? slot_ : pin.view_->ruleset->Find(key_);
}

template <typename T>
T Flag<T>::operator()(const Context& context) const noexcept {
  return ReadCurrent<T>(
      *core_, [&](const RulesetView& view) { return Question(*core_, view, slot_, key_, context); }, fallback_);
}

template <typename T>
EvaluationDetail<T> Flag<T>::Detail(const Context& context) const noexcept {
  return DetailCurrent<T>(
      *core_, [&](const RulesetView& view) { return Question(*core_, view, slot_, key_, context); }, fallback_);
}

template <typename T>
T Flag<T>::operator()(const Context& context, const Pin& pin) const noexcept {
  return ReadPinned<T>({*pin.core_, *pin.view_, SlotIn(pin), key_, context}, fallback_);
}

template <typename T>
EvaluationDetail<T> Flag<T>::Detail(const Context& context, const Pin& pin) const noexcept {
  return DetailPinned<T>({*pin.core_, *pin.view_, SlotIn(pin), key_, context}, fallback_);
}

template <typename T>
T Flag<T>::Peek(const Context& context) const noexcept {
  const Published<RulesetView>::Guard view = core_->current.Read();
  return Answer<T, kPeeked>({*core_, *view, slot_, key_, context}, fallback_);
}

template <typename T>
EvaluationDetail<T> Flag<T>::PeekDetail(const Context& context) const noexcept {
  const Published<RulesetView>::Guard view = core_->current.Read();
  return AnswerDetail<T, kPeeked>({*core_, *view, slot_, key_, context}, fallback_);
}

template <typename T>
T Flag<T>::Peek(const Context& context, const Pin& pin) const noexcept {
  return Answer<T, kPeeked>({*pin.core_, *pin.view_, SlotIn(pin), key_, context}, fallback_);
}

template <typename T>
EvaluationDetail<T> Flag<T>::PeekDetail(const Context& context, const Pin& pin) const noexcept {
  return AnswerDetail<T, kPeeked>({*pin.core_, *pin.view_, SlotIn(pin), key_, context}, fallback_);
}

template class Reads<Client>;
template class Reads<Pin>;
template class Reads<Peek>;
template class Flag<bool>;
template class Flag<std::string>;
template class Flag<std::int64_t>;
template class Flag<double>;
template class Flag<Value>;

}  // namespace guidon
