#include "gate/delivery_checks.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <map>
#include <utility>

#include "core/base/json_record.h"
#include "core/base/text.h"

namespace guidon::gate {
namespace {

// "0.10.2-rc1" -> {0, 10, 2, 0}
std::array<std::uint64_t, 4> NumbersOf(std::string_view version) {
  std::array<std::uint64_t, 4> numbers{};
  const char* at = version.data();
  const char* const end = at + version.size();
  for (std::uint64_t& number : numbers) {
    const auto read = std::from_chars(at, end, number);
    if (read.ec != std::errc() || read.ptr == end || *read.ptr != '.') break;
    at = read.ptr + 1;
  }
  return numbers;
}

}  // namespace

std::string ApplicationOf(const Value& group) {
  const std::string application = TextOf(group, "application"), version = TextOf(group, "version");
  if (application.empty() && version.empty()) return "applications without a name";
  return "application " + (application.empty() ? "without a name" : application) +
         (version.empty() ? "" : " " + version);
}

std::string Processes(std::uint64_t count, std::string_view one, std::string_view many) {
  return Plural(static_cast<std::size_t>(count), "process") + " " + std::string(count == 1 ? one : many);
}

std::string SdkOf(const Value& group) {
  const std::string sdk = TextOf(group, "sdk"), version = TextOf(group, "sdk_version");
  return (sdk.empty() ? "an SDK" : sdk) + (version.empty() ? " of no version" : " " + version);
}

bool IsOlder(std::string_view version, std::string_view than) {
  return NumbersOf(version) < NumbersOf(than);
}

std::vector<Finding> CheckShare(const DeliveryInput& input) {
  std::vector<Finding> findings;
  if (input.missing.empty()) return findings;
  const auto add = [&](std::string subject, std::string message) {
    findings.push_back({"delivery.share", Severity::kHold, std::move(subject), "", {}, std::move(message), ""});
  };
  const std::string revision = std::to_string(CountOf(input.far, "revision"));
  std::string message = input.standing + " hold revision " + revision + "; " + input.missing;
  if (const std::uint64_t others = CountOf(input.far, "laggards_left_out"); others > 0) {
    message += "; not named here: " + Plural(static_cast<std::size_t>(others), "process");
  }
  add("environment " + input.environment, std::move(message));
  const std::string epoch = TextOf(input.far, "epoch");
  // By application and version: how many hold which revision; 0 is another store's.
  std::map<std::string, std::map<std::uint64_t, std::uint64_t>> lagging;
  for (const Value& group : ListIn(input.far, "laggards")) {
    const std::uint64_t held = TextOf(group, "epoch") == epoch ? CountOf(group, "revision") : 0;
    lagging[ApplicationOf(group)][held] += CountOf(group, "processes");
  }
  for (const auto& [subject, revisions] : lagging) {
    std::string text;
    for (const auto& [held, count] : revisions) {
      text += (text.empty() ? "" : ", ") + Processes(count, "holds ", "hold ") +
              (held == 0 ? "what is of another data folder" : "revision " + std::to_string(held));
    }
    add(subject, std::move(text));
  }
  return findings;
}

std::vector<Finding> CheckSdks(const DeliveryInput& input, const Policy& policy) {
  std::vector<Finding> findings;
  const auto add = [&](Severity severity, std::string subject, std::string message, std::string fix) {
    findings.push_back({"delivery.old-sdk", severity, std::move(subject), "", {}, std::move(message), std::move(fix)});
  };
  for (const Value& group : ListIn(input.far, "sdks")) {
    const std::string sdk = TextOf(group, "sdk"), version = TextOf(group, "sdk_version");
    const std::string named = SdkOf(group);
    if (const std::uint64_t count = CountOf(group, "with_broken"); count > 0) {
      add(Severity::kFail, ApplicationOf(group),
          Processes(count, "uses ", "use ") + named + ", which cannot evaluate " + Joined(TextsIn(group, "broken")),
          "update the SDK there, or take what it cannot read out of these flags");
    }
    const auto least = policy.least_sdks.find(sdk);
    if (least != policy.least_sdks.end() && IsOlder(version, least->second)) {
      add(Severity::kFail, ApplicationOf(group),
          Processes(CountOf(group, "processes"), "uses ", "use ") + named + "; the policy demands " + least->second,
          "update the SDK there");
    }
  }
  if (const std::uint64_t others = CountOf(input.far, "sdks_left_out"); others > 0 && !policy.least_sdks.empty()) {
    add(Severity::kHold, "environment " + input.environment,
        "which SDK it is that " + Processes(others, "uses", "use") + " was not told", "");
  }
  return findings;
}

}  // namespace guidon::gate
