#include "server/api/home.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <regex>
#include <string>
#include <vector>

namespace guidon {
namespace {

bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(HomeTest, ShowsEveryProjectFlagAndExperimentWithTheRevision) {
  HomeView view{"0.1.0", "k3v9", 17, {{"shop", "The web shop", {"staging", "production"}, {}, {}}}};
  view.projects[0].flags.push_back({"payments.v2", "boolean", "release", "payments", "", {"on", "not enabled"}, true});
  view.projects[0].experiments.push_back({"one-page", "checkout.layout", "production", "running", "ana@shop.example"});
  const std::string page = RenderHome(view);
  for (const char* part : {"<strong>17</strong>", "payments.v2", "not enabled", "one-page", "running", "1 flag<",
                           "Past its expiry", "<th scope=\"col\">staging</th>", "lang=\"en\"", "<main>"}) {
    EXPECT_TRUE(Contains(page, part)) << part;
  }
}

TEST(HomeTest, TextFromDefinitionsIsNeverMarkup) {
  HomeView view{"0.1.0", "k3v9", 1, {{"shop", "<script>alert(1)</script>", {"a\"b"}, {}, {}}}};
  view.projects[0].flags.push_back({"f", "json", "release", "o'brien & co", "<b>", {"on"}, false});
  const std::string page = RenderHome(view);
  EXPECT_FALSE(Contains(page, "<script"));
  EXPECT_FALSE(Contains(page, "<b>"));
  EXPECT_TRUE(Contains(page, "o&#39;brien &amp; co"));
  EXPECT_TRUE(Contains(page, "a&quot;b"));
}

// The page's elements, read as a strict reader would: every tag is closed in its order, attributes are quoted.
struct Element {
  std::string name;
  std::map<std::string, std::string> attributes;
  std::string text;                 // of it and of what is in it
  std::vector<std::size_t> inside;  // indices of its children
};

class Page {
 public:
  explicit Page(const std::string& html) {
    static const std::regex kTag(R"re(<(/?)([a-zA-Z0-9]+)((?:\s+[a-z-]+(?:="[^"<>]*")?)*)\s*>)re");
    static const std::regex kAttribute(R"re(([a-z-]+)(?:="([^"]*)")?)re");
    std::size_t at = html.find('>') + 1;  // past the document type
    std::vector<std::size_t> open;
    for (std::sregex_iterator tag(html.begin() + static_cast<std::ptrdiff_t>(at), html.end(), kTag), end; tag != end;
         ++tag) {
      const std::string between = tag->prefix().str(), name = (*tag)[2];
      for (const std::size_t outer : open) elements_[outer].text += between;
      if (between.find('<') != std::string::npos) fault_ = "markup that is none: " + between;
      if ((*tag)[1] == "/") {
        if (open.empty() || elements_[open.back()].name != name) fault_ = "</" + name + "> closes nothing";
        if (!open.empty()) open.pop_back();
        continue;
      }
      Element& element = elements_.emplace_back();
      element.name = name;
      const std::string attributes = (*tag)[3];
      for (std::sregex_iterator a(attributes.begin(), attributes.end(), kAttribute); a != end; ++a) {
        element.attributes[(*a)[1]] = (*a)[2];
      }
      if (!open.empty()) elements_[open.back()].inside.push_back(elements_.size() - 1);
      if (name != "meta" && name != "link") open.push_back(elements_.size() - 1);
    }
    if (!open.empty()) fault_ = elements_[open.back()].name + " stays open";
  }

  const std::string& fault() const { return fault_; }
  std::vector<const Element*> All(const std::string& name) const {
    std::vector<const Element*> found;
    for (const Element& element : elements_) {
      if (element.name == name) found.push_back(&element);
    }
    return found;
  }
  const Element& At(std::size_t index) const { return elements_[index]; }
  const std::vector<Element>& elements() const { return elements_; }

