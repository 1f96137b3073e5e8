// The report as one page: verdict first, then whether the data may be believed, then the numbers, then what they came
// from. No script, nothing fetched; it may be mailed, printed and kept.
#include <algorithm>
#include <cmath>
#include <set>

#include "core/base/json.h"
#include "stats/report/charts.h"
#include "stats/report/page_style.h"
#include "stats/report/report.h"
#include "stats/report/view.h"
#include "stats/report/words.h"

namespace guidon::stats {
namespace {

std::string Base64(std::string_view bytes) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t left = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t word = 0;
    for (std::size_t j = 0; j < 3; ++j) word = word << 8 | (j < left ? static_cast<unsigned char>(bytes[i + j]) : 0u);
    for (std::size_t j = 0; j < 4; ++j) text += j <= left ? kDigits[word >> (18 - 6 * j) & 63] : '=';
  }
  return text;
}

// For a file's name: nothing that a folder or a shell reads in another way.
std::string FileName(std::string_view key) {
  std::string name;
  for (const char c : key) {
    const bool is_plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    name += is_plain ? c : '-';
  }
  return name.empty() ? "report" : name.substr(0, 100);
}

std::string_view ToneOf(const Report& report) {
  if (report.HasRedGate()) return "bad";
  switch (report.decision) {
    case Decision::kShip:
      return "good";
    case Decision::kStopForHarm:
      return "bad";
    case Decision::kKeepRunning:
      return "info";
    default:
      return "warn";
  }
}

std::string_view ToneOf(const ComparisonOfVariant& comparison) {
  if (comparison.guardrail == "harmed" || comparison.found == "worse") return "bad";
  if (comparison.guardrail == "safe" || comparison.found == "better") return "good";
  return "plain";
}

std::size_t ColorOf(std::size_t variant) {
  return variant == 0 ? 0 : (variant - 1) % 5 + 1;
}

// Of an axis: 2,500 and 0.5, without zeros behind.
std::string TickNumber(double number) {
  return std::fabs(number) >= 1'000 ? NumberText(number) : PlainNumberText(number);
}

std::string Tag(std::string_view tone, std::string_view word) {
  return "<span class=\"tag " + std::string(tone) + "\">" + Escaped(word) + "</span>";
}

std::string Cell(const std::string& text) {
  return "<td>" + Escaped(text) + "</td>";
}

std::string RowHead(const std::string& text) {
  return "<th scope=\"row\">" + Escaped(text) + "</th>";
}

class PageWriter {
 public:
  explicit PageWriter(const Report& report) : report_(report) {}

  std::string Write() {
    Head();
    Verdict();
    Gates();
    Role("primary", "Primary metric", "primary-metric", "");
    Role("guardrail", "Guardrails", "guardrails",
         "Each is watched at every moment, one side, against the margin that the plan allows. What lies in the shaded "
         "part is worse than that.");
    Role("secondary", "Secondary metrics", "secondary-metrics",
         "Nothing is decided by these. p-values are adjusted for how many there are (Benjamini-Hochberg).");
    OverTime();
    Looks();
    UnitsByDay();
    Slices();
    Overlaps();
    Plan();
    Statistics();
    html_ += "</main><footer><p>Report of " + Escaped(TimeText(report_.as_of)) + ", revision " +
             CountText(report_.revision) + ", plan " + Escaped(report_.plan_hash) +
             ". The same data and the same plan give the same page.</p></footer></body></html>\n";
    return std::move(html_);
  }

 private:
  const std::string& VariantName(std::size_t v) const { return report_.design.plan.variants.at(v); }

  bool IsHidden(const MetricReport& metric) const { return metric.comparisons.empty() && report_.results_hidden; }

  void Head() {
    const std::string title = DecisionText(report_.decision) + (report_.winner.empty() ? "" : " " + report_.winner);
    html_ += "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>" +
             Escaped(title + " \xE2\x80\x93 " + report_.experiment) +
             "</title><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><link rel=\"icon\" "
             "href=\"data:,\"><style>" +
             std::string(kPageStyle) + "</style></head><body><header><h1>" + Escaped(report_.experiment) +
             "</h1><p class=\"sub\">" + (report_.flag.empty() ? "holdout" : Escaped(report_.flag)) + " in " +
             Escaped(report_.environment) + " of " + Escaped(report_.project) + ", iteration " +
             CountText(std::uint64_t{report_.iteration}) + ", as of " + Escaped(TimeText(report_.as_of)) +
             "</p></header><main>";
  }

  void Fact(const std::string& name, const std::string& value, const std::string& below = "") {
    html_ += "<div><dt>" + Escaped(name) + "</dt><dd>" + Escaped(value) + below + "</dd></div>";
  }

  static std::string Track(double share) {
    const long whole = std::lround(std::clamp(share, 0.0, 1.0) * 100);
    return "<div class=\"track\" aria-hidden=\"true\"><span style=\"width:" + std::to_string(whole) +
           "%\"></span></div>";
  }

