// GUIDON_API marks what an application may link to. Everything else of the library is hidden: a program that holds
// several libraries gets no symbol from this one but those of its public headers.
#pragma once

// Before what is to be seen from outside of the library.
#if defined(_WIN32)
#define GUIDON_API
#else
#define GUIDON_API __attribute__((visibility("default")))
#endif