 private:
  std::vector<Element> elements_;
  std::string fault_;
};

HomeView AFullView() {
  HomeView view{
      "0.1.0", "k3v9", 17, {{"shop", "The web shop", {"staging", "production"}, {}, {}}, {"bank", "", {}, {}, {}}}};
  view.projects[0].flags.push_back({"payments.v2", "boolean", "release", "payments", "New <b>", {"on", "off"}, true});
  view.projects[0].flags.push_back({"search", "json", "permission", "", "", {"on", "off"}, false});
  view.projects[0].experiments.push_back({"one-page", "checkout.layout", "production", "running", "ana@shop.example"});
  return view;
}

TEST(HomeTest, IsWellFormedWithoutScriptOrAnythingThatIsLoaded) {
  const Page page(RenderHome(AFullView()));
  EXPECT_EQ(page.fault(), "");
  for (const char* name : {"script", "img", "link", "iframe", "form", "input", "button", "object"}) {
    EXPECT_TRUE(page.All(name).empty()) << name;
  }
  for (const Element& element : page.elements()) {
    for (const auto& [name, value] : element.attributes) {
      EXPECT_FALSE(name.starts_with("on") || name == "style" || name == "src") << element.name << " " << name;
      EXPECT_TRUE(name != "href" || value.starts_with("#")) << value;
    }
  }
}

TEST(HomeTest, CanBeReadWithAScreenReader) {
  const Page page(RenderHome(AFullView()));
  ASSERT_EQ(page.All("html").size(), 1u);
  EXPECT_EQ(page.All("html")[0]->attributes.at("lang"), "en");
  ASSERT_EQ(page.All("title").size(), 1u);
  EXPECT_NE(page.All("title")[0]->text, "");
  EXPECT_EQ(page.All("h1").size(), 1u);
  EXPECT_EQ(page.All("main").size(), 1u);
  EXPECT_EQ(page.All("header").size(), 1u);
  // Headings go down one level at a time.
  int level = 0;
  for (const Element& element : page.elements()) {
    if (element.name.size() != 2 || element.name[0] != 'h' || element.name[1] < '1' || element.name[1] > '6') continue;
    EXPECT_LE(element.name[1] - '0', level + 1) << element.text;
    EXPECT_NE(element.text, "");
    level = element.name[1] - '0';
  }
  ASSERT_EQ(page.All("table").size(), 2u);
  EXPECT_EQ(page.All("caption").size(), 2u);
  EXPECT_EQ(page.All("thead").size(), 2u);
  for (const Element* header : page.All("th")) {
    ASSERT_TRUE(header->attributes.contains("scope")) << header->text;
    EXPECT_TRUE(header->attributes.at("scope") == "col" || header->attributes.at("scope") == "row");
    EXPECT_NE(header->text, "");
  }
  // Every row of a table has as many cells as its head, the first of them a header.
  for (const Element* table : page.All("table")) {
    std::size_t columns = 0;
    for (const std::size_t part : table->inside) {
      for (const std::size_t row : page.At(part).inside) {
        if (page.At(row).name != "tr") continue;
        if (columns == 0) columns = page.At(row).inside.size();
        EXPECT_EQ(page.At(row).inside.size(), columns);
        EXPECT_EQ(page.At(page.At(row).inside.at(0)).name, "th");
      }
    }
    EXPECT_GT(columns, 2u);
  }
}

TEST(HomeTest, CanBeUsedByKeyboard) {
  const Page page(RenderHome(AFullView()));
  for (const Element* region : page.All("div")) {
    EXPECT_EQ(region->attributes.at("tabindex"), "0");  // what scrolls can be reached
    EXPECT_EQ(region->attributes.at("role"), "region");
    EXPECT_NE(region->attributes.at("aria-label"), "");
  }
  EXPECT_EQ(page.All("div").size(), 2u);
}

// --- contrast: WCAG 2.2, 1.4.3 -------------------------------------------------------------------------------------

double Luminance(const std::string& hex) {
  const auto channel = [&](std::size_t at) {
    const double c = static_cast<double>(std::stoi(hex.substr(at, 2), nullptr, 16)) / 255;
    return c <= 0.04045 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4);
  };
  return 0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5);
}
double Contrast(const std::string& a, const std::string& b) {
  const double x = Luminance(a), y = Luminance(b);
  return (std::max(x, y) + 0.05) / (std::min(x, y) + 0.05);
}

TEST(HomeTest, TextStandsOutInLightAndInDark) {
  const std::string page = RenderHome(AFullView());
  const std::size_t dark = page.find("prefers-color-scheme: dark");
  ASSERT_NE(dark, std::string::npos);
  const auto color = [&](const std::string& name, std::size_t from) {
    const std::size_t at = page.find("--" + name + ": #", from);
    EXPECT_NE(at, std::string::npos) << name;
    return page.substr(at + name.size() + 4, 7);
  };
  for (const std::size_t from : {std::size_t{0}, dark}) {
    const std::string paper = color("paper", from);
    for (const char* name : {"ink", "soft", "warn", "accent"}) {
      EXPECT_GE(Contrast(color(name, from), paper), 4.5) << name << " on " << paper;
    }
  }
}

TEST(HomeTest, StatesAreSaidInWordsNotInColour) {
  const std::string page = RenderHome(AFullView());
  EXPECT_TRUE(Contains(page, "Past its expiry"));
}

TEST(HomeTest, AnEmptyServerSaysWhatToDo) {
  EXPECT_TRUE(Contains(RenderHome({"0.1.0", "k3v9", 0, {}}), "guidon apply DIR"));
}

}  // namespace
}  // namespace guidon