  void Verdict() {
    html_ += "<section class=\"card verdict " + std::string(ToneOf(report_)) +
             "\" aria-labelledby=\"verdict\"><h2 id=\"verdict\">" +
             Escaped(DecisionText(report_.decision) + (report_.winner.empty() ? "" : " " + report_.winner)) +
             "</h2><p class=\"why\">" + Escaped(report_.verdict) + "</p>";
    const auto next = [&](std::string_view what, const std::string& sentence) {
      if (sentence.empty()) return;
      html_ += "<p class=\"next\"><b>" + std::string(what) + "</b> " + Escaped(sentence) + "</p>";
    };
    if (report_.decision != Decision::kKeepRunning) next("What to do:", report_.next);
    next("What would change this:", report_.would_change);
    if (!report_.notes.empty()) {
      html_ += "<ul class=\"notes\">";
      for (const std::string& note : report_.notes) html_ += "<li>" + Escaped(note) + "</li>";
      html_ += "</ul>";
    }
    const Progress& progress = report_.progress;
    html_ += "<dl class=\"facts\">";
    Fact("Running", DaysText(progress.days));
    Fact(
        "Units",
        CountText(progress.units) +
            (report_.design.planned_units ? " of " + CountText(*report_.design.planned_units) : ""),
        report_.design.planned_units ? Track(static_cast<double>(progress.units) / *report_.design.planned_units) : "");
    if (report_.looks_planned > 0) {
      Fact("Looks", report_.look ? CountText(std::uint64_t{*report_.look}) + " of " +
                                       CountText(std::uint64_t{report_.looks_planned})
                                 : "none yet of " + CountText(std::uint64_t{report_.looks_planned}));
    }
    const std::string matured = MaturedText(report_);
    if (report_.fraction > 0 || !matured.empty()) {
      Fact("Information", ShareText(report_.fraction) + (matured.empty() ? "" : ", " + matured),
           Track(report_.fraction));
    }
    if (report_.alpha_spent > 0) {
      Fact("Alpha spent", ProbabilityText(report_.alpha_spent) + " of " + PlainNumberText(report_.design.alpha));
    }
    if (progress.until && !progress.at_end) Fact("End expected", DayText(*progress.until));
    html_ += "</dl><nav aria-label=\"Sections\"><ul><li><a href=\"#data\">Data</a></li>";
    const auto link = [&](std::string_view role, std::string_view id, std::string_view name) {
      if (OfRole(report_, role).empty()) return;
      html_ += "<li><a href=\"#" + std::string(id) + "\">" + std::string(name) + "</a></li>";
    };
    link("primary", "primary-metric", "Primary metric");
    link("guardrail", "guardrails", "Guardrails");
    link("secondary", "secondary-metrics", "Secondary metrics");
    html_ +=
        "<li><a href=\"#units\">Units</a></li><li><a href=\"#plan\">Plan</a></li><li><a "
        "href=\"#statistics\">Statistics</a></li></ul></nav></section>";
  }

  void Section(std::string_view id, std::string_view title, std::string_view lead = "") {
    html_ += "<section class=\"card\" aria-labelledby=\"" + std::string(id) + "\"><h2 id=\"" + std::string(id) + "\">" +
             std::string(title) + "</h2>";
    if (!lead.empty()) html_ += "<p class=\"lead\">" + Escaped(lead) + "</p>";
  }

  void Gates() {
    Section("data", "May the data be believed?");
    std::vector<const Gate*> gates;
    for (const Gate& gate : report_.gates) gates.push_back(&gate);
    std::stable_sort(gates.begin(), gates.end(), [](const Gate* a, const Gate* b) { return a->light > b->light; });
    html_ += "<ul class=\"gates\">";
    for (const Gate* gate : gates) {
      const std::string tag = gate->light == Light::kGreen    ? Tag("good", "OK")
                              : gate->light == Light::kYellow ? Tag("warn", "Note")
                                                              : Tag("bad", "Stop");
      html_ += "<li>" + tag + "<span class=\"name\">" + Escaped(GateTitle(gate->id)) + "</span><span>" +
               Escaped(gate->sentence) + "</span></li>";
    }
    html_ += "</ul></section>";
  }

  // ---- Metrics

  void Role(std::string_view role, std::string_view title, std::string_view id, std::string_view lead) {
    const std::vector<const MetricReport*> metrics = OfRole(report_, role);
    if (metrics.empty()) return;
    Section(id, title, lead);
    if (IsHidden(*metrics.front())) {
      html_ += "<p class=\"hidden-results\">" +
               std::string(report_.HasRedGate() ? "Hidden, for the data cannot be trusted."
                                                : "Hidden until the planned end, for the plan allows one look only.") +
               "</p></section>";
      return;
    }
    for (const MetricReport* metric : metrics) Metric(*metric);
    html_ += "</section>";
  }

  void Metric(const MetricReport& metric) {
    html_ += "<div class=\"metric\"><h3>" + Escaped(metric.metric);
    if (metric.role == "guardrail") {
      html_ += " " + (metric.guardrail_verdict == "safe"     ? Tag("good", "Safe")
                      : metric.guardrail_verdict == "harmed" ? Tag("bad", "Harmed")
                                                             : Tag("warn", "Not sure yet"));
    }
    html_ += "</h3><p class=\"about\">" + Escaped(metric.kind) + ", " + (metric.expect_up ? "up" : "down") +
             " is good" + (metric.role == "guardrail" ? "; " + Escaped(MarginText(metric)) : "") +
             (metric.cap ? "; " + Escaped(CapText(metric)) : "") + "</p>";
    for (const bool is_relative : {true, false}) Forest(metric, is_relative);
    Table(metric);
    html_ += "</div>";
  }

