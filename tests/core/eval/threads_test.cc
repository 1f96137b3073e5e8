// Many threads may evaluate one ruleset; RE2 fills its automata as they meet new texts, from whatever thread.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "core/eval/evaluator.h"
#include "core/ruleset/ruleset.h"
#include "tests/support/workspace.h"

namespace guidon {
namespace {

// Texts that nobody has seen before make an automaton grow. Which letters were seen at which of the last fourteen
// places is more than its bound of memory holds, so that it also begins anew while others search.
std::string TextOf(unsigned number) {
  std::string text;
  for (unsigned i = 0; i < 60; ++i, number = number * 1'664'525u + 1'013'904'223u) {
    text.push_back(static_cast<char>('a' + (number >> 24) % 6));
  }
  return text;
}

TEST(EvaluatorThreadsTest, ManyThreadsFillTheAutomataAndAnswerAsOneDoes) {
  const auto ruleset = Compile(Workspace({BooleanFlag(
      "f",
      R"("rules": [{"when": {"a": {"matches": ["a.{13}b", "(ab|ba|cd)+f.*e"], "ignore_case": true}}, "serve": "on"}],
              "default": "off")")}));
  ASSERT_TRUE(ruleset->broken().empty());
  constexpr unsigned kTexts = 3'000;
  std::vector<char> expected;
  const auto fresh = Compile(Workspace({BooleanFlag(
      "f", R"("rules": [{"when": {"any": [{"a": {"matches": "a.{13}b"}}, {"a": {"matches": "(ab|ba|cd)+f.*e"}}]},
                         "serve": "on"}], "default": "off")")}));
  for (unsigned i = 0; i < kTexts; ++i) {
    expected.push_back(Evaluate(*fresh, fresh->Find("f"), Context("k").Set("a", TextOf(i)), 0).value()->AsBool() ? 1
                                                                                                                 : 0);
  }
  ASSERT_GT(std::count(expected.begin(), expected.end(), 1), kTexts / 20);
  ASSERT_GT(std::count(expected.begin(), expected.end(), 0), kTexts / 20);
  // More than there are processors on most machines, so that some share a copy (core/ruleset/pattern.h).
  constexpr unsigned kThreads = 10;
  std::atomic<unsigned> wrong{0}, ready{0};
  const auto work = [&](unsigned offset) {
    ++ready;
    while (ready < kThreads) std::this_thread::yield();  // all begin with empty automata
    for (unsigned n = 0; n < kTexts; ++n) {
      const unsigned i = (n + offset) % kTexts;
      const Decision decision = Evaluate(*ruleset, ruleset->Find("f"), Context("k").Set("a", TextOf(i)), 0);
      if (decision.value()->AsBool() != (expected[i] == 1)) ++wrong;
    }
  };
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < kThreads; ++i) threads.emplace_back(work, i * kTexts / kThreads);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0u);
}

}  // namespace
}  // namespace guidon
