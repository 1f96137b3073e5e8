#include "server/api/home.h"

#include <string_view>

namespace guidon {
namespace {

constexpr std::string_view kHead = R"html(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Guidon</title>
<style>
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1b1f24; --soft: #59636e; --accent: #0b57d0; --warn: #9a3412;
  --line: #c9ced4 }
@media (prefers-color-scheme: dark) {
  :root { --paper: #14171b; --ink: #e8eaed; --soft: #a7b0ba; --accent: #8ab4f8; --warn: #fdba74; --line: #3b424a }
}
body { background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; margin: 0 auto;
  max-width: 72rem; padding: 1rem 1.25rem 4rem }
header { border-bottom: 1px solid var(--line); margin-bottom: 1.5rem }
h1 { margin: .25rem 0 } h2 { margin: 2.5rem 0 .25rem } h3 { margin: 1.5rem 0 .5rem }
p { margin: .25rem 0 } .soft { color: var(--soft) } .warn { color: var(--warn) }
.scroll { overflow-x: auto } .scroll:focus { outline: 2px solid var(--accent) }
table { border-collapse: collapse; width: 100% }
caption { text-align: left; color: var(--soft); padding-bottom: .25rem }
th, td { text-align: left; vertical-align: top; padding: .4rem .75rem .4rem 0; border-bottom: 1px solid var(--line) }
th[scope=row] { font-weight: 600 } code { font: .95em ui-monospace, monospace }
.about { display: block; font-weight: 400; color: var(--soft); font-size: .9rem }
</style>
</head>
<body>
)html";

void AppendEscaped(std::string& out, std::string_view text) {
  for (char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
}

// Appends pieces in turn: markup as it is, text escaped.
class Html {
 public:
  explicit Html(std::string& out) : out_(out) {}
  Html& Raw(std::string_view markup) {
    out_ += markup;
    return *this;
  }
  Html& Text(std::string_view text) {
    AppendEscaped(out_, text);
    return *this;
  }
  Html& Cell(std::string_view text) { return Raw("<td>").Text(text).Raw("</td>"); }
  Html& Heading(std::string_view text) { return Raw("<th scope=\"col\">").Text(text).Raw("</th>"); }

 private:
  std::string& out_;
};

std::string Count(std::size_t count, std::string_view one) {
  return std::to_string(count) + " " + std::string(one) + (count == 1 ? "" : "s");
}

// Tables may be wider than a phone: each scrolls by itself and can be reached by keyboard.
void BeginTable(Html& html, std::string_view label) {
  html.Raw("<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"").Text(label).Raw("\">\n<table>\n");
}

void RenderFlags(Html& html, const HomeProject& project) {
  html.Raw("<h3>Flags</h3>\n");
  if (project.flags.empty()) {
    html.Raw("<p class=\"soft\">None yet.</p>\n");
    return;
  }
  BeginTable(html, "Flags of " + project.key);
  html.Raw("<caption>").Text(Count(project.flags.size(), "flag")).Raw("</caption>\n<thead><tr>").Heading("Flag");
  html.Heading("Type");
  for (const std::string& environment : project.environments) html.Heading(environment);
  html.Heading("Owner").Raw("</tr></thead>\n<tbody>\n");
  for (const HomeFlag& flag : project.flags) {
    html.Raw("<tr><th scope=\"row\"><code>").Text(flag.key).Raw("</code>");
    html.Raw("<span class=\"about\">").Text(flag.description);
    if (flag.expired) html.Raw(" <span class=\"warn\">Past its expiry.</span>");
    html.Raw("</span></th>").Cell(flag.type + ", " + flag.kind);
    for (const std::string& state : flag.states) html.Cell(state);
    html.Cell(flag.owner).Raw("</tr>\n");
  }
  html.Raw("</tbody>\n</table>\n</div>\n");
}

void RenderExperiments(Html& html, const HomeProject& project) {
  html.Raw("<h3>Experiments</h3>\n");
  if (project.experiments.empty()) {
    html.Raw("<p class=\"soft\">None yet.</p>\n");
    return;
  }
  BeginTable(html, "Experiments of " + project.key);
  html.Raw("<caption>").Text(Count(project.experiments.size(), "experiment")).Raw("</caption>\n<thead><tr>");
  for (const char* name : {"Experiment", "State", "Flag", "Environment", "Owner"}) html.Heading(name);
  html.Raw("</tr></thead>\n<tbody>\n");
  for (const HomeExperiment& experiment : project.experiments) {
    html.Raw("<tr><th scope=\"row\"><code>").Text(experiment.key).Raw("</code></th>").Cell(experiment.status);
    html.Raw("<td><code>").Text(experiment.flag).Raw("</code></td>").Cell(experiment.environment);
    html.Cell(experiment.owner).Raw("</tr>\n");
  }
  html.Raw("</tbody>\n</table>\n</div>\n");
}

}  // namespace

std::string RenderHome(const HomeView& view) {
  std::string page(kHead);
  Html html(page);
  html.Raw("<header>\n<h1>Guidon</h1>\n<p class=\"soft\">Version ").Text(view.version).Raw(", revision <strong>");
  html.Text(std::to_string(view.revision)).Raw("</strong>, epoch <code>").Text(view.epoch).Raw("</code></p>\n");
  html.Raw("</header>\n<main>\n");
  if (view.projects.empty()) {
    html.Raw("<p>No project yet. Create one from a workspace: <code>guidon apply DIR</code></p>\n");
  }
  for (const HomeProject& project : view.projects) {
    html.Raw("<section>\n<h2>").Text(project.key).Raw("</h2>\n<p class=\"soft\">").Text(project.description);
    html.Raw("</p>\n");
    RenderFlags(html, project);
    RenderExperiments(html, project);
    html.Raw("</section>\n");
  }
  html.Raw("</main>\n</body>\n</html>\n");
  return page;
}

std::string RenderNotice(const Notice& notice) {
  std::string page(kHead);
  Html html(page);
  html.Raw("<header><h1>").Text(notice.heading).Raw("</h1></header>\n<main>\n");
  for (const std::string& paragraph : notice.paragraphs) html.Raw("<p>").Text(paragraph).Raw("</p>\n");
  if (!notice.code.empty()) html.Raw("<p><code>").Text(notice.code).Raw("</code></p>\n");
  if (!notice.link.empty()) {
    html.Raw("<p><a rel=\"noreferrer\" href=\"").Text(notice.href).Raw("\">").Text(notice.link).Raw("</a></p>\n");
  }
  html.Raw("</main>\n</body>\n</html>\n");
  return page;
}

}  // namespace guidon