  void Forest(const MetricReport& metric, bool is_relative) {
    const bool is_share = IsShare(metric.kind);
    const Axis axis = AxisFor(ValuesOf({&metric}, is_relative));
    std::string rows;
    for (const ComparisonOfVariant& comparison : metric.comparisons) {
      if (comparison.error) continue;
      const Shown shown = ShownOf(comparison);
      if (shown.is_relative != is_relative) continue;
      const std::string effect = EffectText(shown.point, is_relative, is_share);
      const std::string interval = IntervalText({shown.lower, shown.upper}, is_relative, is_share);
      ForestRow row{comparison.variant + ": " + effect + ", interval " + interval, shown, std::nullopt, true,
                    std::string(ToneOf(comparison))};
      if (metric.margin && metric.margin_is_relative == is_relative) {
        row.margin = MarginAt(metric);
        row.margin_is_low = metric.expect_up;
      }
      rows += "<div class=\"label\"><b>" + Escaped(comparison.variant) + "</b><span>" + Escaped(effect) + " (" +
              Escaped(interval) + ")</span>" + Remarks(comparison) + "</div>" + ForestBar(axis, row);
    }
    if (rows.empty()) return;
    html_ += "<figure><figcaption>" +
             std::string(is_relative ? "Relative effect against " : "Absolute effect against ") +
             Escaped(VariantName(0)) + CaptionOf(metric) + "</figcaption><div class=\"forest\">" + rows +
             "<div class=\"label\" aria-hidden=\"true\"></div>" + ForestAxis(axis, is_relative, is_share) +
             "</div></figure>";
  }

  std::string CaptionOf(const MetricReport& metric) const {
    if (metric.role == "guardrail") return ", one-sided bounds that hold at every moment";
    for (const ComparisonOfVariant& comparison : metric.comparisons) {
      if (comparison.at_look && report_.look && report_.design.method == PlanMethod::kGroupSequential) {
        return ", repeated interval of look " + CountText(std::uint64_t{*report_.look});
      }
    }
    return EffectiveMethod(report_.design) == PlanMethod::kFixed ? ", interval of the planned end"
                                                                 : ", interval that holds at every moment";
  }

  void BeginTable(const std::string& caption, const std::vector<std::string>& heads) {
    html_ += "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"" + Escaped(caption) +
             "\"><table><caption>" + Escaped(caption) + "</caption><thead><tr>";
    for (const std::string& head : heads) html_ += "<th scope=\"col\">" + Escaped(head) + "</th>";
    html_ += "</tr></thead><tbody>";
  }
  void EndTable() { html_ += "</tbody></table></div>"; }

  void Table(const MetricReport& metric) {
    const bool is_share = IsShare(metric.kind);
    const bool is_goal = metric.role != "guardrail";
    std::vector<std::string> heads{"Variant",
                                   "Units",
                                   is_share                                             ? "Converted"
                                   : metric.arms.empty() || !metric.arms[0].denominator ? "Total"
                                                                                        : "Numerator / denominator",
                                   "Value",
                                   "Effect",
                                   "Interval",
                                   is_goal ? "p, adjusted" : "p of harm"};
    if (is_goal) heads.insert(heads.end(), {"Chance to win*", "Expected loss*"});
    BeginTable(metric.metric + " by variant", heads);
    bool has_second_view = false;
    std::string prior;
    for (std::size_t v = 0; v < metric.arms.size(); ++v) {
      const MetricReport::ArmFigures& arm = metric.arms[v];
      html_ += "<tr>" + RowHead(arm.variant) + Cell(CountText(arm.units)) +
               Cell(arm.denominator      ? NumberText(arm.numerator) + " / " + NumberText(*arm.denominator)
                    : is_share           ? CountText(arm.numerator)
                    : arm.numerator == 0 ? "\xE2\x80\x93"
                                         : NumberText(arm.numerator)) +
               Cell(MeanText(arm.mean, is_share));
      if (v == 0 || v > metric.comparisons.size()) {
        for (std::size_t i = 0; i < (is_goal ? 5u : 3u); ++i) html_ += Cell(i == 0 && v == 0 ? "control" : "");
        html_ += "</tr>";
        continue;
      }
      const ComparisonOfVariant& comparison = metric.comparisons[v - 1];
      if (comparison.error && !comparison.at_look) {
        html_ += "<td class=\"text\" colspan=\"" + std::to_string(is_goal ? 5 : 3) + "\">" +
                 Escaped("No estimate: " + comparison.error->message) + "</td></tr>";
        continue;
      }
      const Shown shown = ShownOf(comparison);
      html_ += Cell(EffectText(shown.point, shown.is_relative, is_share)) +
               Cell(IntervalText({shown.lower, shown.upper}, shown.is_relative, is_share)) +
               Cell(ProbabilityText(comparison.p_adjusted));
      if (is_goal) {
        has_second_view = has_second_view || comparison.chance_to_win;
        if (!comparison.prior.empty()) prior = comparison.prior;
        html_ += Cell(comparison.chance_to_win ? ChanceText(*comparison.chance_to_win) : "") +
                 Cell(comparison.expected_loss ? LossText(*comparison.expected_loss, comparison, is_share) : "");
      }
      html_ += "</tr>";
    }
    EndTable();
    if (has_second_view) {
      html_ += "<p class=\"lead\">* A second view (Bayesian, " +
               std::string(prior == "uniform_shares" ? "every share of each variant alike before" : "flat prior") +
               ") of the present numbers. Nothing is decided by it.</p>";
    }
    for (std::size_t i = 0; i < metric.comparisons.size(); ++i) {
      if (metric.comparisons[i].error) continue;
      MoreOf(metric, i + 1, is_share);
    }
    if (!metric.arms.empty() && !metric.arms[0].steps.empty()) Steps(metric);
  }

