// The page at `/`: what is in this server, for a person with a browser. Read-only, one HTML document without script,
// readable by a screen reader and without style.
//
// Thread safety: a pure function.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace guidon {

struct HomeFlag {
  std::string key;
  std::string type;
  std::string kind;
  std::string owner;
  std::string description;
  std::vector<std::string> states;  // one per environment of the project, as people say it: "serves on", "not enabled"
  bool expired = false;
};

struct HomeExperiment {
  std::string key;
  std::string flag;
  std::string environment;
  std::string status;
  std::string owner;
};

struct HomeProject {
  std::string key;
  std::string description;
  std::vector<std::string> environments;
  std::vector<HomeFlag> flags;
  std::vector<HomeExperiment> experiments;
};

struct HomeView {
  std::string version;
  std::string epoch;
  std::uint64_t revision = 0;
  std::vector<HomeProject> projects;
};

// A complete HTML document. All text of the view is escaped.
std::string RenderHome(const HomeView& view);

// A page that says one thing, in the same dress. All text is escaped.
struct Notice {
  std::string heading;
  std::vector<std::string> paragraphs;
  std::string code;        // shown as it is to be typed; empty: none
  std::string link, href;  // what to go on with; empty: nothing
};
std::string RenderNotice(const Notice& notice);

// What `Content-Security-Policy` has to be for it: nothing is loaded, the style is in the page.
inline constexpr const char* kHomeContentSecurityPolicy =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

}  // namespace guidon
