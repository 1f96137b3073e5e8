// What is fuzzed: each target takes any bytes, and returns or throws. It returns for every input, good or bad; it
// throws std::logic_error when a promise of the code under test does not hold; anything else (a crash, a sanitizer's
// report, a hang) is a fault as well.
//
// One program for each target is made by tests/fuzz/libfuzzer.cc, and replay_test.cc runs all of them over corpus/.
//
// Thread safety: none needed; a target keeps nothing between inputs.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace guidon::fuzz {

void Yaml(std::string_view input);       // text -> documents -> a workspace's definitions -> validation
void Format(std::string_view input);     // text -> its one layout, which says the same and stays as it is
void Json(std::string_view input);       // text <-> Value, raw members
void Codec(std::string_view input);      // definitions and records; also a codec case's "document"
void Wire(std::string_view input);       // snapshots and changes
void Sse(std::string_view input);        // the first byte seeds the chunks; the rest is the stream
void Net(std::string_view input);        // addresses and Retry-After
void Operands(std::string_view input);   // percentages, durations, days, times, margins, versions, networks
void Http(std::string_view input);       // percent-decoding, ETag lists, Accept-Encoding, routes
void Request(std::string_view input);    // the first byte seeds the pieces; the rest is a request of HTTP/1.1
void Auth(std::string_view input);       // the text of a key; the id of an event to resume from
void Ingest(std::string_view input);     // a batch of events, packed or not; a process's status
void Ofrep(std::string_view input);      // the body of an evaluation, and the answer to it
void Audit(std::string_view input);      // an audit export, a line of one, a checkpoint, a public key
void Backup(std::string_view input);     // the manifest of a backup
void Lsp(std::string_view input);        // a text being typed; a stream of messages to a language server; one of them
void Facts(std::string_view input);      // the first byte says what: a unit's record, a sketch, a part of totals
void Evaluator(std::string_view input);  // {"entities":[…],"changes":[…],"contexts":[…],"now":…}

struct Target {
  const char* name;  // of its folder in corpus/, and of its program fuzz_<name>
  void (*run)(std::string_view input);
  const char* more_seeds = nullptr;  // a folder of other tests or of the demo, read as a whole
};
inline constexpr Target kTargets[] = {{"yaml", Yaml, "experiments/shop"},
                                      {"format", Format, "experiments/shop"},
                                      {"json", Json},
                                      {"codec", Codec, "tests/core/codec/cases"},
                                      {"wire", Wire},
                                      {"sse", Sse},
                                      {"net", Net},
                                      {"operands", Operands},
                                      {"http", Http},
                                      {"request", Request},
                                      {"auth", Auth},
                                      {"evaluator", Evaluator},
                                      {"ingest", Ingest},
                                      {"ofrep", Ofrep},
                                      {"audit", Audit},
                                      {"backup", Backup},
                                      {"lsp", Lsp},
                                      {"facts", Facts}};

// A promise that has to hold for every input.
inline void Require(bool holds, const std::string& promise) {
  if (!holds) throw std::logic_error("broken promise: " + promise);
}

}  // namespace guidon::fuzz