  // In the metric's own unit, or of the lift; without a sign: that it is lost is said above it.
  static std::string LossText(double loss, const ComparisonOfVariant& comparison, bool is_share) {
    const std::string text = EffectText(std::fabs(loss), comparison.is_relative, is_share);
    return text.empty() || text[0] != '+' ? text : text.substr(1);
  }

  // What was found, and what to know about the numbers.
  static std::string Remarks(const ComparisonOfVariant& comparison) {
    std::string html;
    if (!comparison.found.empty()) {
      html += Tag(comparison.found == "better" ? "good" : "bad",
                  comparison.found + (comparison.found_at_look > 0
                                          ? " since look " + CountText(std::uint64_t{comparison.found_at_look})
                                          : ""));
    }
    if (comparison.guardrail == "safe") html += Tag("good", "safe");
    if (comparison.guardrail == "harmed") html += Tag("bad", "harmed");
    if (comparison.guardrail == "not_sure_yet") html += Tag("warn", "not sure yet");
    for (const std::string& badge : comparison.badges) html += "<span class=\"badge\">" + Escaped(badge) + "</span>";
    return html.empty() ? "" : "<div class=\"remarks\">" + html + "</div>";
  }

  void MoreOf(const MetricReport& metric, std::size_t variant, bool is_share) {
    const ComparisonOfVariant& comparison = metric.comparisons[variant - 1];
    const std::size_t begin = html_.size();
    html_ += "<details><summary>More about " + Escaped(comparison.variant) + "</summary><ul>";
    const std::size_t empty = html_.size();
    const auto item = [&](const std::string& what, const Estimate& estimate) {
      const bool is_relative = estimate.effect.scale == Scale::kRelative;
      html_ += "<li>" + what + ": " + Escaped(EffectText(estimate.effect.point, is_relative, is_share)) + " (" +
               Escaped(IntervalText(estimate.interval, is_relative, is_share)) + ")</li>";
    };
    if (comparison.at_look && !comparison.error)
      item("Now, with an interval that holds at every moment", comparison.estimate);
    if (comparison.absolute) item("Absolute", *comparison.absolute);
    if (comparison.unadjusted) item("Without CUPED", *comparison.unadjusted);
    if (comparison.uncapped) {
      item("Without the cap, which cut " + PluralText(comparison.capped, "unit") +
               (comparison.unadjusted ? ", and without CUPED" : ""),
           *comparison.uncapped);
    }
    if (comparison.fieller) {
      html_ += "<li>As a share of the control, by Fieller: " + Escaped(IntervalText(*comparison.fieller, true, false)) +
               "</li>";
    }
    for (const ComparisonOfVariant::Stratified& one : comparison.stratified) {
      item("Post-stratified by " + Escaped(one.dimension), one.estimate);
    }
    if (comparison.per_day) {
      html_ += "<li>If all units that come in a day had it, of " + CountText(report_.progress.units_per_day) + ": " +
               Escaped(EffectText(comparison.per_day->effect.point, false, false)) + " a day (" +
               Escaped(IntervalText(comparison.per_day->interval, false, false)) + ")</li>";
    }
    if (comparison.detectable) {
      html_ += "<li>An effect of " + Escaped(ShareText(*comparison.detectable)) +
               " would be found at this size with a power of " + Escaped(PlainShareText(report_.design.power)) +
               ", by one look.</li>";
    }
    if (html_.size() == empty && !comparison.by_exposure_day) {
      html_.resize(begin);
      return;
    }
    if (html_.size() == empty) {
      html_.resize(empty - std::string_view("<ul>").size());
    } else {
      html_ += "</ul>";
    }
    if (comparison.by_exposure_day) ByDayOf(metric, variant, is_share);
    html_ += "</details>";
  }

  // The effect of each day, with the line that all days together make.
  void ByDayOf(const MetricReport& metric, std::size_t variant, bool is_share) {
    const ByExposureDay& by = *metric.comparisons[variant - 1].by_exposure_day;
    const std::string sentence = ByDayText(by, is_share);
    const bool has_trend = by.trend.p_value < kDayAlpha;
    LineChart chart;
    chart.id = "by-day-" + std::to_string(variant);
    chart.title = metric.metric + ", " + VariantName(variant) + ": effect by day of first exposure";
    chart.description = sentence + " The table below has every point.";
    chart.first_x = by.points.front().first - 0.5;
    chart.last_x = by.points.back().last + 0.5;
    for (const ByExposureDay::Point& point : by.points) {
      chart.marks.push_back({(static_cast<double>(point.first) + point.last) / 2, point.point, point.lower, point.upper,
                             ColorOf(variant)});
    }
    Series line;
    for (const double x : {chart.first_x, chart.last_x}) {
      line.points.push_back({x, has_trend ? by.trend.At(x) : by.difference.mean});
    }
    chart.bounds.push_back(line);
    chart.y = AxisFor(ScaleOf(by));
    for (const double tick : chart.y.ticks) chart.y_labels.push_back(TickText(tick, by.is_relative, is_share));
    chart.x_labels = DayLabels(by.points.front().first, by.points.back().last);
    html_ +=
        "<h4>By day of first exposure</h4><p>" + Tag("warn", "Exploratory") + " " + Escaped(sentence) +
        "</p><figure><figcaption>" +
        std::string(by.is_relative ? "Effect as a share of the control" : "Absolute effect") +
        " on the units of each day, with its own 95% interval; dashed: " + (has_trend ? "their trend" : "their mean") +
        ". " + Escaped(PointsText(by)) + ". Only days whose units have all come to their outcomes.</figcaption>" +
        DrawLines(chart) + "</figure><details><summary>As a table</summary>";
    BeginTable(metric.metric + " of " + VariantName(variant) + " by day of first exposure",
               {"Day", "Control", VariantName(variant), "Effect", "Interval"});
    for (const ByExposureDay::Point& point : by.points) {
      html_ += "<tr>" + RowHead(DayText(point.first) + (point.last > point.first ? " to " + DayText(point.last) : "")) +
               Cell(CountText(point.units_control)) + Cell(CountText(point.units_treatment)) +
               Cell(EffectText(point.point, by.is_relative, is_share)) +
               Cell(IntervalText({point.lower, point.upper}, by.is_relative, is_share)) + "</tr>";
    }
    EndTable();
    html_ += "</details>";
  }

