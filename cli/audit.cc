// guidon audit log|verify|export: who changed what, and whether anybody has bent the record of it.
//
// Verifying takes nothing on the server's word: the hashes are computed here (audit/), from what the server says or
// from an export, and held against checkpoints that were kept elsewhere.
#include <algorithm>
#include <cstdint>
#include <iostream>

#include "audit/audit_file.h"
#include "cli/api_client.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "core/base/json.h"
#include "core/base/json_record.h"
#include "core/model/units.h"
#include "workspace/file.h"

namespace guidon::cli {
namespace {

constexpr std::size_t kMostFileBytes = 1024u << 20;  // an export, in memory
constexpr std::size_t kMostKeyBytes = 64u << 10;
constexpr std::size_t kMostCheckpointBytes = 256u << 20;  // a log that checkpoints stand in
constexpr std::size_t kPage = 500;
constexpr std::size_t kMostWho = 20;  // columns of a terminal, so that 80 leave some for what was done

// ---- log ---------------------------------------------------------------------------------------------------------

// "2027-03-31T08:00:00.000Z" -> "2027-03-31 08:00"
std::string ShortTime(const std::string& time) {
  return time.size() < 16 ? time : time.substr(0, 10) + " " + time.substr(11, 5);
}

// "gate.run: production may not be released: static.test, change.jump, by policy release, for release 4.2.0"
std::string WhatOfGate(const Value& entry, const Value& gate) {
  const std::string verdict = Text(gate, "verdict"), failed = Joined(gate, "failed");
  std::string what = Text(entry, "action") + ": " + Joined(entry, "environments");
  what += verdict == "pass" ? " may be released" : verdict == "hold" ? " has to wait" : " may not be released";
  if (!failed.empty()) what += ": " + failed;
  what += ", by policy " + Text(gate, "policy");
  if (!Text(gate, "release").empty()) what += ", for release " + Text(gate, "release");
  if (!Text(gate, "revision").empty()) what += ", at revision " + Text(gate, "revision");
  return what;
}

// "create flag a, change segment b and 3 more (production, staging)"
std::string WhatOf(const Value& entry) {
  constexpr std::size_t kMostNamed = 3;
  if (entry.Find("redacted") != nullptr) return "(erased)";
  if (const Value* gate = entry.Find("gate")) return WhatOfGate(entry, *gate);
  const Array& subjects = ListIn(entry, "subjects");
  std::string what = Text(entry, "action");
  for (std::size_t i = 0; i < std::min(subjects.size(), kMostNamed); ++i) {
    what += i == 0 ? ": " : ", ";
    if (!Text(subjects[i], "change").empty()) what += Text(subjects[i], "change") + " ";
    what += Text(subjects[i], "kind") + " " + Text(subjects[i], "key");
  }
  std::size_t more = subjects.size() - std::min(subjects.size(), kMostNamed);
  if (const Value* left_out = entry.Find("subjects_left_out")) more += static_cast<std::size_t>(left_out->AsInt());
  if (more > 0) what += " and " + std::to_string(more) + " more";
  const std::string environments = Joined(entry, "environments");
  if (!environments.empty()) what += " (" + environments + ")";
  if (!Joined(entry, "overridden").empty()) {
    what += ", EMERGENCY without approvals in " + Joined(entry, "overridden") + ": “" + Text(entry, "emergency") + "”";
  }
  if (!Joined(entry, "approved_by").empty()) what += ", approved by " + Joined(entry, "approved_by");
  if (!Text(entry, "comment").empty()) what += ": “" + Text(entry, "comment") + "”";
  return what;
}

void PrintLog(const Array& entries) {
  std::size_t who = 3;
  for (const Value& entry : entries) who = std::max(who, Width(Text(entry, "principal")));
  if (LineWidth() != SIZE_MAX) who = std::min(who, kMostWho);
  const std::size_t indent = 8 + 2 + 16 + 2 + who + 2;
  std::cout << Out().Bold("REVISION  TIME (UTC)        " + Padded("WHO", who) + "  WHAT") << "\n";
  for (const Value& entry : entries) {
    const std::string revision = Text(entry, "revision");
    std::cout << std::string(8 - std::min<std::size_t>(8, revision.size()), ' ') << revision << "  "
              << ShortTime(Text(entry, "time")) << "  " << Padded(Cut(Text(entry, "principal"), who), who) << "  "
              << Wrapped(WhatOf(entry), indent).substr(indent) << "\n";
  }
}

std::string QueryOf(const AuditOptions& options) {
  std::string query;
  const std::pair<const char*, const std::string*> filters[] = {
      {"principal", &options.principal}, {"action", &options.of_action},        {"kind", &options.kind},
      {"key", &options.subject},         {"environment", &options.environment}, {"since", &options.since},
      {"until", &options.until}};
  for (const auto& [name, value] : filters) {
    if (!value->empty()) query.append("&").append(name).append("=").append(Escape(*value));
  }
  return query;
}

int Log(const AuditOptions& options) {
  const std::string path = (options.project.empty() ? "/api/v1" : ProjectPath(options.project)) + "/audit";
  Array entries;
  std::string cursor;
  while (entries.size() < options.limit) {
    const std::size_t page = std::min(kPage, options.limit - entries.size());
    Result<ApiAnswer> answer =
        Ask(options.connection, "GET", path + "?limit=" + std::to_string(page) + QueryOf(options) + cursor);
    if (!answer) return Explain(answer.error(), options.json);
    if (!answer->ok()) return Explain(*answer, options.json);
    for (const Value& entry : ListIn(answer->body, "entries")) entries.push_back(entry);
    const Value* next = answer->body.Find("next");
    if (next == nullptr) break;
    cursor = "&cursor=" + ToJson(*next);
  }
  if (options.json) {
    for (const Value& entry : entries) PrintJson(entry);
  } else if (entries.empty()) {
    std::cout << "no such entries\n";
  } else {
    PrintLog(entries);
  }
  return kPass;
}

// ---- What the server has -----------------------------------------------------------------------------------------

Error NotOurs(const std::string& what) {
  return {ErrorCode::kUnavailable, "the server's answer cannot be used: " + what, {}};
}

// Each of the links 1 … head, in pages. `take` says whether to go on. 0, or the exit code of what was said.
template <typename Take>
int ForEachLink(const AuditOptions& options, Revision head, Take take) {
  for (Revision after = 0; after < head;) {
    Result<ApiAnswer> answer =
        Ask(options.connection, "GET",
            "/api/v1/audit/links?limit=" + std::to_string(kPage) + "&after=" + std::to_string(after));
    if (!answer) return Explain(answer.error(), options.json);
    if (!answer->ok()) return Explain(*answer, options.json);
    const Array& links = ListIn(answer->body, "links");
    for (const Value& link : links) {
      const Value* revision = link.Find("revision");
      if (revision != nullptr && static_cast<Revision>(revision->AsInt()) > head) return kPass;
      take(link);
    }
    const Value* last = links.empty() ? nullptr : links.back().Find("revision");
    // Whatever it says, this ends.
    if (last == nullptr || static_cast<Revision>(last->AsInt()) <= after) return kPass;
    after = static_cast<Revision>(last->AsInt());
  }
  return kPass;
}

// ---- export ------------------------------------------------------------------------------------------------------

int ExportAudit(const AuditOptions& options) {
  Result<ApiAnswer> answer = Ask(options.connection, "GET", "/api/v1/audit/checkpoints");
  if (!answer) return Explain(answer.error(), options.json);
  if (!answer->ok()) return Explain(*answer, options.json);
  Result<AuditHeader> header = DecodeAuditHeader(answer->body);
  if (!header) return Explain(NotOurs(header.error().message), options.json);
  std::string text = ToJson(answer->body) + "\n";
  std::size_t links = 0;
  const int failed = ForEachLink(options, header->revision, [&](const Value& link) {
    AppendJson(text, link);
    text += '\n';
    ++links;
  });
  if (failed != kPass) return failed;
  if (options.output.empty()) {
    std::cout << text << std::flush;
    if (std::cout) return kPass;
    return Explain({ErrorCode::kIo, "cannot write the export to standard output", {}}, options.json);
  }
  if (Status written = WriteFile(options.output, text); !written) return Explain(written.error(), options.json);
  if (options.json) {
    PrintJson(
        Object{{"output", Value(options.output)}, {"revision", Value(header->revision)}, {"links", Value(links)}});
  } else {
    std::cout << "wrote " << Plural(links, "revision") << " to " << options.output
              << "; to verify it anywhere: guidon audit verify --file " << options.output << "\n";
  }
  return kPass;
}

// ---- verify ------------------------------------------------------------------------------------------------------

Result<AuditTrust> ReadTrust(const AuditOptions& options) {
  AuditTrust trust;
  for (const std::string& given : options.public_keys) {
    Result<PublicKey> key = PublicKey::FromText(given);
    if (!key) {
      const Result<std::string> text = ReadFile(given, kMostKeyBytes);
      if (!text)
        return Fail(ErrorCode::kInvalid,
                    "--public-key: it is neither 64 hex digits nor a file: " + text.error().message);
      key = PublicKey::FromText(*text);
      if (!key) return Fail(ErrorCode::kInvalid, given + ": " + key.error().message);
    }
    trust.keys.push_back(*std::move(key));
  }
  for (const std::string& file : options.checkpoints) {
    const Result<std::string> text = ReadFile(file, kMostCheckpointBytes);
    if (!text) return Fail(text.error());
    const std::vector<Checkpoint> found = FindCheckpoints(*text);
    if (found.empty()) {
      return Fail(ErrorCode::kInvalid,
                  "there is no checkpoint in " + file +
                      ": expected lines of guidond's log (msg=\"audit checkpoint\"), an export, or "
                      "lines that are nothing but a checkpoint (gcp1.…)");
    }
    trust.checkpoints.insert(trust.checkpoints.end(), found.begin(), found.end());
  }
  return trust;
}

// nullopt, with `exit_code` set and the reason said, when there is no answer to verify.
std::optional<AuditReport> VerifyServer(const AuditOptions& options, const AuditTrust& trust, int& exit_code) {
  Result<ApiAnswer> answer = Ask(options.connection, "GET", "/api/v1/audit/checkpoints");
  if (!answer || !answer->ok()) {
    exit_code = answer ? Explain(*answer, options.json) : Explain(answer.error(), options.json);
    return std::nullopt;
  }
  Result<AuditHeader> header = DecodeAuditHeader(answer->body);
  if (!header) {
    exit_code = Explain(NotOurs(header.error().message), options.json);
    return std::nullopt;
  }
  const Revision head = header->revision;
  AuditVerifier verifier(*std::move(header), trust);
  exit_code = ForEachLink(options, head, [&](const Value& link) {
    const Result<RevisionEntry> entry = DecodeRevisionEntry(link);
    if (entry) {
      verifier.Add(*entry);
    } else {
      verifier.AddBroken(entry.error().message);
    }
  });
  if (exit_code != kPass) return std::nullopt;
  return verifier.Finish();
}

Value EncodeReport(const AuditReport& report) {
  Array faults, redacted;
  for (const ChainFault& fault : report.chain.faults) {
    faults.emplace_back(Object{
        {"kind", Value(ToString(fault.kind))}, {"revision", Value(fault.revision)}, {"message", Value(fault.what)}});
  }
  for (const Revision revision : report.chain.redacted_revisions) redacted.emplace_back(revision);
  return Object{{"verified", Value(report.ok())},
                {"epoch", Value(report.epoch)},
                {"from", Value(report.chain.from)},
                {"to", Value(report.chain.to)},
                {"redacted", Value(report.chain.redacted)},
                {"redacted_revisions", Value(std::move(redacted))},
                {"compacted", Value(report.chain.compacted)},
                {"checkpoints", Value(report.checkpoints)},
                {"newest_checkpoint", report.newest ? Value(report.newest->text) : Value()},
                {"public_key_given", Value(report.keys_given)},
                {"faults", Value(std::move(faults))}};
}

void PrintFaults(const AuditReport& report) {
  const std::vector<ChainFault>& faults = report.chain.faults;
  const auto first = std::min_element(faults.begin(), faults.end(),
                                      [](const ChainFault& a, const ChainFault& b) { return a.revision < b.revision; });
  std::cout << Out().Red("not verified") << "  the first bad revision is " << first->revision << ", "
            << ToString(first->kind) << "\n";
  for (const ChainFault& fault : faults) {
    std::cout << "  revision " << fault.revision << "  " << ToString(fault.kind) << "  " << Printable(fault.what)
              << "\n";
  }
}

void PrintReport(const AuditReport& report) {
  if (!report.ok()) return PrintFaults(report);
  std::cout << Out().Green("verified") << "  " << Plural(report.chain.to, "revision") << " of epoch "
            << Printable(report.epoch) << "\n";
  if (report.chain.redacted > 0) {
    std::string list;
    for (const Revision revision : report.chain.redacted_revisions) {
      list += (list.empty() ? "" : ", ") + std::to_string(revision);
    }
    std::cout << Wrapped("erased, and verified by what was committed: " + list +
                             (report.chain.redacted > report.chain.redacted_revisions.size() ? ", …" : ""),
                         2)
              << "\n";
  }
  if (report.chain.compacted > 0) {
    std::cout << "  log entries older than what is kept: " << report.chain.compacted << "\n";
  }
  if (report.newest) {
    std::cout << "  " << Plural(report.checkpoints, "checkpoint") << " of key " << report.newest->key_id
              << ", the newest of revision " << report.newest->revision << " at "
              << FormatTimestamp(report.newest->time.time_since_epoch().count()) << "\n"
              << report.newest->text << "\n";
  } else {
    std::cout << "  without a checkpoint: what was cut off leaves no trace\n";
  }
  if (report.newest && !report.keys_given) {
    std::cerr << "The key is the server's word. Keep it elsewhere, and pass it as --public-key the next time.\n";
  }
}

int Verify(const AuditOptions& options) {
  const Result<AuditTrust> trust = ReadTrust(options);
  if (!trust) return Explain(trust.error(), options.json);
  int exit_code = kPass;
  std::optional<AuditReport> report;
  if (options.file.empty()) {
    report = VerifyServer(options, *trust, exit_code);
    if (!report) return exit_code;
  } else {
    const Result<std::string> text = ReadFile(options.file, kMostFileBytes);
    if (!text) return Explain(text.error(), options.json);
    Result<AuditReport> read = VerifyAuditFile(*text, *trust);
    if (!read) {
      Complain({read.error().code, options.file + ": " + read.error().message, {}}, options.json);
      return kProblem;  // what cannot be read has not been verified
    }
    report = *std::move(read);
  }
  if (options.json) {
    PrintJson(EncodeReport(*report));
  } else {
    PrintReport(*report);
  }
  return report->ok() ? kPass : kProblem;
}

}  // namespace

int Audit(const AuditOptions& options) {
  if (options.action == "log") return Log(options);
  return options.action == "export" ? ExportAudit(options) : Verify(options);
}

}  // namespace guidon::cli
