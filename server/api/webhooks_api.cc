// Webhooks over HTTP: who is told of revisions.
#include <algorithm>

#include "core/base/json.h"
#include "core/model/units.h"
#include "server/api/api.h"
#include "server/api/problem.h"
#include "server/api/requests.h"
#include "server/webhooks/address_guard.h"

namespace guidon {
namespace {

constexpr std::size_t kMaxDescriptionBytes = 256;
constexpr std::size_t kMaxEventBytes = 64;

// `*`, `flag.*`, `definitions.change`
bool IsEvent(std::string_view text) {
  if (text.empty() || text.size() > kMaxEventBytes) return false;
  if (text.ends_with('*')) text.remove_suffix(1);
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= 'a' && c <= 'z') || c == '.' || c == '_'; });
}

// Reads what a caller may say of a webhook.
Result<Webhook> ReadWebhook(const Value& body, bool allow_private) {
  Webhook webhook;
  const auto fail = [](std::string_view name, std::string message) {
    return Fail(InvalidError("the webhook cannot be made",
                             {{Severity::kError, "wrong_value", Path().Key(name), std::move(message), "", ""}}));
  };
  if (!body.is_object()) return Fail(ErrorCode::kInvalid, "expected an object with 'url'");
  for (const Member& member : body.AsObject()) {
    if (member.name == "events") {
      if (!member.value.is_array()) return fail("events", "expected a list of texts");
      for (const Value& event : member.value.AsArray()) {
        if (!event.is_string() || !IsEvent(event.AsString())) {
          return fail("events", "expected events such as 'flag.change', 'flag.*', 'definitions.change'");
        }
        webhook.events.push_back(event.AsString());
      }
      if (webhook.events.size() > kMaxWebhookEvents) {
        return fail("events", "more than " + std::to_string(kMaxWebhookEvents) + " events");
      }
      continue;
    }
    if (member.name != "url" && member.name != "format" && member.name != "description") {
      return fail(member.name, "unknown key '" + member.name + "'");
    }
    if (!member.value.is_string()) return fail(member.name, "expected text");
  }
  const Value* const url = body.Find("url");
  if (url == nullptr) return fail("url", "expected the address to send to, such as https://hooks.shop.example/guidon");
  webhook.url = url->AsString();
  if (Status usable = CheckWebhookUrl(webhook.url, allow_private); !usable) return fail("url", usable.error().message);
  if (const Value* const format = body.Find("format")) {
    const auto known = WebhookFormatFromString(format->AsString());
    if (!known) return fail("format", "expected 'json' or 'slack'");
    webhook.format = *known;
  }
  if (const Value* const description = body.Find("description")) webhook.description = description->AsString();
  if (webhook.description.size() > kMaxDescriptionBytes) {
    return fail("description", "longer than " + std::to_string(kMaxDescriptionBytes) + " bytes");
  }
  return webhook;
}

Error NoWebhook(std::string_view id, std::string_view project) {
  const std::string where =
      project.empty() ? " among those of all projects" : " of project '" + std::string(project) + "'";
  return {ErrorCode::kNotFound, "there is no webhook '" + std::string(id) + "'" + where, {}};
}

http::Response TaggedWebhook(int status, Value document, Revision revision) {
  document.MutableObject().Set("revision", Value(revision));
  return Tagged(JsonResponse(status, document), revision);
}

}  // namespace

// With how far it has been told.
Value Api::DescribeWebhookNow(const Webhook& webhook) const {
  Value document = DescribeWebhook(webhook);
  const std::optional<WebhookState> state = parts_.deliverer.StateOf(webhook.id);
  if (!state) return document;
  Object& object = document.MutableObject();
  object.Set("told", Value(state->told));
  object.Set("delivered", Value(state->delivered));
  object.Set("passed_over", Value(state->passed_over));
  if (state->failing_since != Timestamp{}) {
    object.Set("failing_since", Value(FormatTimestamp(state->failing_since.time_since_epoch().count())));
  }
  if (!state->last_error.empty()) object.Set("last_error", Value(state->last_error));
  return document;
}

std::optional<Webhook> Api::WebhookOf(const Call& call) const {
  std::optional<Webhook> webhook = parts_.deliverer.Find(call.request.Param("id"));
  if (!webhook || webhook->project != call.request.Param("project")) return std::nullopt;
  return webhook;
}

Result<Committed> Api::PutWebhook(const Webhook& webhook, std::string_view action, const Call& call,
                                  const Precondition& condition) {
  Result<Committed> committed =
      parts_.catalog.PutItem({std::string(kWebhookSpace), webhook.id, EncodeWebhook(webhook), webhook.project}, action,
                             AuthorOf(call), condition);
  if (committed) parts_.deliverer.Put(webhook);
  return committed;
}

http::Response Api::ListWebhooks(const Call& call) {
  const std::string_view project = call.request.Param("project");
  if (!project.empty() && parts_.catalog.View()->FindProject(project) == nullptr) {
    return ProblemResponse({ErrorCode::kNotFound, "there is no project '" + std::string(project) + "'", {}},
                           call.request.id);
  }
  Array webhooks;
  for (const Webhook& webhook : parts_.deliverer.List()) {
    if (webhook.project == project) webhooks.push_back(DescribeWebhookNow(webhook));
  }
  return JsonResponse(200, Object{{"webhooks", Value(std::move(webhooks))}});
}