  // Every point, and of the intervals those that are not much wider than most: one of few units would leave the others
  // no room. What is wider is cut off.
  static std::vector<double> ScaleOf(const ByExposureDay& by) {
    std::vector<double> widths, values;
    for (const ByExposureDay::Point& point : by.points) widths.push_back(point.upper - point.lower);
    const auto middle = widths.begin() + static_cast<std::ptrdiff_t>(widths.size() / 2);
    std::nth_element(widths.begin(), middle, widths.end());
    for (const ByExposureDay::Point& point : by.points) {
      values.push_back(point.point);
      if (point.upper - point.lower <= 2 * *middle) values.insert(values.end(), {point.lower, point.upper});
    }
    return values;
  }

  void Steps(const MetricReport& metric) {
    std::vector<std::string> heads{"Variant"};
    for (std::size_t i = 0; i < metric.arms[0].steps.size(); ++i) heads.push_back("Step " + std::to_string(i + 1));
    BeginTable(metric.metric + ": units that reached each step", heads);
    for (const MetricReport::ArmFigures& arm : metric.arms) {
      html_ += "<tr>" + RowHead(arm.variant);
      for (const std::uint64_t step : arm.steps) html_ += Cell(CountText(step));
      html_ += "</tr>";
    }
    EndTable();
  }

  // ---- Over time

  void Legend(const std::vector<std::size_t>& variants) {
    html_ += "<ul class=\"legend\">";
    for (const std::size_t v : variants) {
      html_ += "<li><svg width=\"28\" height=\"12\" aria-hidden=\"true\"><line class=\"line s" +
               std::to_string(ColorOf(v)) + "\" x1=\"0\" x2=\"28\" y1=\"6\" y2=\"6\"/></svg>" +
               Escaped(VariantName(v)) + "</li>";
    }
    html_ += "</ul>";
  }

  static std::vector<std::pair<double, std::string>> DayLabels(std::int32_t first, std::int32_t last) {
    std::vector<std::pair<double, std::string>> labels;
    const std::int32_t span = last - first;
    const std::int32_t stride = std::max(1, (span + 5) / 6);
    for (std::int32_t day = first; day <= last; day += stride) {
      if (last - day < stride && day != first && last - day > 0) break;
      labels.emplace_back(day, DayText(day).substr(5));
    }
    if (labels.empty() || labels.back().first < last) labels.emplace_back(last, DayText(last).substr(5));
    return labels;
  }

  void OverTime() {
    std::vector<const MetricReport*> shown;
    for (const MetricReport& metric : report_.metrics) {
      std::set<std::int32_t> days;
      for (const MetricReport::OverTime& point : metric.over_time) days.insert(point.day);
      if (days.size() >= 2) shown.push_back(&metric);
    }
    if (shown.empty()) return;
    Section(
        "over-time", "Effect over time",
        "Of all units that were first exposed up to a day. The bands hold on all days together, so that a line that "
        "leaves 0 for a day means nothing until its band does. Points with whiskers are the looks that decide.");
    for (std::size_t i = 0; i < shown.size(); ++i) OverTimeOf(*shown[i], "time-" + std::to_string(i));
    html_ += "</section>";
  }

  // Bands are infinitely wide at first, and wider than anything of interest for some days: the scale is that of the
  // newer half.
  static std::vector<double> ScaleOf(const MetricReport& metric) {
    std::vector<double> values;
    const std::size_t from = metric.over_time.size() / 3;
    for (std::size_t i = from; i < metric.over_time.size(); ++i) {
      values.push_back(metric.over_time[i].lower);
      values.push_back(metric.over_time[i].upper);
    }
    return values;
  }

