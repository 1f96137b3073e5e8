#include <guidon/value.h>

#include <iostream>

int main() {
  const guidon::Value flags = guidon::Object{{"new-checkout", true}};
  const guidon::Value* flag = flags.Find("new-checkout");
  std::cout << "new-checkout = " << (flag != nullptr && flag->AsBool() ? "true" : "false") << "\n";
  return 0;
}
