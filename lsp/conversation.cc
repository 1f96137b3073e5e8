#include "lsp/conversation.h"

#include <charconv>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "core/base/json.h"
#include "core/base/json_record.h"

namespace guidon::lsp {
namespace {

struct Incoming {
  Value message;
  std::vector<Value> answers;  // of what was no message
  bool is_missed = false;      // it may have been one
};

// The code unit that is escaped there, as \u12ab; nothing: none is.
std::optional<unsigned> EscapedUnit(std::string_view json, std::size_t at) {
  constexpr std::string_view kEscape = "\\u";
  constexpr std::size_t kDigits = 4;
  if (json.substr(at, kEscape.size()) != kEscape) return std::nullopt;
  const std::string_view digits = json.substr(at + kEscape.size(), kDigits);
  unsigned unit = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), unit, 16);
  if (error != std::errc() || end != digits.data() + kDigits) return std::nullopt;
  return unit;
}

// Editors send half of a pair when somebody deletes the other. It is no text, but were the message dropped, the
// document would be another one from then on. U+FFFD is as long in UTF-16, so that positions stay.
std::string WithoutHalfPairs(std::string json) {
  constexpr std::size_t kLength = 6;
  for (std::size_t at = json.find('\\'); at != std::string::npos && at + 1 < json.size(); at = json.find('\\', at)) {
    const unsigned unit = EscapedUnit(json, at).value_or(0);
    if (unit >> 11 != 0xD800 >> 11) {
      at += 2;
    } else if (unit < 0xDC00 && EscapedUnit(json, at + kLength).value_or(0) >> 10 == 0xDC00 >> 10) {
      at += 2 * kLength;
    } else {
      json.replace(at, kLength, "\\ufffd");
      at += kLength;
    }
  }
  return json;
}

Incoming Understood(const Frame& frame) {
  if (frame.kind != Frame::Kind::kMessage) {
    return {{}, {RpcFault(Value(), kInvalidRequest, frame.text)}, frame.kind == Frame::Kind::kTooLarge};
  }
  Result<Value> message = ParseJson(WithoutHalfPairs(frame.text), {.max_bytes = kMaxBodyBytes});
  if (!message) return {{}, {RpcFault(Value(), kParseError, message.error().message)}, false};
  return {*std::move(message), {}, false};
}

// Where each id is cancelled last. What stands before is not looked at any more.
std::map<std::string, std::size_t> CancellationsIn(const std::vector<Incoming>& batch) {
  std::map<std::string, std::size_t> last;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (TextOf(batch[i].message, "method") != "$/cancelRequest") continue;
    const Value* params = batch[i].message.Find("params");
    if (const Value* id = params == nullptr ? nullptr : params->Find("id")) last[ToJson(*id)] = i;
  }
  return last;
}

std::string AllFramed(const std::vector<Value>& messages) {
  std::string out;
  for (const Value& message : messages) out += Framed(ToJson(message));
  return out;
}

}  // namespace

std::string Conversation::Take(std::string_view bytes) {
  reader_.Feed(bytes);
  std::vector<Incoming> batch;
  while (std::optional<Frame> frame = reader_.Next()) {
    is_broken_ |= frame->kind == Frame::Kind::kBroken;
    batch.push_back(Understood(*frame));
  }
  std::string out;
  const auto send = [&](const std::vector<Value>& messages) { out += AllFramed(messages); };
  const std::map<std::string, std::size_t> cancelled = CancellationsIn(batch);
  for (std::size_t i = 0; i < batch.size() && !session_.has_ended(); ++i) {
    const Value* id = batch[i].message.Find("id");
    const auto cancellation = id == nullptr ? cancelled.end() : cancelled.find(ToJson(*id));
    if (!batch[i].answers.empty()) {
      send(batch[i].answers);
      if (batch[i].is_missed) send(session_.Miss());
    } else if (cancellation != cancelled.end() && cancellation->second > i) {
      send({RpcFault(*id, kRequestCancelled, "cancelled")});
    } else {
      send(session_.Take(batch[i].message));
    }
  }
  return out;
}

std::string Conversation::Settle() {
  return has_ended() ? "" : AllFramed(session_.Settle());
}

}  // namespace guidon::lsp