  void OverTimeOf(const MetricReport& metric, const std::string& id) {
    const bool is_relative = metric.over_time_is_relative, is_share = IsShare(metric.kind);
    LineChart chart;
    chart.id = id;
    chart.title = metric.metric + " over time";
    chart.first_x = metric.over_time.front().day;
    chart.last_x = metric.over_time.back().day;
    std::vector<double> values = ScaleOf(metric);
    std::vector<std::size_t> variants;
    for (std::size_t v = 1; v < report_.design.plan.variants.size(); ++v) {
      Series series;
      series.name = VariantName(v);
      series.color = ColorOf(v);
      series.has_band = true;
      for (const MetricReport::OverTime& point : metric.over_time) {
        if (point.variant != v || !std::isfinite(point.lower) || !std::isfinite(point.upper)) continue;
        series.points.push_back({static_cast<double>(point.day), point.point, point.lower, point.upper});
      }
      if (series.points.empty()) continue;
      const Series::Point& last = series.points.back();
      chart.description += (chart.description.empty() ? "" : "; ") + series.name + " ends at " +
                           EffectText(last.y, is_relative, is_share) + ", band " +
                           IntervalText({last.lower, last.upper}, is_relative, is_share);
      variants.push_back(v);
      chart.series.push_back(std::move(series));
    }
    chart.description += ". The table below has every day.";
    if (metric.role == "primary" && EffectiveMethod(report_.design) == PlanMethod::kGroupSequential) {
      for (const PublishedLook& look : report_.looks) {
        const auto day = std::chrono::floor<std::chrono::days>(look.time).time_since_epoch().count();
        for (const PublishedLook::Of& of : look.effects) {
          if (report_.design.plan.metrics.at(of.metric).key != metric.metric || of.is_relative != is_relative) continue;
          chart.marks.push_back({std::clamp(static_cast<double>(day), chart.first_x, chart.last_x), of.point, of.lower,
                                 of.upper, ColorOf(of.variant)});
        }
      }
    }
    if (metric.margin && metric.margin_is_relative == is_relative) {
      Series margin;
      margin.points = {{chart.first_x, *MarginAt(metric)}, {chart.last_x, *MarginAt(metric)}};
      chart.bounds.push_back(margin);
      values.push_back(*MarginAt(metric));
    }
    chart.y = AxisFor(values);
    for (const double tick : chart.y.ticks) {
      chart.y_labels.push_back(TickText(tick, is_relative, is_share));
    }
    chart.x_labels = DayLabels(static_cast<std::int32_t>(chart.first_x), static_cast<std::int32_t>(chart.last_x));
    html_ += "<div class=\"metric\"><h3>" + Escaped(metric.metric) + "</h3><figure><figcaption>" +
             std::string(is_relative ? "Relative" : "Absolute") + " effect against " + Escaped(VariantName(0)) +
             (metric.margin ? "; dashed: the margin" : "") + "</figcaption>";
    Legend(variants);
    html_ += DrawLines(chart) + "</figure><details><summary>As a table</summary>";
    BeginTable(metric.metric + " by day", {"Day", "Variant", "Effect", "Band"});
    for (const MetricReport::OverTime& point : metric.over_time) {
      html_ += "<tr>" + RowHead(DayText(point.day)) + Cell(VariantName(point.variant)) +
               Cell(EffectText(point.point, is_relative, is_share)) +
               Cell(IntervalText({point.lower, point.upper}, is_relative, is_share)) + "</tr>";
    }
    EndTable();
    html_ += "</details></div>";
  }

  // ---- Looks: Z of the primary metric against what the plan asks for

  void Looks() {
    if (report_.looks.empty() || report_.results_hidden ||
        EffectiveMethod(report_.design) != PlanMethod::kGroupSequential || !report_.design.primary) {
      return;
    }
    const std::size_t metric = report_.design.primary->metric;
    Section(
        "looks", "Looks",
        "At each look, Z (the effect over its standard error) has to be beyond the bound, which falls as information "
        "comes in. Reading this page in between is no look.");
    LineChart chart;
    chart.id = "z";
    chart.title = "Z against the bound";
    chart.description = "Z of each variant at each look, and the bound on both sides; the table has the numbers.";
    chart.first_x = 0;
    chart.last_x = 1;
    std::vector<double> values;
    Series above, below;
    for (const PublishedLook& look : report_.looks) {
      above.points.push_back({look.fraction, look.z_bound});
      below.points.push_back({look.fraction, -look.z_bound});
      values.push_back(std::min(look.z_bound, 6.0));
      values.push_back(-std::min(look.z_bound, 6.0));
    }
    chart.bounds = {above, below};
    std::vector<std::size_t> variants;
    for (std::size_t v = 1; v < report_.design.plan.variants.size(); ++v) {
      Series series;
      series.name = VariantName(v);
      series.color = ColorOf(v);
      for (const PublishedLook& look : report_.looks) {
        for (const PublishedLook::Of& of : look.effects) {
          if (of.metric != metric || of.variant != v) continue;
          series.points.push_back({look.fraction, of.z});
          chart.marks.push_back({look.fraction, of.z, of.z, of.z, ColorOf(v)});
          values.push_back(of.z);
        }
      }
      variants.push_back(v);
      chart.series.push_back(std::move(series));
    }
    for (const PublishedLook& look : report_.looks) {
      for (const double side : {look.z_bound, -look.z_bound})
        chart.marks.push_back({look.fraction, side, side, side, 0});
    }
    chart.y = AxisFor(values);
    for (const double tick : chart.y.ticks) chart.y_labels.push_back(TickNumber(tick));
    for (const double share : {0.0, 0.25, 0.5, 0.75, 1.0}) chart.x_labels.emplace_back(share, PlainShareText(share));
    html_ += "<figure><figcaption>Z by share of the information; dashed: the bound</figcaption>";
    Legend(variants);
    html_ += DrawLines(chart) + "</figure>";
    std::vector<std::string> heads{"Look", "Date", "Units", "Information", "Alpha spent", "Bound"};
    for (const std::size_t v : variants) heads.push_back("Z, " + VariantName(v));
    BeginTable("Looks that were taken", heads);
    for (const PublishedLook& look : report_.looks) {
      html_ += "<tr>" + RowHead(CountText(std::uint64_t{look.number}) + (look.is_final ? " (final)" : "")) +
               Cell(DayText(look.time)) + Cell(CountText(look.units)) + Cell(ShareText(look.fraction)) +
               Cell(ProbabilityText(look.alpha_spent)) + Cell(NumberText(look.z_bound));
      for (const std::size_t v : variants) {
        std::string z;
        for (const PublishedLook::Of& of : look.effects) {
          if (of.metric == metric && of.variant == v) z = NumberText(of.z);
        }
        html_ += Cell(z);
      }
      html_ += "</tr>";
    }
    EndTable();
    html_ += "</section>";
  }

