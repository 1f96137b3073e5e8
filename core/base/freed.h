// For objects of C libraries in a std::unique_ptr:
//
//   using KeyPtr = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
#pragma once

namespace guidon {

template <auto free>
struct Freed {
  template <typename T>
  void operator()(T* object) const {
    free(object);
  }
};

}  // namespace guidon
