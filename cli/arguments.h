// The command line as words, read into what is to be done.
//
//   const Request request = ReadArguments(argc, argv, "0.1.0");
//   return request.run ? request.run() : request.exit_code;
//
// Thread safety: one thread.
#pragma once

#include <functional>
#include <string>

namespace guidon::cli {

struct Request {
  std::function<int()> run;  // the verb, and its exit code; empty when there is nothing to do (any more)
  int exit_code = 0;         // then
};

// Does nothing but read: help, the version and what is wrong with the words are said here, files and servers are not
// looked at. `argv` begins with the program's name.
Request ReadArguments(int argc, const char* const* argv, const std::string& version);

}  // namespace guidon::cli
