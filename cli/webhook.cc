// guidon webhook add|list|remove|ping: who is told of changes.
#include <algorithm>
#include <iostream>

#include "cli/api_client.h"
#include "cli/output.h"
#include "cli/verbs.h"

namespace guidon::cli {
namespace {

// The secret alone on standard output: SECRET=$(guidon webhook add …).
int Add(const WebhookOptions& options, const std::string& path) {
  Object body{{"url", Value(options.url)}, {"format", Value(options.format)}};
  if (!options.events.empty()) {
    Array events;
    for (const std::string& event : options.events) events.emplace_back(event);
    body.Append("events", Value(std::move(events)));
  }
  if (!options.description.empty()) body.Append("description", Value(options.description));
  Result<ApiAnswer> answer = Ask(options.connection, "POST", path, Value(std::move(body)));
  if (!answer) return Explain(answer.error(), options.json);
  if (!answer->ok()) return Explain(*answer, options.json);
  if (options.json) {
    PrintJson(answer->body);
    return kPass;
  }
  std::cout << Text(answer->body, "secret") << std::endl;
  const std::string id = Text(answer->body, "id");
  std::cerr << "Messages are signed with this secret, which is shown once.\nTo try it: guidon webhook ping " << id
            << "\n";
  return kPass;
}

int List(const WebhookOptions& options, const std::string& path) {
  Result<ApiAnswer> answer = Ask(options.connection, "GET", path);
  if (!answer) return Explain(answer.error(), options.json);
  if (!answer->ok()) return Explain(*answer, options.json);
  if (options.json) {
    PrintJson(answer->body);
    return kPass;
  }
  const Value* const webhooks = answer->body.Find("webhooks");
  if (webhooks == nullptr || webhooks->AsArray().empty()) {
    std::cout << "no webhooks; make one with: guidon webhook add URL\n";
    return kPass;
  }
  std::cout << Out().Bold("ID            TOLD      FORMAT  URL") << "\n";
  for (const Value& webhook : webhooks->AsArray()) {
    std::cout << Padded(Text(webhook, "id"), 12) << "  " << Padded(Text(webhook, "told"), 8) << "  "
              << Padded(Text(webhook, "format"), 6) << "  " << Text(webhook, "url") << "\n";
    const std::string disabled = Text(webhook, "disabled"), failing = Text(webhook, "failing_since");
    if (!disabled.empty()) {
      std::cout << "              " << Out().Red("disabled: " + disabled) << "\n";
    } else if (!failing.empty()) {
      std::cout << "              " << Out().Red("failing since " + failing + ": " + Text(webhook, "last_error"))
                << "\n";
    }
  }
  return kPass;
}

int Remove(const WebhookOptions& options, const std::string& path) {
  Result<ApiAnswer> answer = Ask(options.connection, "DELETE", path + "/" + Escape(options.id));
  if (!answer) return Explain(answer.error(), options.json);
  if (!answer->ok()) return Explain(*answer, options.json);
  if (options.json) {
    PrintJson(answer->body);
  } else {
    std::cout << "removed " << options.id << "\n";
  }
  return kPass;
}

int Ping(const WebhookOptions& options, const std::string& path) {
  Result<ApiAnswer> answer = Ask(options.connection, "POST", path + "/" + Escape(options.id) + "/ping");
  if (!answer) return Explain(answer.error(), options.json);
  if (!answer->ok()) return Explain(*answer, options.json);
  const Value* const delivered = answer->body.Find("delivered");
  const bool is_delivered = delivered != nullptr && delivered->AsBool();
  if (options.json) {
    PrintJson(answer->body);
  } else if (is_delivered) {
    std::cout << "delivered\n";
  } else {
    std::cerr << "not delivered: " << Text(answer->body, "error") << "\n";
  }
  return is_delivered ? kPass : kProblem;
}

}  // namespace

int Webhook(const WebhookOptions& options) {
  std::string path = "/api/v1/webhooks";
  if (!options.all_projects) {
    const Result<std::string> project = ResolveProject(options.connection, options.project);
    if (!project) return Explain(project.error(), options.json);
    path = ProjectPath(*project) + "/webhooks";
  }
  if (options.action == "add") return Add(options, path);
  if (options.action == "list") return List(options, path);
  return options.action == "remove" ? Remove(options, path) : Ping(options, path);
}

}  // namespace guidon::cli
