// The drawings of the page: inline SVG that is as wide as its column, on a telephone as on paper. Text keeps its size:
// shapes are drawn in boxes that stretch, labels are placed by percentages. Colours are the page's custom properties.
//
// Every drawing has a title and a description for those who do not see it, and a table beside it on the page.
//
// Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stats/report/view.h"

namespace guidon::stats {

// For text and attributes: & < > " ' as references, what is no character of HTML as U+FFFD.
std::string Escaped(std::string_view text);

// One interval of a forest plot, and the axis below all of those that share it.
struct ForestRow {
  std::string title;  // what is drawn, in words
  Shown shown;
  std::optional<double> margin;  // drawn dashed; the side beyond it is shaded
  bool margin_is_low = true;     // harm is below it
  std::string tone;              // "good", "bad", "plain"
};
std::string ForestBar(const Axis& axis, const ForestRow& row);
std::string ForestAxis(const Axis& axis, bool is_relative, bool is_share);

// A line with a band, of one variant.
struct Series {
  std::string name;
  std::size_t color = 1;  // --series-N; 0 is the control's
  struct Point {
    double x = 0, y = 0, lower = 0, upper = 0;
  };
  std::vector<Point> points;  // by x
  bool has_band = false;
};
// A point with the interval that was published there.
struct Mark {
  double x = 0, y = 0, lower = 0, upper = 0;
  std::size_t color = 1;
};
// A moment at which something changed: a dotted line from top to bottom, with a word at its top. Words that would stand
// on each other go on up to three lines, and are left out beyond.
struct Tick {
  double x = 0;
  std::string label;
};
struct LineChart {
  std::string id;  // unique on the page, of letters, digits and -
  std::string title, description;
  std::vector<Series> series;
  std::vector<Mark> marks;
  std::vector<Series> bounds;  // drawn dashed, without colour
  std::vector<Tick> ticks;     // by x
  double first_x = 0, last_x = 1;
  std::vector<std::pair<double, std::string>> x_labels;
  Axis y;
  std::vector<std::string> y_labels;  // of y.ticks
};
std::string DrawLines(const LineChart& chart);

}  // namespace guidon::stats
