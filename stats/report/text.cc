// The report in a terminal: verdict first, one line for each fact, a bar for each interval. Colour only repeats what
// words say.
#include <algorithm>
#include <cmath>

#include "stats/report/report.h"
#include "stats/report/view.h"
#include "stats/report/words.h"

namespace guidon::stats {
namespace {

constexpr std::string_view kLine = "\xE2\x94\x80";      // ─
constexpr std::string_view kPoint = "\xE2\x97\x8F";     // ●
constexpr std::string_view kZero = "\xE2\x94\x82";      // │
constexpr std::string_view kMargin = "\xE2\x94\x8A";    // ┊
constexpr std::string_view kEllipsis = "\xE2\x80\xA6";  // …

// Code points; what is drawn here is one column each.
std::size_t Width(std::string_view text) {
  std::size_t width = 0;
  for (const char c : text) width += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return width;
}

// Hypotheses and names come from people: what would steer a terminal is shown as a question mark.
std::string Plain(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool is_c1 = byte == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0;
    if (byte == '\n' || byte == '\t') {
      plain += ' ';
    } else if (byte < 0x20 || byte == 0x7F || is_c1) {
      plain += '?';
      i += is_c1 ? 1 : 0;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

// At most so many characters; what is longer ends in "…".
std::string Cut(const std::string& text, std::size_t width) {
  if (Width(text) <= width) return text;
  std::string cut;
  std::size_t taken = 0;
  for (std::size_t i = 0; i < text.size() && taken + 1 < width;) {
    std::size_t next = i + 1;
    while (next < text.size() && (static_cast<unsigned char>(text[next]) & 0xC0) == 0x80) ++next;
    cut.append(text, i, next - i);
    i = next;
    ++taken;
  }
  return cut + std::string(kEllipsis);
}

// The same, padded to the width.
std::string Column(std::string text, std::size_t width, bool to_the_right = false) {
  text = Cut(text, width);
  const std::size_t size = Width(text);
  return to_the_right ? std::string(width - size, ' ') + text : std::move(text) + std::string(width - size, ' ');
}

class Page {
 public:
  explicit Page(const TextOptions& options)
      : columns_(std::max<std::size_t>(40, options.columns)), color_(options.color) {}

  std::size_t columns() const { return columns_; }
  std::string Paint(std::string_view code, std::string_view text) const {
    return color_ ? "\x1b[" + std::string(code) + "m" + std::string(text) + "\x1b[0m" : std::string(text);
  }

  void Raw(std::string_view line) {
    while (line.ends_with(' ')) line.remove_suffix(1);
    text_ += line;
    text_ += '\n';
  }
  void Blank() { text_ += '\n'; }
  void Heading(std::string_view text) {
    Blank();
    Raw(Paint("1", text));
  }

  // Breaks between words; every line after the first begins with `indent` blanks. `first` stands before the first line,
  // and is `first_width` wide.
  void Wrapped(std::string_view text, std::size_t indent, const std::string& first = "", std::size_t first_width = 0) {
    indent = std::min(indent, columns_ / 2);
    std::string line = first_width < indent ? first + std::string(indent - first_width, ' ') : first;
    std::size_t width = std::max(indent, first_width);
    bool is_empty = true;
    const std::string plain = Plain(text);
    std::string_view rest = plain;
    while (!rest.empty()) {
      const std::size_t end = rest.find(' ');
      std::string word(rest.substr(0, end));
      rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
      if (word.empty()) continue;
      if (Width(word) > columns_ - indent) word = Column(word, columns_ - indent);
      const bool is_first = is_empty && width > indent;  // after what stands before the text
      if ((!is_empty || is_first) && width + (is_first ? 0 : 1) + Width(word) > columns_) {
        Raw(line);
        line = std::string(indent, ' ');
        width = indent;
        is_empty = true;
      }
      if (!is_empty) {
        line += ' ';
        ++width;
      }
      line += word;
      width += Width(word);
      is_empty = false;
    }
    Raw(line);
  }

  std::string Take() { return std::move(text_); }

 private:
  std::size_t columns_;
  bool color_;
  std::string text_;
};

// "──────●──│──": an interval on an axis that is `width` characters wide.
std::string Bar(const Axis& axis, const Shown& shown, const std::optional<double>& margin, std::size_t width) {
  const auto cell = [&](double value) {
    return static_cast<std::size_t>(std::lround(axis.At(value) * static_cast<double>(width - 1)));
  };
  std::vector<std::string_view> cells(width, " ");
  cells[cell(0)] = kZero;
  for (std::size_t i = cell(shown.lower); i <= cell(shown.upper); ++i) cells[i] = kLine;
  if (!(shown.lower > 0) && !(shown.upper < 0)) cells[cell(0)] = "\xE2\x94\xBC";  // ┼
  if (margin) cells[cell(*margin)] = kMargin;
  if (shown.lower < axis.low) cells.front() = "<";
  if (shown.upper > axis.high) cells.back() = ">";
  cells[cell(shown.point)] = kPoint;
  std::string bar;
  for (const std::string_view one : cells) bar += one;
  return bar;
}

// The first, zero and the last tick above the bars.
std::string AxisLine(const Axis& axis, bool is_relative, bool is_share, std::size_t width) {
  std::string line(width, ' ');
  std::vector<std::string> cells(width, " ");
  const auto put = [&](double value, bool at_end) {
    const std::string label = TickText(value, is_relative, is_share);
    const std::size_t size = Width(label);
    const auto at = static_cast<std::size_t>(std::lround(axis.At(value) * static_cast<double>(width - 1)));
    const std::size_t begin = at_end ? width - size : std::min(at, width - size);
    for (std::size_t i = begin > 0 ? begin - 1 : 0; i < std::min(width, begin + size + 1); ++i) {
      if (cells[i] != " ") return;  // there is one already
    }
    std::size_t i = begin;
    for (std::size_t from = 0; from < label.size(); ++i) {
      std::size_t next = from + 1;
      while (next < label.size() && (static_cast<unsigned char>(label[next]) & 0xC0) == 0x80) ++next;
      cells[i] = label.substr(from, next - from);
      from = next;
    }
  };
  put(0, false);
  put(axis.low, false);
  put(axis.high, true);
  std::string text;
  for (const std::string& cell : cells) text += cell;
  return text;
}

constexpr std::size_t kNameWidth = 16, kEffectWidth = 10;

void PrintArms(Page& page, const MetricReport& metric) {
  for (const MetricReport::ArmFigures& arm : metric.arms) {
    std::string line =
        "  " + Column(Plain(arm.variant), kNameWidth) + Column(MeanText(arm.mean, IsShare(metric.kind)), 10, true);
    line += "  " + (arm.denominator ? NumberText(arm.numerator) + " / " + NumberText(*arm.denominator) + ", " +
                                          PluralText(static_cast<std::uint64_t>(arm.units), "unit")
                                    : "of " + PluralText(static_cast<std::uint64_t>(arm.units), "unit"));
    if (!arm.steps.empty()) {
      line += "; steps";
      for (const std::uint64_t step : arm.steps) line += " " + CountText(step);
    }
    page.Raw(Column(line, page.columns()));
  }
}

// Everything that is said of a comparison in words, after its bar.
std::string RemarksOf(const ComparisonOfVariant& comparison, const MetricReport& metric, const Report& report) {
  std::vector<std::string> parts;
  const Shown shown = ShownOf(comparison);
  parts.push_back(IntervalText({shown.lower, shown.upper}, shown.is_relative, IsShare(metric.kind)));
  if (!comparison.found.empty()) {
    parts.push_back(comparison.found +
                    (comparison.found_at_look > 0
                         ? ", first found at look " + CountText(std::uint64_t{comparison.found_at_look})
                         : ""));
  }
  if (comparison.guardrail == "safe") parts.push_back("safe");
  if (comparison.guardrail == "harmed") parts.push_back("HARMED");
  if (comparison.guardrail == "not_sure_yet") parts.push_back("not sure yet");
  if (metric.role != "guardrail") parts.push_back("p " + ProbabilityText(comparison.p_adjusted));
  if (comparison.chance_to_win && metric.role == "primary") {
    parts.push_back("chance to win " + ChanceText(*comparison.chance_to_win));
  }
  if (comparison.detectable && metric.role == "primary" && report.decision != Decision::kShip) {
    parts.push_back("detectable now: " + ShareText(*comparison.detectable));
  }
  parts.insert(parts.end(), comparison.badges.begin(), comparison.badges.end());
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : "; ") + part;
  return text;
}

void PrintMetric(Page& page, const MetricReport& metric, const Report& report) {
  page.Raw("");
  const std::string about = metric.role == "guardrail"
                                ? MarginText(metric)
                                : metric.kind + ", " + (metric.expect_up ? "up is good" : "down is good");
  const std::string name = Cut(Plain(metric.metric), page.columns() / 2 - 4);
  page.Wrapped(metric.cap ? about + "; " + CapText(metric) : about, 2 + Width(name) + 2, "  " + page.Paint("1", name),
               2 + Width(name));
  if (report.results_hidden && metric.comparisons.empty()) return;
  PrintArms(page, metric);
  const std::size_t bar_width = page.columns() - 2 - kNameWidth - kEffectWidth - 2;
  for (const bool is_relative : {true, false}) {
    const Axis axis = AxisFor(ValuesOf({&metric}, is_relative));
    bool has_axis = false;
    for (const ComparisonOfVariant& comparison : metric.comparisons) {
      if (comparison.error) {
        if (is_relative) {
          const std::string variant = Cut(Plain(comparison.variant), kNameWidth);
          page.Wrapped("no estimate: " + comparison.error->message, 4, "  " + variant + " ", 3 + Width(variant));
        }
        continue;
      }
      const Shown shown = ShownOf(comparison);
      if (shown.is_relative != is_relative) continue;
      const bool is_share = IsShare(metric.kind);
      if (!has_axis) {
        page.Raw(std::string(2 + kNameWidth + kEffectWidth + 2, ' ') +
                 AxisLine(axis, is_relative, is_share, bar_width));
        has_axis = true;
      }
      const bool margin_fits = metric.margin && metric.margin_is_relative == is_relative;
      page.Raw("  " + Column(Plain(comparison.variant), kNameWidth) +
               Column(EffectText(shown.point, is_relative, is_share), kEffectWidth, true) + "  " +
               Bar(axis, shown, margin_fits ? MarginAt(metric) : std::nullopt, bar_width));
      page.Wrapped(RemarksOf(comparison, metric, report), 4);
      if (comparison.by_exposure_day) {
        page.Wrapped("By day of first exposure: " + ByDayText(*comparison.by_exposure_day, is_share), 4);
      }
    }
  }
}

void PrintGates(Page& page, const Report& report) {
  page.Heading("Data");
  for (const Gate& gate : report.gates) {
    const std::string word = gate.light == Light::kGreen ? "ok" : gate.light == Light::kYellow ? "note" : "STOP";
    const std::string_view code = gate.light == Light::kGreen ? "32" : gate.light == Light::kYellow ? "33" : "31";
    page.Wrapped(gate.sentence, page.columns() < 70 ? 4 : 28,
                 "  " + page.Paint(code, word) + std::string(6 - word.size(), ' ') + Column(GateTitle(gate.id), 19),
                 27);
  }
}

// Of the primary metric, which slices are of.
bool IsShareMetric(const Report& report) {
  return !report.metrics.empty() && IsShare(report.metrics.front().kind);
}

void PrintSlices(Page& page, const Report& report) {
  if (report.slices.empty()) return;
  page.Heading("Slices");
  page.Wrapped("Exploratory: ideas for a next experiment, nothing to decide by.", 2);
  const bool has_several = report.design.plan.variants.size() > 2;
  // Effect and p take 23 columns.
  const std::size_t width = std::min<std::size_t>(48, page.columns() - 2 - 23);
  for (const SliceReport& slice : report.slices) {
    const std::string name = Plain(slice.dimension + "=" + slice.value + (has_several ? ", " + slice.variant : ""));
    page.Raw("  " + Column(name, width) +
             (slice.error ? "  no estimate"
                          : Column(EffectText(slice.estimate.effect.point, slice.is_relative, IsShareMetric(report)),
                                   12, true) +
                                "  p " + ProbabilityText(slice.p_adjusted)));
  }
}

// Of each experiment the suspects, or else the question that comes nearest to one; the page has all of them.
void PrintOverlaps(Page& page, const Report& report) {
  if (!report.overlaps) return;
  const OverlapsReport& overlaps = *report.overlaps;
  page.Heading("Overlapping experiments");
  page.Wrapped(OverlapsLead(overlaps), 2);
  const std::size_t width = std::min<std::size_t>(48, page.columns() - 2 - 23);
  for (const OverlapsReport::Of& other : overlaps.experiments) {
    page.Raw("  " + Column(Plain(other.experiment), width) +
             Column(PluralText(other.units, "unit"), page.columns() - 2 - width, true));
    const OverlapsReport::Question* nearest = nullptr;
    for (const OverlapsReport::Question& question : other.questions) {
      if (nearest == nullptr || (nearest->error && !question.error) ||
          (!question.error && question.p_adjusted < nearest->p_adjusted)) {
        nearest = &question;
      }
    }
    for (const OverlapsReport::Question& question : other.questions) {
      if (!question.is_suspect && &question != nearest) continue;
      const std::string name = Plain(question.variant + " beside " + question.other_variant);
      page.Raw("    " + Column(name, width - 2) +
               (question.error ? "  no estimate"
                               : Column(EffectText(question.point, false, overlaps.is_share), 12, true) + "  p " +
                                     ProbabilityText(question.p_adjusted)));
    }
  }
  for (const std::string& sentence : overlaps.sentences) page.Wrapped(sentence, 8, "  " + page.Paint("33", "note"), 6);
  if (const std::string left_out = LeftOutText(overlaps); !left_out.empty()) page.Wrapped(left_out, 2);
}

}  // namespace

std::string ToText(const Report& report, const TextOptions& options) {
  Page page(options);
  const std::string key = Cut(Plain(report.experiment), page.columns() / 2);
  page.Wrapped((report.flag.empty() ? "holdout" : Plain(report.flag)) + " in " + report.environment + ", iteration " +
                   CountText(std::uint64_t{report.iteration}) + ", as of " + TimeText(report.as_of),
               2, page.Paint("1", key) + "  ", Width(key) + 2);
  page.Blank();
  const std::string_view code = report.decision == Decision::kShip                                 ? "1;32"
                                : report.decision == Decision::kStopForHarm || report.HasRedGate() ? "1;31"
                                : report.decision == Decision::kKeepRunning                        ? "1;34"
                                                                                                   : "1;33";
  page.Raw(page.Paint(
      code,
      Cut(DecisionText(report.decision) + (report.winner.empty() ? "" : " " + Plain(report.winner)), page.columns())));
  page.Wrapped(report.verdict, 2);
  if (!report.next.empty()) {
    page.Blank();
    page.Wrapped(report.next, 8, page.Paint("1", "Next:"), 5);
  }
  if (report.decision != Decision::kKeepRunning) {
    page.Wrapped(report.would_change, 8, page.Paint("1", "Change:"), 7);
  }
  for (const std::string& note : report.notes) page.Wrapped(note, 8, page.Paint("1", "Note:"), 5);
  page.Blank();
  page.Wrapped(ProgressText(report), 2);
  if (const std::string looks = LooksText(report); !looks.empty()) page.Wrapped(looks, 2);
  if (const std::string ramp = RampText(report); !ramp.empty()) page.Wrapped("ramp: " + ramp, 2);
  PrintGates(page, report);
  const std::pair<std::string_view, std::string_view> kRoles[] = {
      {"primary", "Primary metric"}, {"guardrail", "Guardrails"}, {"secondary", "Secondary metrics"}};
  for (const auto& [role, heading] : kRoles) {
    const std::vector<const MetricReport*> metrics = OfRole(report, role);
    if (metrics.empty()) continue;
    page.Heading(heading);
    if (report.results_hidden && metrics.front()->comparisons.empty()) {
      page.Wrapped(report.HasRedGate() ? "hidden: the data cannot be trusted" : "hidden until the planned end", 2);
      continue;
    }
    for (const MetricReport* metric : metrics) PrintMetric(page, *metric, report);
  }
  PrintSlices(page, report);
  PrintOverlaps(page, report);
  page.Heading("Plan");
  for (const auto& [name, what] : PlanLines(report)) page.Wrapped(what, 18, "  " + name, 2 + Width(name));
  for (const std::string& change : report.quality.changes) page.Wrapped(change, 18, "  Edited", 8);
  page.Blank();
  page.Wrapped(
      "Not in here, but in the page (--html) and the document (--json): effect over time, units by day, the looks, "
      "more about each variant, and the statistics that all of it is computed from.",
      0);
  return page.Take();
}

}  // namespace guidon::stats
