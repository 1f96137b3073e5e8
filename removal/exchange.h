// What `guidon remove` and guidon-remove-cpp say to each other: one JSON document each way, over standard input and
// output. The one that parses C++ writes no file.
//
// Thread safety: plain values, pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <guidon/value.h>
#include "core/base/result.h"

namespace guidon::removal {

struct Request {
  std::string key;                 // of the flag
  std::string variation;           // that survives; empty: its name is not known
  Value value;                     // of it: boolean, text or number
  std::string accessor;            // of the headers of `guidon generate cpp`: "checkout_layout"
  std::string build;               // the folder with compile_commands.json
  std::vector<std::string> files;  // C++, absolute, without links; what is in no other is changed
  friend bool operator==(const Request&, const Request&) = default;
};

// What a person has to look at.
struct Left {
  std::string file;
  int line = 0, column = 0;  // from 1; 0: all of the file
  std::string why;
  bool of_after = false;  // the place is one of the changed text
  friend auto operator<=>(const Left&, const Left&) = default;
};

struct Rewritten {
  std::string file, before, after;
  friend bool operator==(const Rewritten&, const Rewritten&) = default;
};

struct Answer {
  std::vector<Rewritten> files;  // by name
  std::size_t units = 0;         // that were parsed
  std::size_t reads = 0;         // that are gone
  std::size_t folds = 0;         // branches
  std::vector<Left> left;        // by file, line and column
  friend bool operator==(const Answer&, const Answer&) = default;
};

std::string ToJson(const Request& request);
std::string ToJson(const Answer& answer);
Result<Request> ReadRequest(std::string_view text);  // kInvalid
Result<Answer> ReadAnswer(std::string_view text);    // kInvalid

}  // namespace guidon::removal
