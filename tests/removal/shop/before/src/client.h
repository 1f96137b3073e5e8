// The one client of the shop, and whom it asks.
#pragma once

#include <guidon/client.h>
#include <guidon/test_source.h>

namespace shop {

guidon::TestSource& TheSource();
const guidon::Client& TheClient();

}  // namespace shop
