// docs/sdk.md against the public headers: every example compiles (C++17 without exceptions and RTTI, C99), every public
// call has an example and a row that says who may call it, what it costs and how it fails, and every field of the
// configuration is named.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/process.h"

namespace guidon::testing {
namespace {

std::string TextOf(const std::string& file) {
  std::ifstream in(std::string(GUIDON_SOURCE_DIR "/") + file, std::ios::binary);
  EXPECT_TRUE(in) << file;
  return std::string(std::istreambuf_iterator<char>(in), {});
}

std::string Trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \n");
  if (begin == text.npos) return "";
  return std::string(text.substr(begin, text.find_last_not_of(" \n") + 1 - begin));
}

// ---- Examples ----------------------------------------------------------------------------------------------------

// The blocks of the page in one language as one program: each a function with `parameters`, its includes in front of
// all. One with a main() of its own stays as it is.
std::string ProgramOf(const std::string& language, const std::string& parameters, int* blocks) {
  std::string includes, functions, block;
  bool inside = false;
  std::istringstream in(TextOf("docs/sdk.md"));
  int number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    if (line == "```" + language) {
      inside = true;
      block = "#line " + std::to_string(number + 1) + " \"docs/sdk.md\"\n";
    } else if (line == "```" && inside) {
      inside = false;
      const bool is_whole = block.find("int main(") != block.npos;
      const std::string name = "Example" + std::to_string((*blocks)++);
      functions += is_whole ? block : "void " + name + "(" + parameters + ") {\n{\n" + block + "}\n}\n";
    } else if (inside && line.starts_with("#include")) {
      includes += line + "\n";
      block += "\n";
    } else if (inside) {
      block += line + "\n";
    }
  }
  return includes + functions;
}

const char kCppParameters[] = "guidon::Client& client, guidon::Context& user";
const char kCParameters[] = "guidon_client* client, guidon_context* user";

void ExpectCompiles(const std::string& program, std::vector<std::string> how) {
  const TemporaryFolder folder;
  const std::string file = folder / "page.txt";
  std::ofstream(file) << program;
  std::vector<std::string> command = {GUIDON_CXX, "-fsyntax-only", "-Wall", "-Wextra", "-Wpedantic", "-Werror"};
  for (const char* what : {"variable", "but-set-variable", "parameter"}) {
    command.push_back(std::string("-Wno-unused-") + what);
  }
  command.insert(command.end(), how.begin(), how.end());
  for (const char* room : {"core", "sdk"}) {
    command.insert(command.end(), {"-I", std::string(GUIDON_SOURCE_DIR "/") + room + "/include"});
  }
  command.push_back(file);
  const Finished done = guidon::testing::Run(command);
  EXPECT_EQ(done.exit_code, 0) << done.errors;
}

TEST(SdkPageTest, EveryExampleCompiles) {
  int blocks = 0;
  const std::string program = "#include <guidon/client.h>\n" + ProgramOf("cpp", kCppParameters, &blocks);
  EXPECT_GT(blocks, 10);
  ExpectCompiles(program, {"-std=c++17", "-fno-exceptions", "-fno-rtti", "-x", "c++"});
}

TEST(SdkPageTest, EveryExampleInCCompilesAsC99) {
  int blocks = 0;
  const std::string program = "#include <guidon.h>\n" + ProgramOf("c", kCParameters, &blocks);
  EXPECT_GT(blocks, 2);
  ExpectCompiles(program, {"-std=c99", "-x", "c"});
}

// ---- What the headers declare ------------------------------------------------------------------------------------

// Without comments and lines of the preprocessor.
std::string CodeOf(const std::string& header) {
  const std::string text = TextOf(header);
  std::string code;
  for (std::size_t at = 0; at < text.size();) {
    const std::string_view rest = std::string_view(text).substr(at);
    if (rest.starts_with("/*")) {
      at = text.find("*/", at) + 2;
    } else if (rest.starts_with("//")) {
      at = text.find('\n', at);
    } else if (rest.starts_with("#")) {
      do at = text.find('\n', at) + 1;
      while (text[at - 2] == '\\');
    } else {
      code += text[at++];
    }
  }
  return code;
}

