#include "stats/report/charts.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <functional>

#include "stats/report/words.h"

namespace guidon::stats {
namespace {

// Two decimals, so that a drawing does not depend on the last bit of a number.
std::string Coordinate(double number) {
  std::array<char, 64> text;
  const int size = std::snprintf(text.data(), text.size(), "%.2f", std::isfinite(number) ? number : 0.0);
  std::string digits(text.data(), static_cast<std::size_t>(size));
  return digits == "-0.00" ? "0.00" : digits;
}

std::string Percent(double share) {
  return Coordinate(100 * share) + "%";
}

constexpr double kPlotHeight = 220, kTop = 10;

// Their lines, and which of three lines below the top their labels stand on: as wide as a label is on a telephone.
std::string DrawTicks(const std::vector<Tick>& ticks, const std::function<double(double)>& x_at) {
  constexpr double kLabelWidth = 0.13, kLineHeight = 15;
  std::array<double, 3> free = {0, 0, 0};  // from where on
  std::string html;
  for (const Tick& tick : ticks) {
    const double at = x_at(tick.x);
    html += "<line class=\"step\" x1=\"" + Percent(at) + "\" x2=\"" + Percent(at) + "\" y1=\"" + Coordinate(kTop) +
            "\" y2=\"" + Coordinate(kTop + kPlotHeight) + "\"/>";
    const bool is_at_end = at > 1 - kLabelWidth;  // its label stands before it
    const double begin = is_at_end ? at - kLabelWidth : at;
    const auto line = std::find_if(free.begin(), free.end(), [&](double from) { return from <= begin; });
    if (line == free.end()) continue;
    *line = begin + kLabelWidth;
    const double y = kTop + 12 + kLineHeight * static_cast<double>(line - free.begin());
    html += "<text class=\"tick step-label\" x=\"" + Percent(at) + "\" dx=\"" + (is_at_end ? "-4" : "4") + "\" y=\"" +
            Coordinate(y) + "\" text-anchor=\"" + (is_at_end ? "end" : "start") + "\">" + Escaped(tick.label) +
            "</text>";
  }
  return html;
}

}  // namespace

std::string Escaped(std::string_view text) {
  std::string escaped;
  escaped.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default:
        if ((byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7F) {
          escaped += "\xEF\xBF\xBD";
        } else {
          escaped += c;
        }
    }
  }
  return escaped;
}

std::string ForestBar(const Axis& axis, const ForestRow& row) {
  const double low = axis.At(row.shown.lower), high = axis.At(row.shown.upper), at = axis.At(row.shown.point);
  std::string svg =
      "<svg class=\"bar\" width=\"100%\" height=\"34\" role=\"img\"><title>" + Escaped(row.title) + "</title>";
  if (row.margin) {
    const double margin = axis.At(*row.margin);
    svg += "<rect class=\"beyond\" x=\"" + Percent(row.margin_is_low ? 0 : margin) + "\" y=\"0\" width=\"" +
           Percent(row.margin_is_low ? margin : 1 - margin) + "\" height=\"34\"/>";
    svg += "<line class=\"margin\" x1=\"" + Percent(margin) + "\" x2=\"" + Percent(margin) + "\" y1=\"0\" y2=\"34\"/>";
  }
  for (const double tick : axis.ticks) {
    const std::string x = Percent(axis.At(tick));
    svg += "<line class=\"" + std::string(tick == 0 ? "zero" : "grid") + "\" x1=\"" + x + "\" x2=\"" + x +
           "\" y1=\"0\" y2=\"34\"/>";
  }
  const std::string tone = row.tone.empty() ? "plain" : row.tone;
  svg += "<line class=\"interval " + tone + "\" x1=\"" + Percent(low) + "\" x2=\"" + Percent(high) +
         "\" y1=\"17\" y2=\"17\"/>";
  const auto cap = [&](double x, bool is_cut) {
    if (is_cut) return;  // the interval goes on beyond the drawing
    svg += "<line class=\"cap " + tone + "\" x1=\"" + Percent(x) + "\" x2=\"" + Percent(x) + "\" y1=\"11\" y2=\"23\"/>";
  };
  cap(low, row.shown.lower < axis.low);
  cap(high, row.shown.upper > axis.high);
  svg += "<circle class=\"point " + tone + "\" cx=\"" + Percent(at) + "\" cy=\"17\" r=\"5.5\"/></svg>";
  return svg;
}

std::string ForestAxis(const Axis& axis, bool is_relative, bool is_share) {
  std::string svg = "<svg class=\"bar\" width=\"100%\" height=\"22\" aria-hidden=\"true\">";
  for (std::size_t i = 0; i < axis.ticks.size(); ++i) {
    const double at = axis.At(axis.ticks[i]);
    const std::string_view anchor = at < 0.02 ? "start" : at > 0.98 ? "end" : "middle";
    // On a narrow screen every second label goes, never that of 0.
    const bool is_spare = axis.ticks[i] != 0 && i != 0 && i + 1 != axis.ticks.size();
    svg += "<text class=\"tick" + std::string(is_spare ? " spare" : "") + "\" x=\"" + Percent(at) +
           "\" y=\"16\" text-anchor=\"" + std::string(anchor) + "\">" +
           Escaped(TickText(axis.ticks[i], is_relative, is_share)) + "</text>";
  }
  return svg + "</svg>";
}

