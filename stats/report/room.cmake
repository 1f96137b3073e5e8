guidon_library(stats_report
  SOURCES report/alarms.cc report/charts.cc report/decide.cc report/design.cc report/findings.cc report/gates.cc
          report/html.cc report/json.cc report/judge.cc report/looks.cc report/measure.cc report/more.cc report/overlaps.cc report/planning.cc
          report/reach.cc report/size.cc report/text.cc report/view.cc report/would_change.cc report/words.cc
  PUBLIC_DEPS guidon::core_base guidon::stats_inference guidon::stats_metric guidon::stats_statistic)