// Where what was opened at `begin` has ended.
std::size_t EndOf(std::string_view code, std::size_t begin, char open, char close) {
  int depth = 0;
  for (std::size_t at = begin; at < code.size(); ++at) {
    if (code[at] == open) ++depth;
    if (code[at] == close && --depth == 0) return at + 1;
  }
  return code.size();
}

struct Declared {
  std::string owner;  // the class or structure; empty: none
  std::string name;   // "WaitReady", "~Client", "operator=="
  bool is_call;       // a field otherwise
};

// Reads a public header: namespaces, classes with their labels, functions, fields. Leaves out what is private, deleted
// or of `internal`, and destructors that do nothing of their own.
class HeaderReader {
 public:
  explicit HeaderReader(const std::string& header) : code_(CodeOf(header)) { ReadScope({"", true}); }
  std::vector<Declared> found() const { return found_; }

 private:
  struct Scope {
    std::string owner;
    bool is_seen;           // from outside
    bool is_public = true;  // since the last label
  };

  void ReadScope(Scope scope) {
    std::string statement;
    while (at_ < code_.size()) {
      const char c = code_[at_];
      if (c == '(') {
        const std::size_t begin = std::exchange(at_, EndOf(code_, at_, '(', ')'));
        statement += code_.substr(begin, at_ - begin);
      } else if (c == '{') {
        if (ReadBraces(Trimmed(statement), scope)) statement.clear();
      } else if (++at_; c == '}') {
        return;
      } else if (c == ';') {
        Take(Trimmed(statement), scope);
        statement.clear();
      } else if (const std::string label = Trimmed(statement); c == ':' && (label == "public" || label == "private")) {
        scope.is_public = label == "public";
        statement.clear();
      } else {
        statement += c;
      }
    }
  }

  // A namespace, a class, a function's body, or what a field begins with. False: the statement goes on.
  bool ReadBraces(const std::string& statement, const Scope& around) {
    static const std::regex kScope("(namespace|class|struct|extern \"C\") *(?:GUIDON_API )?(\\w*)[^(]*");
    const std::string said = WithoutTemplate(statement);
    std::smatch parts;
    if (std::regex_match(said, parts, kScope)) {
      const bool is_type = parts[1] == "class" || parts[1] == "struct";
      ++at_;
      ReadScope({is_type ? parts[2].str() : "", around.is_seen && around.is_public && parts[2] != "internal",
                 parts[1] != "class"});
      return true;
    }
    at_ = EndOf(code_, at_, '{', '}');
    if (said.find('(') == said.npos) return false;
    Take(statement, around);
    return true;
  }

  static std::string WithoutTemplate(const std::string& statement) {
    if (!statement.starts_with("template")) return statement;
    return Trimmed(std::string_view(statement).substr(EndOf(statement, statement.find('<'), '<', '>')));
  }

  void Take(const std::string& statement, const Scope& scope) {
    static const std::regex kOther("(using|extern|enum|class|struct|union|typedef|static_assert|friend class)\\b[^]*");
    static const std::regex kCall("[^(=]*?(operator ?[^ (]+|~?\\b\\w+)\\([^]*");
    static const std::regex kField("[^=]*\\b(\\w+)( =[^]*)?");
    const std::string said = WithoutTemplate(statement);
    const auto ends_in = [&](std::string_view end) { return said.ends_with(end); };
    if (!scope.is_seen || !scope.is_public || std::regex_match(said, kOther) || ends_in("= delete")) return;
    std::smatch parts;
    if (said.find("operator()") != said.npos) {
      found_.push_back({scope.owner, "operator()", true});
    } else if (std::regex_match(said, parts, kCall)) {
      const std::string name = parts[1];
      if (!(name.starts_with("~") && ends_in("= default"))) found_.push_back({scope.owner, name, true});
    } else if (std::regex_match(said, parts, kField)) {
      found_.push_back({scope.owner, parts[1], false});
    }
  }

  const std::string code_;
  std::size_t at_ = 0;
  std::vector<Declared> found_;
};