std::string DrawLines(const LineChart& chart) {
  const double width = chart.last_x - chart.first_x;
  const auto x_at = [&](double x) { return width > 0 ? std::clamp((x - chart.first_x) / width, 0.0, 1.0) : 0.5; };
  const auto y_at = [&](double y) { return kTop + (1 - chart.y.At(y)) * kPlotHeight; };
  const auto pair = [&](double x, double y) { return Coordinate(1000 * x_at(x)) + "," + Coordinate(y_at(y)); };
  const double bottom = kTop + kPlotHeight;

  std::string html = "<div class=\"plot\"><svg class=\"gutter\" width=\"60\" height=\"260\" aria-hidden=\"true\">";
  for (std::size_t i = 0; i < chart.y.ticks.size(); ++i) {
    html += "<text class=\"tick\" x=\"54\" y=\"" + Coordinate(y_at(chart.y.ticks[i]) + 4) + "\" text-anchor=\"end\">" +
            Escaped(i < chart.y_labels.size() ? chart.y_labels[i] : "") + "</text>";
  }
  html += "</svg><svg class=\"area\" width=\"100%\" height=\"260\" role=\"img\" aria-labelledby=\"" + chart.id + "-t " +
          chart.id + "-d\"><title id=\"" + chart.id + "-t\">" + Escaped(chart.title) + "</title><desc id=\"" +
          chart.id + "-d\">" + Escaped(chart.description) + "</desc>";
  html += "<svg width=\"100%\" height=\"260\" viewBox=\"0 0 1000 260\" preserveAspectRatio=\"none\">";
  for (const double tick : chart.y.ticks) {
    const std::string y = Coordinate(y_at(tick));
    html += "<line class=\"" + std::string(tick == 0 ? "zero" : "grid") + "\" x1=\"0\" x2=\"1000\" y1=\"" + y +
            "\" y2=\"" + y + "\"/>";
  }
  for (const Series& series : chart.series) {
    if (!series.has_band || series.points.size() < 2) continue;
    html += "<polygon class=\"band s" + std::to_string(series.color) + "\" points=\"";
    for (const Series::Point& point : series.points) html += pair(point.x, point.upper) + " ";
    for (auto at = series.points.rbegin(); at != series.points.rend(); ++at) html += pair(at->x, at->lower) + " ";
    html.back() = '"';
    html += "/>";
  }
  const auto line = [&](const Series& series, const std::string& css) {
    if (series.points.size() < 2) return;
    html += "<polyline class=\"" + css + "\" points=\"";
    for (const Series::Point& point : series.points) html += pair(point.x, point.y) + " ";
    html.back() = '"';
    html += "/>";
  };
  for (const Series& bound : chart.bounds) line(bound, "bound");
  for (const Series& series : chart.series) line(series, "line s" + std::to_string(series.color));
  html += "</svg>" + DrawTicks(chart.ticks, x_at);
  const auto dot = [&](double x, double y, std::size_t color) {
    html += "<circle class=\"dot s" + std::to_string(color) + "\" cx=\"" + Percent(x_at(x)) + "\" cy=\"" +
            Coordinate(y_at(y)) + "\" r=\"4\"/>";
  };
  for (const Mark& mark : chart.marks) {
    const std::string x = Percent(x_at(mark.x));
    html += "<line class=\"whisker s" + std::to_string(mark.color) + "\" x1=\"" + x + "\" x2=\"" + x + "\" y1=\"" +
            Coordinate(y_at(mark.upper)) + "\" y2=\"" + Coordinate(y_at(mark.lower)) + "\"/>";
    dot(mark.x, mark.y, mark.color);
  }
  // A line of one point would not be seen.
  for (const Series& series : chart.series) {
    if (series.points.size() == 1) dot(series.points[0].x, series.points[0].y, series.color);
  }
  for (std::size_t i = 0; i < chart.x_labels.size(); ++i) {
    const double at = x_at(chart.x_labels[i].first);
    const std::string_view anchor = at < 0.05 ? "start" : at > 0.95 ? "end" : "middle";
    // On a narrow screen every second goes, and the one before the last, which may be near.
    const bool is_spare = i + 1 != chart.x_labels.size() && (i % 2 == 1 || (i > 0 && i + 2 == chart.x_labels.size()));
    html += "<text class=\"tick" + std::string(is_spare ? " spare" : "") + "\" x=\"" + Percent(at) + "\" y=\"" +
            Coordinate(bottom + 20) + "\" text-anchor=\"" + std::string(anchor) + "\">" +
            Escaped(chart.x_labels[i].second) + "</text>";
  }
  return html + "</svg></div>";
}

}  // namespace guidon::stats
