// guidon lsp: a language server on standard input and output, for editors.
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/live_states.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "gate/policy.h"
#include "lsp/conversation.h"

namespace guidon::cli {
namespace {

constexpr std::size_t kChunkBytes = 64 << 10;
constexpr std::size_t kBatchBytes = 4 << 20;  // what is read before it is answered
constexpr std::chrono::milliseconds kMaxPatience{300};
constexpr std::chrono::milliseconds kEndPatience{300};  // for a request that is under way

// Something is there to be read, or comes within the time.
bool HasMore(std::chrono::milliseconds patience) {
  pollfd input{STDIN_FILENO, POLLIN, 0};
  return poll(&input, 1, static_cast<int>(patience.count())) > 0 && (input.revents & POLLIN) != 0;
}

// What is there to be read, after waiting for the first of it; empty: the stream has ended.
std::string ReadBatch() {
  std::string batch;
  do {
    const std::size_t before = batch.size();
    batch.resize(before + kChunkBytes);
    ssize_t count = 0;
    do {
      count = read(STDIN_FILENO, batch.data() + before, kChunkBytes);
    } while (count < 0 && errno == EINTR);
    batch.resize(before + static_cast<std::size_t>(count > 0 ? count : 0));
    if (count <= 0) return batch;
  } while (batch.size() < kBatchBytes && HasMore(std::chrono::milliseconds(0)));
  return batch;
}

std::vector<PlacedIssue> PolicyIssues(const std::string& text) {
  std::vector<PlacedIssue> issues;
  for (gate::PlacedFault& fault : gate::ReadPolicy(text, "gate.yaml").faults) {
    issues.push_back({"", fault.at, std::move(fault.issue)});
  }
  return issues;
}

bool WriteAll(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

}  // namespace

int Lsp(const LspOptions& options) {
  std::signal(SIGPIPE, SIG_IGN);  // an editor that goes away is an end like any other
  LiveStates live(options.connection);
  lsp::SessionOptions session;
  session.version = GUIDON_VERSION;
  session.live = &live;
  session.policy_issues = PolicyIssues;
  session.now_ms = [] {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
  };
  lsp::Conversation conversation(std::move(session));
  // Where looking for what is wrong takes long, it waits so long for somebody who types to pause: they are not to wait
  // for it with every letter.
  std::chrono::milliseconds patience{0};
  while (!conversation.has_ended()) {
    const std::string batch = ReadBatch();
    if (batch.empty()) {
      WriteAll(conversation.Settle());
      break;
    }
    if (!WriteAll(conversation.Take(batch))) break;  // nobody listens any more
    if (HasMore(patience)) continue;
    const auto begin = std::chrono::steady_clock::now();
    if (!WriteAll(conversation.Settle())) break;
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin);
    if (took.count() > 0) patience = std::min(took, kMaxPatience);
  }
  if (conversation.exit_code() == kUsage) Complain("standard input is no stream of messages of a language client");
  // With a name that is still being looked up, for a server that nobody waits for any more: it cannot be ended, and
  // what it uses must not be taken down under it.
  if (!live.End(kEndPatience)) std::_Exit(conversation.exit_code());
  return conversation.exit_code();
}

}  // namespace guidon::cli
