#include "workspace/replace.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace guidon {
namespace {

namespace fs = std::filesystem;

struct Staged {
  std::string file, beside, aside;  // the new text; the old one
};

std::string TextIn(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();  // of a folder: nothing
  return text.str();
}

Error Refusal(const std::string& path) {
  return {ErrorCode::kIo, "cannot write " + path + ": " + std::strerror(errno) + "; no file was changed", {}};
}

bool Stage(const std::string& path, const std::string& text, const fs::perms mode) {
  errno = 0;
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  if (!out) return false;
  std::error_code error;
  fs::permissions(path, mode, error);
  return true;
}

// Behind a link, or the link would be replaced.
std::string RealOf(const std::string& file) {
  std::error_code error;
  const fs::path real = fs::canonical(file, error);
  return error ? file : real.string();
}

}  // namespace

Status ReplaceAll(const std::vector<Replacement>& files) {
  std::vector<Staged> staged;
  std::error_code ignored;
  const auto clear = [&] {
    for (const Staged& one : staged) {
      fs::remove(one.beside, ignored);
      fs::remove(one.aside, ignored);
    }
  };
  for (const Replacement& file : files) {
    const std::string real = RealOf(file.file);
    // The number: two of the names may be of one file.
    const std::string ending = "." + std::to_string(getpid()) + "." + std::to_string(staged.size());
    staged.push_back({real, real + ending + ".tmp", real + ending + ".old"});
    const fs::perms mode = fs::status(real, ignored).permissions();
    if (Stage(staged.back().beside, file.after, mode) && Stage(staged.back().aside, file.before, mode)) continue;
    const Error refusal = Refusal(file.file);
    clear();
    return Fail(refusal);
  }
  for (std::size_t i = 0; i < staged.size(); ++i) {
    if (TextIn(staged[i].file) == files[i].before) continue;
    clear();
    return Fail(ErrorCode::kStale, files[i].file + " has changed meanwhile; nothing was written: run it again");
  }
  for (std::size_t i = 0; i < staged.size(); ++i) {
    if (std::rename(staged[i].beside.c_str(), staged[i].file.c_str()) == 0) continue;
    const Error refusal = Refusal(files[i].file);
    for (std::size_t j = 0; j < i; ++j) std::rename(staged[j].aside.c_str(), staged[j].file.c_str());
    clear();
    return Fail(refusal);
  }
  clear();
  return {};
}

}  // namespace guidon
