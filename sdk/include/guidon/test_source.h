// Flags for the tests of an application: set in the test, read by a Client that asks no server.
//
//   guidon::TestSource flags;
//   flags.Set("new-checkout", true);
//   guidon::Client client(flags);
//   EXPECT_EQ(Price(client, user), 90);
//   flags.Set("new-checkout", false);   // every client made from it sees it when this returns
//
// A flag serves its value to everyone, with reason STATIC; one that was not set is FLAG_NOT_FOUND. What is set takes
// the same way as what a server sends: it gets a revision, is decoded, compiled and published, and then OnChange is
// told, on the thread that sets and under the lock of the source. So callbacks run one at a time, as they do with a
// server, and may set flags and make clients themselves; they must not wait for another thread that does.
//
// Thread safety: every method may be called from any thread. Clients and their source may be destroyed in any order.
#pragma once

#include <guidon/export.h>
#include <guidon/value.h>

#include <memory>
#include <string>
#include <string_view>

namespace guidon {

class Client;

namespace internal {
class GUIDON_API TestFlags;
}  // namespace internal

class GUIDON_API TestSource {
 public:
  TestSource();
  ~TestSource();
  TestSource(const TestSource&) = delete;
  TestSource& operator=(const TestSource&) = delete;

  // Sets or replaces. The type of the flag is that of the value: bool, text, number, or for anything else JSON. What
  // no document can carry (text that is not UTF-8, a value nested too deep) is refused: the flag stays as it was.
  TestSource& Set(std::string_view flag, Value value);
  TestSource& Remove(std::string_view flag);
  std::string LastError() const;  // why the last Set was refused; "" when it was not

 private:
  friend class Client;
  std::shared_ptr<internal::TestFlags> flags_;
};

}  // namespace guidon
