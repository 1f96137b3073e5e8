// guidon: the command line. Reads arguments, calls one verb, exits with its code.
#include <iostream>

#include "cli/arguments.h"
#include "cli/output.h"
#include "cli/verbs.h"

int main(int argc, char** argv) {
  const guidon::cli::Request request = guidon::cli::ReadArguments(argc, argv, GUIDON_VERSION);
  const int code = request.run ? request.run() : request.exit_code;
  std::cout.flush();
  if (!std::cout) {
    guidon::cli::Complain("cannot write to standard output");
    return code == guidon::cli::kPass ? guidon::cli::kUsage : code;
  }
  return code;
}