  void UnitsByDay() {
    Section("units", "Units by day", "Units that were exposed for the first time, by the variant that they saw.");
    if (report_.units_by_day.empty()) {
      html_ += "<p class=\"hidden-results\">Nobody has been exposed yet.</p></section>";
      return;
    }
    LineChart chart;
    chart.id = "units-chart";
    chart.title = "Units by day and variant";
    chart.first_x = report_.units_by_day.begin()->first;
    chart.last_x = report_.units_by_day.rbegin()->first;
    std::vector<double> values;
    std::vector<std::size_t> variants;
    for (std::size_t v = 0; v < report_.design.plan.variants.size(); ++v) {
      Series series;
      series.name = VariantName(v);
      series.color = ColorOf(v);
      std::uint64_t all = 0;
      for (const auto& [day, units] : report_.units_by_day) {
        const std::uint64_t count = v < units.size() ? units[v] : 0;
        all += count;
        series.points.push_back({static_cast<double>(day), static_cast<double>(count)});
        values.push_back(static_cast<double>(count));
      }
      chart.description += (v == 0 ? "" : ", ") + series.name + " " + CountText(all);
      variants.push_back(v);
      chart.series.push_back(std::move(series));
    }
    chart.description += " in all. The table has every day.";
    chart.y = AxisFor(values);
    for (const double tick : chart.y.ticks) chart.y_labels.push_back(TickNumber(tick));
    chart.x_labels = DayLabels(static_cast<std::int32_t>(chart.first_x), static_cast<std::int32_t>(chart.last_x));
    for (const RampStep& step : report_.ramp) {
      // A day is drawn in its middle.
      const double day = static_cast<double>(step.at.time_since_epoch().count()) / 86'400'000 - 0.5;
      chart.ticks.push_back({std::clamp(day, chart.first_x, chart.last_x), PlainShareText(step.share)});
    }
    const std::string ramp = RampText(report_);
    if (!ramp.empty()) chart.description += " The ramp: " + ramp + ".";
    html_ += "<figure><figcaption>Units, by day (UTC)" +
             std::string(ramp.empty() ? "" : "; dotted: from then on so much of each variant took part") +
             "</figcaption>";
    Legend(variants);
    html_ += DrawLines(chart) + "</figure>";
    if (!ramp.empty()) html_ += "<p class=\"lead ramp\"><b>Ramp:</b> " + Escaped(ramp) + ".</p>";
    html_ += "<details><summary>As a table</summary>";
    std::vector<std::string> heads{"Day"};
    for (const std::size_t v : variants) heads.push_back(VariantName(v));
    BeginTable("Units of each day", heads);
    for (const auto& [day, units] : report_.units_by_day) {
      html_ += "<tr>" + RowHead(DayText(day));
      for (const std::size_t v : variants) html_ += Cell(CountText(v < units.size() ? units[v] : 0));
      html_ += "</tr>";
    }
    EndTable();
    html_ += "</details></section>";
  }

  void Slices() {
    if (report_.slices.empty()) return;
    Section("slices", "Slices", "");
    html_ +=
        "<p>" + Tag("warn", "Exploratory") +
        " Nobody planned these, and among many some differ by chance. They are ideas for a next experiment; p-values "
        "are adjusted for how many are shown (Benjamini-Hochberg), intervals are not.</p>";
    std::vector<double> values;
    for (const SliceReport& slice : report_.slices) {
      if (slice.error || !slice.is_relative || !IsWorthDrawing(slice)) continue;
      values.insert(values.end(), {slice.estimate.interval.lower, slice.estimate.interval.upper});
    }
    if (!values.empty()) {
      const Axis axis = AxisFor(values);
      html_ += "<figure><figcaption>Relative effect on " + Escaped(report_.slices.front().metric) +
               " by slice</figcaption><div class=\"forest\">";
      for (const SliceReport& slice : report_.slices) {
        if (slice.error || !slice.is_relative) continue;
        const std::string name = slice.dimension + "=" + slice.value;
        const std::string who = report_.design.plan.variants.size() > 2 ? name + ", " + slice.variant : name;
        const std::string effect = LiftText(slice.estimate.effect.point);
        const Shown shown{slice.estimate.effect.point, slice.estimate.interval.lower, slice.estimate.interval.upper,
                          true};
        html_ +=
            "<div class=\"label\"><b>" + Escaped(who) + "</b><span>" + Escaped(effect) + ", " +
            Escaped(PluralText(slice.units, "unit")) + "</span></div>" +
            ForestBar(axis, {who + ": " + effect + ", interval " + IntervalText(slice.estimate.interval, true, false),
                             shown, std::nullopt, true, "plain"});
      }
      html_ += "<div class=\"label\" aria-hidden=\"true\"></div>" + ForestAxis(axis, true, false) + "</div></figure>";
    }
    BeginTable("Slices of " + report_.slices.front().metric,
               {"Slice", "Variant", "Units", "Effect", "Interval", "p, adjusted", "p of the split"});
    for (const SliceReport& slice : report_.slices) {
      html_ +=
          "<tr>" + RowHead(slice.dimension + "=" + slice.value) + Cell(slice.variant) + Cell(CountText(slice.units));
      if (slice.error) {
        html_ += "<td class=\"text\" colspan=\"3\">" + Escaped("No estimate: " + slice.error->message) + "</td>";
      } else {
        // A slice is of the primary metric; where lift means nothing there, it is in the metric's own unit.
        const bool is_share = !report_.metrics.empty() && IsShare(report_.metrics.front().kind);
        html_ += Cell(EffectText(slice.estimate.effect.point, slice.is_relative, is_share)) +
                 Cell(IntervalText(slice.estimate.interval, slice.is_relative, is_share)) +
                 Cell(ProbabilityText(slice.p_adjusted));
      }
      html_ += Cell(ProbabilityText(slice.srm_p)) + "</tr>";
    }
    EndTable();
    html_ += "</section>";
  }

