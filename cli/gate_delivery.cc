#include "cli/gate_delivery.h"

#include <iostream>
#include <iterator>
#include <utility>

#include "cli/api_client.h"
#include "cli/propagation_watch.h"
#include "gate/delivery_checks.h"

namespace guidon::cli {

std::optional<std::vector<gate::Finding>> LookAtDelivery(const DeliveryQuestion& question, int& exit_code) {
  PropagationGoal goal = question.goal;
  if (!question.asks_share && question.policy.min_share) goal.min_share = *question.policy.min_share;
  if (!question.asks_live && question.policy.min_live) goal.min_live = *question.policy.min_live;
  std::string said;
  const auto progress = [&](const Value& far) {
    std::string line = "waiting for delivery: " + ShareOf(far, goal);
    if (question.json.wanted || line == said) return;
    std::cerr << line << " …\n";
    said = std::move(line);
  };
  const Result<ApiAnswer> far =
      WaitForPropagation(question.connection, question.project, question.environment, goal, progress);
  if (!far || !far->ok()) {
    exit_code = far ? Explain(*far, question.json) : Explain(far.error(), question.json);
    return std::nullopt;
  }
  const gate::DeliveryInput input{question.environment, far->body, ShareOf(far->body, goal), Missing(far->body, goal)};
  std::vector<gate::Finding> findings = gate::CheckShare(input);
  std::vector<gate::Finding> of_sdks = gate::CheckSdks(input, question.policy);
  findings.insert(findings.end(), std::make_move_iterator(of_sdks.begin()), std::make_move_iterator(of_sdks.end()));
  return findings;
}

}  // namespace guidon::cli
