// __SANITIZE_ADDRESS__ is defined in a build with AddressSanitizer, which g++ does by itself and clang does not.
#pragma once

#if defined(__has_feature)
#if __has_feature(address_sanitizer) && !defined(__SANITIZE_ADDRESS__)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
