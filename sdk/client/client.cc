#include <guidon/client.h>
#include <guidon/test_source.h>

#include <algorithm>
#include <array>
#include <functional>
#include <utility>

#include "core/eval/evaluator.h"
#include "sdk/client/client_core.h"
#include "sdk/source/test_flags.h"

namespace guidon {
namespace {

using internal::ClientCore;
using internal::RulesetView;

// How each type of read is asked for and taken out of a flag's value.
template <typename T>
struct Kind;
template <>
struct Kind<bool> {
  static constexpr WantedType kWanted = WantedType::kBool;
  static bool Of(const Value& value) noexcept { return value.AsBool(); }
};
template <>
struct Kind<std::string> {
  static constexpr WantedType kWanted = WantedType::kString;
  static const std::string& Of(const Value& value) noexcept { return value.AsString(); }
};
template <>
struct Kind<std::int64_t> {
  static constexpr WantedType kWanted = WantedType::kInt;
  static std::int64_t Of(const Value& value) noexcept { return value.AsInt(); }
};
template <>
struct Kind<double> {
  static constexpr WantedType kWanted = WantedType::kDouble;
  static double Of(const Value& value) noexcept { return value.AsDouble(); }
};
template <>
struct Kind<Value> {
  static constexpr WantedType kWanted = WantedType::kJson;
  static const Value& Of(const Value& value) noexcept { return value; }
};

template <typename T>
Decision Decide(const RulesetView& view, std::uint32_t slot, const Context& context, std::int64_t now_ms) noexcept {
  Decision decision = Evaluate(*view.ruleset, slot, context, now_ms);
  CheckType(Kind<T>::kWanted, decision);
  if (!view.is_ready) decision.error = EvaluationError::kProviderNotReady;
  return decision;
}

std::int64_t Now(const ClientCore& core) noexcept {
  return core.now_ms.load(std::memory_order_relaxed);
}

void Note(ClientCore& core, std::string_view key, const Decision& decision) noexcept {
  if (decision.error == EvaluationError::kFlagNotFound) core.NoteUnknownFlag(key);
}

// Fallback: a T, or what one is made from without a copy until it is needed.
template <typename T, typename Fallback>
T ValueOf(ClientCore& core, std::string_view key, const Decision& decision, const Fallback& fallback) noexcept {
  if (const Value* value = decision.value()) return T(Kind<T>::Of(*value));
  Note(core, key, decision);
  return T(static_cast<const std::unwrap_reference_t<Fallback>&>(fallback));
}

template <typename T, typename Fallback>
EvaluationDetail<T> Describe(ClientCore& core, const RulesetView& view, std::string_view key, const Decision& decision,
                             const Fallback& fallback) noexcept {
  EvaluationDetail<T> detail = DetailOf<T>(*view.ruleset, key, decision);
  detail.value = ValueOf<T>(core, key, decision, fallback);
  return detail;
}

template <typename T, typename Fallback>
T ReadFrom(ClientCore& core, const RulesetView& view, std::string_view flag, const Context& context,
           const Fallback& fallback) noexcept {
  return ValueOf<T>(core, flag, Decide<T>(view, view.ruleset->Find(flag), context, Now(core)), fallback);
}

template <typename T, typename Fallback>
EvaluationDetail<T> DetailFrom(ClientCore& core, const RulesetView& view, std::string_view flag, const Context& context,
                               const Fallback& fallback) noexcept {
  return Describe<T>(core, view, flag, Decide<T>(view, view.ruleset->Find(flag), context, Now(core)), fallback);
}

int VariationFrom(ClientCore& core, const RulesetView& view, std::string_view flag, const Context& context,
                  const std::string_view* names, int count, int fallback) noexcept {
  Decision decision = Evaluate(*view.ruleset, view.ruleset->Find(flag), context, Now(core));
  if (!view.is_ready) decision.error = EvaluationError::kProviderNotReady;
  if (decision.variation == kNone) {
    Note(core, flag, decision);
    return fallback;
  }
  const std::string_view* const found = std::find(names, names + count, decision.variation_name());
  return found == names + count ? fallback : static_cast<int>(found - names);
}

}  // namespace

// ---- Words -------------------------------------------------------------------------------------------------------

std::string_view ToString(ClientState state) noexcept {
  constexpr std::array<std::string_view, 7> kWords = {"initialising", "live",    "polling", "stale",
                                                      "unauthorised", "offline", "closed"};
  return kWords[static_cast<std::size_t>(state)];
}

std::string_view ToString(RulesetSource source) noexcept {
  constexpr std::array<std::string_view, 5> kWords = {"none", "bootstrap", "cache", "server", "test"};
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
bool Client::Close(std::chrono::milliseconds deadline) {
  return core_->Close(deadline);
}

Pin::Pin(std::shared_ptr<ClientCore> core, std::shared_ptr<const RulesetView> view)
    : core_(std::move(core)), view_(std::move(view)) {}

std::uint64_t Pin::revision() const noexcept {
  return view_->ruleset->revision();
}

// ---- Reads -------------------------------------------------------------------------------------------------------

template <typename T, typename Fallback>
T Client::Read(std::string_view flag, const Context& context, Fallback fallback) const noexcept {
  const Published<RulesetView>::Guard view = core_->current.Read();
  return ReadFrom<T>(*core_, *view, flag, context, fallback);
}

template <typename T, typename Fallback>
EvaluationDetail<T> Client::ReadDetail(std::string_view flag, const Context& context,
                                       Fallback fallback) const noexcept {
  const Published<RulesetView>::Guard view = core_->current.Read();
  return DetailFrom<T>(*core_, *view, flag, context, fallback);
}

template <typename T, typename Fallback>
T Pin::Read(std::string_view flag, const Context& context, Fallback fallback) const noexcept {
  return ReadFrom<T>(*core_, *view_, flag, context, fallback);
}

template <typename T, typename Fallback>
EvaluationDetail<T> Pin::ReadDetail(std::string_view flag, const Context& context, Fallback fallback) const noexcept {
  return DetailFrom<T>(*core_, *view_, flag, context, fallback);
}

int Client::ReadVariation(std::string_view flag, const Context& context, const std::string_view* names, int count,
                          int fallback) const noexcept {
  const Published<RulesetView>::Guard view = core_->current.Read();
  return VariationFrom(*core_, *view, flag, context, names, count, fallback);
}

int Pin::ReadVariation(std::string_view flag, const Context& context, const std::string_view* names, int count,
                       int fallback) const noexcept {
  return VariationFrom(*core_, *view_, flag, context, names, count, fallback);
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
T Flag<T>::operator()(const Context& context) const noexcept {
  const Published<RulesetView>::Guard view = core_->current.Read();
  return ValueOf<T>(*core_, key_, Decide<T>(*view, slot_, context, Now(*core_)), fallback_);
}

template <typename T>
EvaluationDetail<T> Flag<T>::Detail(const Context& context) const noexcept {
  const Published<RulesetView>::Guard view = core_->current.Read();
  return Describe<T>(*core_, *view, key_, Decide<T>(*view, slot_, context, Now(*core_)), fallback_);
}

template <typename T>
std::uint32_t Flag<T>::SlotIn(const Pin& pin) const noexcept {
  return pin.core_ == core_ ? slot_ : pin.view_->ruleset->Find(key_);
}

template <typename T>
T Flag<T>::operator()(const Context& context, const Pin& pin) const noexcept {
  return ValueOf<T>(*core_, key_, Decide<T>(*pin.view_, SlotIn(pin), context, Now(*core_)), fallback_);
}

template <typename T>
EvaluationDetail<T> Flag<T>::Detail(const Context& context, const Pin& pin) const noexcept {
  return Describe<T>(*core_, *pin.view_, key_, Decide<T>(*pin.view_, SlotIn(pin), context, Now(*core_)), fallback_);
}

template class Reads<Client>;
template class Reads<Pin>;
template class Flag<bool>;
template class Flag<std::string>;
template class Flag<std::int64_t>;
template class Flag<double>;
template class Flag<Value>;

}  // namespace guidon
