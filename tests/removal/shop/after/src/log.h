// What happened, in order.
#pragma once

#include <string>

namespace shop {

void Log(const std::string& line);
bool Counted(const std::string& what);  // logs it, too; true

}  // namespace shop
