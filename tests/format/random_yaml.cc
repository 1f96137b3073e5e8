#include "tests/format/random_yaml.h"

#include <algorithm>
#include <random>
#include <vector>

namespace guidon::testing {
namespace {

class Author {
 public:
  explicit Author(std::uint64_t seed) : random_(seed) {}

  std::string Write() {
    if (Chance(5)) out_ += "\xEF\xBB\xBF";
    const int documents = 1 + Up(2);
    for (int i = 0; i < documents; ++i) {
      Comments(0);
      if (i > 0 || Chance(20)) out_ += Chance(20) ? "---  # a new one" + Number() + "\n" : "---\n";
      if (Chance(5)) continue;  // an empty document
      anchors_ = 0;
      Comments(0);
      if (Chance(10)) {
        out_ += Flow(2) + Behind();
      } else if (Chance(8)) {
        out_ += Scalar(false) + Behind();
      } else {
        Collection(0, 4);
      }
      Comments(Up(3) * 2);
    }
    if (Chance(10)) return WithCarriageReturns();
    return out_;
  }

 private:
  int Up(int most) { return static_cast<int>(random_() % static_cast<unsigned>(most + 1)); }
  bool Chance(int percent) { return Up(99) < percent; }
  std::string Number() { return " " + std::to_string(comments_++); }

  std::string WithCarriageReturns() const {
    std::string text;
    for (char c : out_) text += c == '\n' ? "\r\n" : std::string(1, c);
    return text;
  }

  void Comments(int indent) {
    while (Chance(12)) {
      if (Chance(30)) out_ += Chance(50) ? "\n" : "\n\n  \n";
      out_ += std::string(static_cast<std::size_t>(Chance(30) ? Up(8) : indent), ' ') + "#" +
              (Chance(20)   ? ""
               : Chance(20) ? "\tgrün"
                            : " why: [") +
              Number() + (Chance(20) ? "  " : "") + "\n";
    }
    if (Chance(10)) out_ += "\n\n";
  }
  std::string Behind() { return Chance(12) ? "   # behind" + Number() + "\n" : Chance(5) ? "  \n" : "\n"; }

  std::string Scalar(bool in_flow) {
    static const std::vector<std::string> kScalars = {"on",
                                                      "off",
                                                      "true",
                                                      "null",
                                                      "~",
                                                      "17",
                                                      "-0.5",
                                                      "20%",
                                                      "1e3",
                                                      "\"17\"",
                                                      "'true'",
                                                      "\"plain text\"",
                                                      "'it''s'",
                                                      "\"a\\tb\\u2028\"",
                                                      "'^\\d+$'",
                                                      "\"say \\\"hi\\\"\"",
                                                      "ärger",
                                                      "\"ärger\"",
                                                      "2027-03-31",
                                                      "\"4.2.0\"",
                                                      "\"\"",
                                                      "''",
                                                      "!!str 17",
                                                      "! 12",
                                                      "\"a: b\"",
                                                      "\"# no comment\"",
                                                      "a#b",
                                                      "\"yes\"",
                                                      "\"@shop.example\"",
                                                      "\"null\"",
                                                      "\"trailing \"",
                                                      "http://x/y",
                                                      "[]",
                                                      "{}",
                                                      "\"a,b\"",
                                                      "\"\\u0085\"",
                                                      "\"x]\"",
                                                      "\"0x10\"",
                                                      "\"a\\nb\""};
    if (anchors_ > 0 && Chance(4)) return "*a" + std::to_string(1 + Up(anchors_ - 1)) + (in_flow ? " " : "");
    std::string text = kScalars[random_() % kScalars.size()];
    if (Chance(4) && text[0] != '!') text = "&a" + std::to_string(++anchors_) + " " + text;
    return text;
  }

  std::string Key(int number) {
    static const std::vector<std::string> kKeys = {"flag", "off", "a.b", "ü", "two words"};
    const std::string key = kKeys[random_() % kKeys.size()] + std::to_string(number);
    return Chance(20) ? "\"" + key + "\": " : Chance(10) ? "'" + key + "' : " : key + ": ";
  }

  std::string Flow(int depth) {
    const bool is_map = Chance(50);
    std::string text = is_map ? "{" : "[";
    const bool many_lines = Chance(15);
    const int count = Up(Chance(10) ? 14 : 4);
    for (int i = 0; i < count; ++i) {
      if (i > 0) text += Chance(50) ? ", " : " ,";
      if (many_lines) text += Chance(20) ? "  # in it" + Number() + "\n      " : "\n      ";
      if (many_lines && Chance(10)) text += "# alone" + Number() + "\n      ";
      if (is_map) text += "k" + std::to_string(i) + ": ";
      text += depth > 0 && Chance(25) ? Flow(depth - 1) : Scalar(true);
    }
    if (many_lines) text += Chance(20) ? "  # last" + Number() + "\n      " : "\n      ";
    return text + (is_map ? " }" : " ]");
  }

  void Lines(int indent) {
    const std::string blanks(static_cast<std::size_t>(indent), ' ');
    switch (Up(3)) {
      case 0:  // literal, folded
      case 1: {
        static const std::vector<std::string> kMarks = {"|", ">", "|-", ">-", "|+", ">+"};
        out_ += kMarks[random_() % kMarks.size()];
        if (Chance(20)) out_ += "  # header" + Number();
        out_ += "\n";
        for (int i = 0, count = 1 + Up(3); i < count; ++i) {
          if (Chance(20) && i > 0) out_ += "\n";
          out_ += blanks + (i > 0 && Chance(20) ? "   " : "") + "line # of text: " + std::to_string(i) + "\n";
        }
        if (Chance(20)) out_ += "\n\n";
        return;
      }
      case 2:
        out_ += "several words\n" + blanks + " in lines" + (Chance(30) ? "\n\n" + blanks + "more" : "") + Behind();
        return;
      default:
        out_ += "\"quoted \\\n" + blanks + "  in lines\n" + blanks + "too\"" + Behind();
        return;
    }
  }

  void Collection(int indent, int depth) {
    const bool is_map = Chance(60);
    const std::string blanks(static_cast<std::size_t>(indent), ' ');
    const int count = 1 + Up(3);
    for (int i = 0; i < count; ++i) {
      if (i > 0) Comments(indent);
      // The first one follows its dash, or begins a line.
      if (i > 0 || out_.empty() || out_.back() == '\n') out_ += blanks;
      out_ += is_map ? Key(i) : "- ";
      Value(indent, depth, is_map);
    }
  }

  void Value(int indent, int depth, bool of_map) {
    if (depth > 0 && Chance(35)) {
      const int inner = indent + 1 + Up(3);
      if (!of_map && Chance(50)) {
        out_.resize(out_.size() - 1);
        out_ += std::string(static_cast<std::size_t>(inner - indent - 1 > 0 ? inner - indent - 1 : 1), ' ');
        return Collection(std::max(inner, indent + 2), depth - 1);
      }
      if (Chance(5)) out_ += "&a" + std::to_string(++anchors_);
      out_ += Behind();
      Comments(inner);
      return Collection(inner, depth - 1);
    }
    if (Chance(12)) return Lines(indent + 1 + Up(2));
    if (Chance(20)) {
      out_ += Flow(2) + Behind();
    } else if (Chance(7)) {
      out_ += Behind();  // nothing
    } else {
      out_ += Scalar(false) + Behind();
    }
  }

  std::mt19937_64 random_;
  std::string out_;
  int comments_ = 0;
  int anchors_ = 0;
};

}  // namespace

std::string RandomYaml(std::uint64_t seed) {
  return Author(seed).Write();
}

}  // namespace guidon::testing