// "sdk/include/guidon/client.h", …: all that is installed.
std::vector<std::string> PublicHeaders() {
  std::vector<std::string> headers;
  for (const char* folder : {"core/include", "sdk/include"}) {
    const std::filesystem::path root(GUIDON_SOURCE_DIR);
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root / folder)) {
      if (entry.path().extension() == ".h") headers.push_back(entry.path().lexically_relative(root).string());
    }
  }
  std::sort(headers.begin(), headers.end());
  return headers;
}

// As an application includes it.
std::string NameOf(const std::string& header) {
  return header.substr(header.find("/include/") + std::string_view("/include/").size());
}

bool IsForC(const std::string& header) {
  return NameOf(header) == "guidon.h";
}

// A call of a C header, or of a class: "Client::WaitReady".
std::set<std::string> CallsOf(const std::string& header) {
  std::set<std::string> calls;
  if (IsForC(header)) {
    static const std::regex kExported("GUIDON_EXPORT[^(;]*\\b(guidon_\\w+)\\(");
    const std::string code = CodeOf(header);
    for (std::sregex_iterator call(code.begin(), code.end(), kExported), end; call != end; ++call) {
      calls.insert((*call)[1]);
    }
    return calls;
  }
  for (const Declared& one : HeaderReader(header).found()) {
    if (one.is_call) calls.insert(one.owner.empty() ? one.name : one.owner + "::" + one.name);
  }
  return calls;
}

TEST(HeaderReaderTest, FindsWhatIsPublic) {
  const std::set<std::string> client = CallsOf("sdk/include/guidon/client.h");
  for (const char* name : {"Client::Client", "Client::~Client", "Client::OnChange", "Reads::Variation", "Pin::revision",
                           "Flag::operator()", "Subscription::operator=", "Readiness::operator bool", "Flag::key"}) {
    EXPECT_TRUE(client.contains(name)) << name;
  }
  for (const char* name : {"Pin::Pin", "Client::Read", "Client::operator=", "Flag::SlotIn", "Pin::Read"}) {
    EXPECT_FALSE(client.contains(name)) << name;
  }
  EXPECT_EQ(CallsOf("core/include/guidon/context.h").count("Context::Set"), 1u);
  EXPECT_EQ(CallsOf("core/include/guidon/value.h").count("Value::operator=="), 1u);
  EXPECT_EQ(CallsOf("sdk/include/guidon/status.h").count("ToString"), 1u);
  EXPECT_EQ(CallsOf("sdk/include/guidon/transport.h"),
            (std::set<std::string>{"Transport::Send", "Transport::Stream", "Transport::Stop"}));
}

// ---- What the page says ------------------------------------------------------------------------------------------

// The examples of the page in one language, without its sentences.
std::string ExamplesIn(const std::string& language) {
  std::string code;
  bool inside = false;
  std::istringstream page(TextOf("docs/sdk.md"));
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("```")) inside = line == "```" + language;
    if (inside) code += line + "\n";
  }
  return code;
}

TEST(SdkPageTest, EveryPublicCallHasAnExample) {
  const std::string cpp = ExamplesIn("cpp"), c = ExamplesIn("c");
  int seen = 0;
  for (const std::string& header : PublicHeaders()) {
    for (const std::string& call : CallsOf(header)) {
      const std::string name = call.substr(call.rfind(':') + 1);            // npos + 1 is 0
      if (name.starts_with("operator") || name.starts_with("~")) continue;  // they are in use without their name
      ++seen;
      EXPECT_TRUE(std::regex_search(IsForC(header) ? c : cpp, std::regex("\\b" + name + "\\b")))
          << call << " of " << header;
    }
  }
  EXPECT_GT(seen, 100);
}

std::vector<std::string> CellsOf(const std::string& row) {
  std::vector<std::string> cells;
  for (std::size_t begin = 1, end; (end = row.find('|', begin)) != row.npos; begin = end + 1) {
    cells.push_back(Trimmed(std::string_view(row).substr(begin, end - begin)));
  }
  return cells;
}

