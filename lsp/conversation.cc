#include "lsp/conversation.h"

#include <map>
#include <utility>
#include <vector>

#include "core/base/json.h"
#include "core/base/json_record.h"

namespace guidon::lsp {
namespace {

struct Incoming {
  Value message;
  std::vector<Value> answers;  // of what was no message
};

Incoming Understood(const Frame& frame) {
  if (frame.kind != Frame::Kind::kMessage) return {{}, {RpcFault(Value(), kInvalidRequest, frame.text)}};
  Result<Value> message = ParseJson(frame.text, {.max_bytes = kMaxBodyBytes});
  if (!message) return {{}, {RpcFault(Value(), kParseError, message.error().message)}};
  return {*std::move(message), {}};
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