  // The scale is not that of slices with hardly anybody in them: their intervals are cut off.
  bool IsWorthDrawing(const SliceReport& slice) const {
    std::uint64_t most = 0;
    for (const SliceReport& other : report_.slices) most = std::max(most, other.units);
    return slice.units * 20 >= most;
  }

  void Overlaps() {
    if (!report_.overlaps) return;
    const OverlapsReport& overlaps = *report_.overlaps;
    Section("overlaps", "Overlapping experiments", OverlapsLead(overlaps));
    for (const std::string& sentence : overlaps.sentences) {
      html_ += "<p>" + Tag("warn", "Note") + " " + Escaped(sentence) + "</p>";
    }
    if (overlaps.unasked.empty() && !overlaps.experiments.empty()) {
      OverlapQuestions(overlaps);
    } else if (!overlaps.experiments.empty()) {
      BeginTable("Units of other experiments", {"Experiment", "Units of both"});
      for (const OverlapsReport::Of& other : overlaps.experiments) {
        html_ += "<tr>" + RowHead(other.experiment) + Cell(CountText(other.units)) + "</tr>";
      }
      EndTable();
    }
    if (const std::string left_out = LeftOutText(overlaps); !left_out.empty()) {
      html_ += "<p>" + Escaped(left_out) + "</p>";
    }
    html_ += "</section>";
  }

  void OverlapQuestions(const OverlapsReport& overlaps) {
    const auto effect = [&](double size) { return Cell(EffectText(size, false, overlaps.is_share)); };
    BeginTable("Effects on " + overlaps.metric + " beside other experiments",
               {"Experiment", "Units of both", "Its variant", "Variant", "Effect beside its control",
                "Effect beside its variant", "Difference", "p, adjusted"});
    for (const OverlapsReport::Of& other : overlaps.experiments) {
      for (const OverlapsReport::Question& question : other.questions) {
        html_ += "<tr>" + RowHead(other.experiment) + Cell(CountText(other.units)) + Cell(question.other_variant) +
                 Cell(question.variant);
        if (question.error) {
          html_ += "<td class=\"text\" colspan=\"4\">" + Escaped("No estimate: " + question.error->message) + "</td>";
        } else {
          html_ += effect(question.with_control) + effect(question.with_variant) + effect(question.point) +
                   Cell(ProbabilityText(question.p_adjusted));
        }
        html_ += "</tr>";
      }
    }
    EndTable();
  }

  void Plan() {
    Section("plan", "The plan it is held against");
    html_ += "<dl class=\"plan\">";
    for (const auto& [name, what] : PlanLines(report_)) {
      html_ += "<dt>" + Escaped(name) + "</dt><dd>" + Escaped(what) + "</dd>";
    }
    for (const std::string& change : report_.quality.changes) {
      html_ += "<dt>Edited while it ran</dt><dd>" + Escaped(change) + "</dd>";
    }
    html_ += "</dl></section>";
  }

  void Statistics() {
    Section("statistics", "Statistics",
            "Every number above can be computed again from these: counts, means and sums of products of deviations, by "
            "variant. Formulas: docs/statistics.md.");
    html_ += "<p><a class=\"button\" download=\"" + FileName(report_.experiment) +
             ".json\" href=\"data:application/json;base64," + Base64(guidon::ToJson(stats::ToJson(report_))) +
             "\">Download as JSON</a></p>";
    for (const MetricReport& metric : report_.metrics) {
      if (metric.comparisons.empty()) continue;
      const std::string name = metric.metric + " (" + metric.role + ")";
      html_ += "<details><summary>" + Escaped(name) + "</summary><pre tabindex=\"0\" aria-label=\"" +
               Escaped("Statistics of " + name) + "\" role=\"region\">";
      for (const MetricReport::ArmFigures& arm : metric.arms) {
        html_ += Escaped(arm.variant + "  " + ToPrettyJson(arm.statistics));
      }
      html_ += "</pre></details>";
    }
    html_ += "</section>";
  }

  const Report& report_;
  std::string html_;
};

}  // namespace

std::string ToHtml(const Report& report) {
  return PageWriter(report).Write();
}

}  // namespace guidon::stats