http::Response Api::GetWebhook(const Call& call) {
  MutexLock lock(parts_.deliverer.changes());  // what is shown and its revision belong together
  const std::optional<Webhook> webhook = WebhookOf(call);
  if (!webhook) {
    return ProblemResponse(NoWebhook(call.request.Param("id"), call.request.Param("project")), call.request.id);
  }
  const Result<std::optional<Item>> item = parts_.catalog.FindItem(kWebhookSpace, webhook->id);
  if (!item) return ProblemResponse(item.error(), call.request.id);
  return TaggedWebhook(200, DescribeWebhookNow(*webhook), *item ? (*item)->revision : 0);
}

http::Response Api::CreateWebhook(const Call& call) {
  const Result<Value> body = ReadJson(call.request);
  if (!body) return BadRequest(call.request, body.error());
  Result<Webhook> webhook = ReadWebhook(*body, parts_.deliverer.allows_private());
  if (!webhook) return ProblemResponse(webhook.error(), call.request.id);
  MutexLock lock(parts_.deliverer.changes());
  webhook->project = call.request.Param("project");
  const auto view = parts_.catalog.View();
  if (!webhook->project.empty() && view->FindProject(webhook->project) == nullptr) {
    return ProblemResponse({ErrorCode::kNotFound, "there is no project '" + webhook->project + "'", {}},
                           call.request.id);
  }
  if (parts_.deliverer.List().size() >= kMaxWebhooks) {
    return ProblemResponse(
        {ErrorCode::kConflict, "there are " + std::to_string(kMaxWebhooks) + " webhooks already; remove one first", {}},
        call.request.id);
  }
  Result<std::string> id = NewWebhookId(), secret = NewWebhookSecret();
  if (!id) return ProblemResponse(id.error(), call.request.id);
  if (!secret) return ProblemResponse(secret.error(), call.request.id);
  webhook->id = *std::move(id);
  webhook->secret = *std::move(secret);
  webhook->created_ms = parts_.now_ms();
  webhook->after = view->revision;
  const Result<Committed> committed = PutWebhook(*webhook, "webhook.create", call, {});
  if (!committed) return ProblemResponse(committed.error(), call.request.id);
  Value document = DescribeWebhookNow(*webhook);
  document.MutableObject().Set("secret", Value(webhook->secret));
  return TaggedWebhook(201, std::move(document), committed->revision);
}

http::Response Api::ReplaceWebhook(const Call& call) {
  const Result<Value> body = ReadJson(call.request);
  if (!body) return BadRequest(call.request, body.error());
  Result<Webhook> wanted = ReadWebhook(*body, parts_.deliverer.allows_private());
  if (!wanted) return ProblemResponse(wanted.error(), call.request.id);
  Result<Preconditions> conditions = ReadPreconditions(call.request);
  if (!conditions) return BadRequest(call.request, conditions.error());
  MutexLock lock(parts_.deliverer.changes());
  const std::optional<Webhook> held = WebhookOf(call);
  if (!held) {
    return MissingProblem(call.request, *conditions,
                          NoWebhook(call.request.Param("id"), call.request.Param("project")));
  }
  wanted->id = held->id;
  wanted->project = held->project;
  wanted->secret = held->secret;
  wanted->created_ms = held->created_ms;
  wanted->after = held->after;
  const Result<Committed> committed = PutWebhook(*wanted, "webhook.change", call, conditions->condition);
  if (!committed) return ChangeProblem(call.request, *conditions, committed.error());
  return TaggedWebhook(200, DescribeWebhookNow(*wanted), committed->revision);
}

http::Response Api::DeleteWebhook(const Call& call) {
  Result<Preconditions> conditions = ReadPreconditions(call.request);
  if (!conditions) return BadRequest(call.request, conditions.error());
  MutexLock lock(parts_.deliverer.changes());
  const std::optional<Webhook> held = WebhookOf(call);
  if (!held) {
    return MissingProblem(call.request, *conditions,
                          NoWebhook(call.request.Param("id"), call.request.Param("project")));
  }
  Result<Committed> committed = parts_.catalog.PutItem({std::string(kWebhookSpace), held->id, "", held->project},
                                                       "webhook.delete", AuthorOf(call), conditions->condition);
  if (!committed) return ChangeProblem(call.request, *conditions, committed.error());
  parts_.deliverer.Remove(held->id);
  return JsonResponse(200, Object{{"revision", Value(committed->revision)}});
}

http::Response Api::PingWebhook(const Call& call) {
  const std::optional<Webhook> webhook = WebhookOf(call);
  if (!webhook) {
    return ProblemResponse(NoWebhook(call.request.Param("id"), call.request.Param("project")), call.request.id);
  }
  if (pinging_.exchange(true)) {
    return Busy({ErrorCode::kOverloaded, "another webhook is being tried; try again shortly", {}}, call.request.id);
  }
  const Status sent = parts_.deliverer.Ping(*webhook);
  pinging_ = false;
  Object answer{{"delivered", Value(sent.has_value())}};
  if (!sent) answer.Append("error", Value(sent.error().message));
  return JsonResponse(200, Value(std::move(answer)));
}

}  // namespace guidon
