// A webhook: an address that is told of revisions, and what it is sent.
//
// What is sent and how it is signed follows Standard Webhooks 1.0.0 (https://www.standardwebhooks.com): the headers
// webhook-id, webhook-timestamp and webhook-signature, HMAC-SHA256 over "id.timestamp.body".
//
// Thread safety: plain values and pure functions; NewWebhookId and NewWebhookSecret ask the system for random bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <guidon/value.h>
#include "core/base/result.h"
#include "server/store/store.h"

namespace guidon {

inline constexpr std::string_view kWebhookSpace = "webhook";  // of Catalog::PutItem and Items
inline constexpr std::size_t kMaxWebhooks = 50;               // of a server; each may have a delivery under way
inline constexpr std::size_t kMaxWebhookEvents = 20;
inline constexpr std::size_t kMaxWebhookUrlBytes = 2048;

enum class WebhookFormat : std::uint8_t {
  kJson,
  kSlack,  // {"text": …}, as Slack's and Mattermost's incoming webhooks take it
};
std::string_view ToString(WebhookFormat format);  // "json", "slack"
std::optional<WebhookFormat> WebhookFormatFromString(std::string_view word);

struct Webhook {
  std::string id;
  std::string url;
  std::string project;  // empty: all projects, and what belongs to none
  // What it is told of: an event as in EventsOf, or "flag.*" for all that begin with "flag."; empty: everything.
  std::vector<std::string> events;
  WebhookFormat format = WebhookFormat::kJson;
  std::string description;
  std::string secret;  // "whsec_" and base64 of 24 bytes; needed to sign, so it is kept as it is
  Revision after = 0;  // it is told of later revisions
  std::int64_t created_ms = 0;
  std::string disabled;  // why it is told of nothing any more; empty: it is told
};

// As an item of the catalog. kCorrupt, naming the webhook, when it cannot be read.
std::string EncodeWebhook(const Webhook& webhook);
Result<Webhook> DecodeWebhook(std::string_view id, std::string_view text);
// For people: without the secret.
Value DescribeWebhook(const Webhook& webhook);

// kIo when the system has no random bytes to give.
Result<std::string> NewWebhookId();
Result<std::string> NewWebhookSecret();

// A revision, as far as a webhook is concerned.
struct RevisionEvent {
  // Where an experiment stands; words and numbers as in its state (core/model/experiment.h).
  struct Standing {
    std::string status;
    std::int64_t iteration = 0, ramp_step = 0;
    std::string winner;
  };
  struct Move {
    std::string environment;
    std::vector<std::string> variants;
    Standing before, after;
  };
  struct Change {
    std::string kind, key;
    bool removed = false;
    std::optional<Move> move = {};  // of an experiment that does not stand where it stood
  };
  Revision revision = 0;
  Timestamp time{};
  std::string project;    // empty: of none
  std::string action;     // "definitions.change"
  std::string subject;    // what the action is about: a project, a key's id
  std::string principal;  // "key:SELECTOR"
  std::string comment;
  std::vector<Change> changes;                         // of definitions
  std::string change_request;                          // the number of the one that it is about, or that it carried out
  std::vector<std::string> requested_by, approved_by;  // of one that it carried out
  std::vector<std::string> overridden;                 // protected environments that it altered without approvals
  std::string emergency;                               // why
  Value finding;                                       // of an experiment, for which it was done; null: none
};
// nullopt when it was redacted: then nobody is told anything of it.
std::optional<RevisionEvent> ReadRevisionEvent(const RevisionEntry& entry);

// Its names: the action; for each kind that changed "flag.change" or "flag.remove"; "experiment.started", ".paused",
// ".resumed", ".stopped" and ".concluded" for experiments that this befell, whoever or whatever did it;
// "experiment.guardrail_breached" and the like when it was done for what was found of one; and "emergency.override"
// when it altered protected environments without approvals; each once.
std::vector<std::string> EventsOf(const RevisionEvent& event);
bool Wants(const Webhook& webhook, const RevisionEvent& event);

// The body, and its id: the same however often it is sent.
std::string BodyFor(const Webhook& webhook, const RevisionEvent& event);
std::string MessageId(std::string_view epoch, Revision revision, std::string_view webhook);
// What a webhook is sent to try it out.
std::string PingBody(const Webhook& webhook, Timestamp now);

// "v1,<base64>". kInvalid when the secret is none.
Result<std::string> SignWebhook(std::string_view secret, std::string_view id, std::int64_t seconds,
                                std::string_view body);

}  // namespace guidon