// What stands in backquotes, without parameters.
std::vector<std::string> NamesIn(const std::string& cell) {
  static const std::regex kQuoted("`(operator\\(\\)|[^`(]+)[^`]*`");
  std::vector<std::string> names;
  for (std::sregex_iterator name(cell.begin(), cell.end(), kQuoted), end; name != end; ++name) {
    names.push_back((*name)[1]);
  }
  return names;
}

struct Row {
  std::string header, owner;  // the heading `guidon/client.h`, and the one below it, `Client`
  std::string columns;        // the first row of the table
  std::vector<std::string> cells;
};

// The rows of tables in the section "## TITLE".
std::vector<Row> RowsIn(const std::string& title) {
  const std::string page = TextOf("docs/sdk.md");
  const std::size_t begin = page.find("\n## " + title + "\n");
  EXPECT_NE(begin, page.npos) << title;
  if (begin == page.npos) return {};
  std::istringstream section(page.substr(begin, page.find("\n## ", begin + 1) - begin));
  std::vector<Row> rows;
  Row row;
  const auto heading = [](const std::string& line) {
    const std::vector<std::string> names = NamesIn(line);
    return names.empty() ? "" : names[0];
  };
  for (std::string line; std::getline(section, line);) {
    if (line.starts_with("### ")) row = {heading(line), "", "", {}};
    if (line.starts_with("#### ")) row.owner = heading(line);
    if (!line.starts_with("|")) {
      row.columns.clear();
    } else if (row.columns.empty()) {
      row.columns = line;
    } else if (!line.starts_with("|--")) {
      row.cells = CellsOf(line);
      rows.push_back(row);
    }
  }
  return rows;
}

TEST(SdkPageTest, EveryPublicCallHasARowWithThreadsCostAndFailure) {
  std::map<std::string, std::set<std::string>> found;  // by header
  for (const Row& row : RowsIn("Every call")) {
    if (row.columns != "| call | threads | cost | failure |") continue;
    ASSERT_FALSE(row.cells.empty());
    EXPECT_EQ(row.cells.size(), 4u) << row.cells[0];
    EXPECT_EQ(std::count(row.cells.begin(), row.cells.end(), ""), 0) << row.cells[0];
    for (const std::string& name : NamesIn(row.cells[0])) {
      found[row.header].insert(row.owner.empty() ? name : row.owner + "::" + name);
    }
  }
  std::set<std::string> headers;
  for (const std::string& header : PublicHeaders()) {
    const std::set<std::string> calls = CallsOf(header);
    headers.insert(NameOf(header));
    for (const std::string& call : calls) {
      EXPECT_TRUE(found[NameOf(header)].contains(call)) << call << " of " << header << " has no row";
    }
    for (const std::string& call : found[NameOf(header)]) {
      EXPECT_TRUE(calls.contains(call)) << call << " is not in " << header;
    }
  }
  for (const auto& [header, unused] : found) EXPECT_TRUE(headers.contains(header)) << header;
}

TEST(SdkPageTest, EveryFieldOfTheConfigurationIsNamed) {
  std::set<std::string> named, fields;
  for (const Row& row : RowsIn("Configuration")) {
    for (const std::string& name : NamesIn(row.cells.at(0))) named.insert(name);
  }
  for (const Declared& one : HeaderReader("sdk/include/guidon/client_config.h").found()) {
    if (one.owner == "ClientConfig" && !one.is_call) fields.insert(one.name);
  }
  EXPECT_GT(fields.size(), 30u);
  EXPECT_EQ(named, fields);
}

TEST(SdkPageTest, StructuresOfCHaveTheSizesThatItSays) {
  std::string program = "#include <guidon.h>\n";
  int seen = 0;
  for (const Row& row : RowsIn("C and other languages")) {
    if (!row.columns.starts_with("| structure | bytes |")) continue;
    const std::string name = NamesIn(row.cells.at(0)).at(0);
    program += "typedef char size_of_" + name + "[sizeof(void*) != 8 || sizeof(" + name + ") == " + row.cells.at(1) +
               " ? 1 : -1];\n";
    ++seen;
  }
  EXPECT_EQ(seen, 5);
  ExpectCompiles(program, {"-std=c99", "-x", "c"});
}

}  // namespace
}  // namespace guidon::testing
