// guidon-remove-cpp: the part of `guidon remove` that parses C++. A request on standard input, an answer on standard
// output (removal/exchange.h); writes no file. --help and --version say what it is. Exit codes: 0 answered, 2 not, with
// the reason on standard error.
#include <iostream>
#include <iterator>
#include <string>

#include "removal/cpp/units.h"
#include "removal/exchange.h"

int main(int argc, char** argv) {
  if (argc > 1) {
    const std::string word = argv[1];
    if (word == "--version") {
      std::cout << "guidon-remove-cpp " GUIDON_VERSION "\n";
      return 0;
    }
    const bool is_help = word == "--help";
    (is_help ? std::cout : std::cerr) << "guidon-remove-cpp is started by `guidon remove`, which says more: guidon "
                                         "remove --help\n";
    return is_help ? 0 : 2;
  }
  const std::string text{std::istreambuf_iterator<char>(std::cin), {}};
  const guidon::Result<guidon::removal::Request> request = guidon::removal::ReadRequest(text);
  if (!request) {
    std::cerr << "guidon-remove-cpp: " << request.error().message << "\n";
    return 2;
  }
  const guidon::Result<guidon::removal::Answer> answer = guidon::removal::RemoveFlag(*request);
  if (!answer) {
    std::cerr << "guidon-remove-cpp: " << answer.error().message << "\n";
    return 2;
  }
  std::cout << guidon::removal::ToJson(*answer) << "\n" << std::flush;
  return std::cout ? 0 : 2;
}
