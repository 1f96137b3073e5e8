#include "removal/replace.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace guidon::removal {
namespace {

namespace fs = std::filesystem;

struct Staged {
  std::string file, beside, aside;  // the new text; the old one
};

std::string TextIn(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

Error Refusal(const std::string& path) {
  return {ErrorCode::kIo, "cannot write " + path + ": " + std::strerror(errno), {}};
}

Status Stage(const std::string& path, const std::string& text, const fs::perms mode) {
  errno = 0;
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  if (!out) return Fail(Refusal(path));
  std::error_code error;
  fs::permissions(path, mode, error);
  return {};
}

}  // namespace

Status ReplaceAll(const std::vector<Rewritten>& files) {
  std::vector<Staged> staged;
  std::error_code ignored;
  const auto clear = [&] {
    for (const Staged& one : staged) {
      fs::remove(one.beside, ignored);
      fs::remove(one.aside, ignored);
    }
  };
  const std::string ending = "." + std::to_string(getpid());
  for (const Rewritten& file : files) {
    staged.push_back({file.file, file.file + ending + ".tmp", file.file + ending + ".old"});
    const fs::perms mode = fs::status(file.file, ignored).permissions();
    Status written = Stage(staged.back().beside, file.after, mode);
    if (written) written = Stage(staged.back().aside, file.before, mode);
    if (!written) {
      clear();
      return written;
    }
  }
  for (const Rewritten& file : files) {
    if (TextIn(file.file) == file.before) continue;
    clear();
    return Fail(ErrorCode::kStale, file.file + " has changed meanwhile; nothing was written: run it again");
  }
  for (std::size_t i = 0; i < staged.size(); ++i) {
    if (std::rename(staged[i].beside.c_str(), staged[i].file.c_str()) == 0) continue;
    const Error refusal = Refusal(staged[i].file);
    for (std::size_t j = 0; j < i; ++j) std::rename(staged[j].aside.c_str(), staged[j].file.c_str());
    clear();
    return Fail(refusal);
  }
  clear();
  return {};
}

}  // namespace guidon::removal
