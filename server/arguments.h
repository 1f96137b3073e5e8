// The command line of guidond as words, read into what it asks for.
//
// Thread safety: one thread.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace guidon {

// `guidond backup verify FOLDER` and `guidond backup restore FOLDER --data FOLDER`: work on files, without a server.
struct BackupCommand {
  bool restore = false;  // or verify
  std::string folder;
  std::string data;  // restore: of the new store
  bool json = false;
};

struct Arguments {
  std::optional<BackupCommand> backup;          // then nothing else counts
  bool hash_password = false;                   // likewise: `guidond hash-password`
  std::string file;                             // of settings; empty: none was named
  std::map<std::string, std::string> settings;  // by name, as text
  bool print_config = false;
};

struct ArgumentsRead {
  std::optional<Arguments> arguments;  // nothing: help, the version, or what is wrong has been said
  int exit_code = 0;                   // then
};

// Does nothing but read: no file is opened, and values are not looked at. `argv` begins with the program's name.
ArgumentsRead ReadArguments(int argc, const char* const* argv, std::string_view version);

}  // namespace guidon
