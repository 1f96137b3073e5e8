// The C interface between callers and libraries of different versions: where the fields of 0.1 are, which no later
// version may change, and what becomes of structures that are smaller or larger than this library's.
#include <guidon.h>

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string>

#include "tests/sdk/world.h"

namespace guidon::testing {
namespace {

using ClientPtr = std::unique_ptr<guidon_client, void (*)(guidon_client*)>;

// ---- Layout ------------------------------------------------------------------------------------------------------

// On machines with 64 bits. A field is added at the end of its structure, and a line here; the size that the structure
// had until then goes to kFormerSizes in sdk/c/guidon.cc and to kSmaller below. Where the library reads a structure,
// what is added leaves no gap: a gap is not 0.
#define AT(type, field, offset) static_assert(sizeof(void*) != 8 || offsetof(type, field) == (offset))
#define SIZE(type, size) static_assert(sizeof(void*) != 8 || sizeof(type) == (size))

AT(guidon_error, size, 0);
AT(guidon_error, code, 8);
AT(guidon_error, message, 12);
SIZE(guidon_error, 528);

AT(guidon_config, size, 0);
AT(guidon_config, server, 8);
AT(guidon_config, key, 16);
AT(guidon_config, bootstrap_file, 24);
AT(guidon_config, bootstrap, 32);
AT(guidon_config, cache_file, 40);
AT(guidon_config, ca_file, 48);
AT(guidon_config, application, 56);
AT(guidon_config, application_version, 64);
AT(guidon_config, connect_timeout_ms, 72);
AT(guidon_config, silence_timeout_ms, 80);
AT(guidon_config, client_certificate_file, 88);
AT(guidon_config, client_key_file, 96);
AT(guidon_config, private_attributes, 104);
AT(guidon_config, private_attribute_count, 112);
AT(guidon_config, serve_defaults_after_ms, 120);
AT(guidon_config, without_events, 128);
AT(guidon_config, flag_overrides, 129);
AT(guidon_config, flag_file, 136);
AT(guidon_config, flag_file_interval_ms, 144);
AT(guidon_config, log, 152);
AT(guidon_config, log_user, 160);
AT(guidon_config, all_attributes_private, 168);  // the first size
AT(guidon_config, reserved, 169);
SIZE(guidon_config, 176);

AT(guidon_status, size, 0);
AT(guidon_status, state, 8);
AT(guidon_status, revision, 16);
AT(guidon_status, flags, 24);
AT(guidon_status, broken, 32);
AT(guidon_status, age_ms, 40);
AT(guidon_status, source, 48);
AT(guidon_status, epoch, 64);
AT(guidon_status, last_error, 97);
AT(guidon_status, stale_since_ms, 616);  // the first size
AT(guidon_status, queued_events, 624);
AT(guidon_status, dropped_exposures, 632);
AT(guidon_status, dropped_track, 640);
AT(guidon_status, invalid_track, 648);
AT(guidon_status, dropped_batches, 656);
AT(guidon_status, rejected_events, 664);
AT(guidon_status, lost_evaluations, 672);
AT(guidon_status, serves_defaults, 680);
SIZE(guidon_status, 688);

AT(guidon_attribute, name, 0);
AT(guidon_attribute, text, 8);
AT(guidon_attribute, number, 16);
AT(guidon_attribute, truth, 24);
SIZE(guidon_attribute, 32);

AT(guidon_detail, size, 0);
AT(guidon_detail, reason, 8);
AT(guidon_detail, error, 12);
AT(guidon_detail, revision, 16);
AT(guidon_detail, forced, 24);
AT(guidon_detail, variation, 25);
AT(guidon_detail, rule, 154);
AT(guidon_detail, experiment, 283);
AT(guidon_detail, variant, 412);
AT(guidon_detail, message, 541);
SIZE(guidon_detail, 1056);

#undef AT
#undef SIZE

constexpr std::size_t kSmallerConfig = offsetof(guidon_config, all_attributes_private);
constexpr std::size_t kSmallerStatus = offsetof(guidon_status, stale_since_ms);

// ---- Callers of other versions -----------------------------------------------------------------------------------

// The structure of a caller of another version: its `size` bytes, behind which there is nothing that could be read or
// written. What it has beyond this version's is `beyond`.
template <typename T>
class Foreign {
 public:
  Foreign(const T& init, std::size_t size, char beyond = 0) : size_(size) {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    mapped_ = (size / page + 2) * page;
    start_ = static_cast<char*>(::mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    ::mprotect(start_ + mapped_ - page, page, PROT_NONE);
    bytes_ = start_ + mapped_ - page - (size + alignof(T) - 1) / alignof(T) * alignof(T);
    std::memset(bytes_, beyond, size);
    std::memcpy(bytes_, &init, std::min(size, sizeof(T)));
    std::memcpy(bytes_, &size, sizeof size);
  }
  ~Foreign() { ::munmap(start_, mapped_); }
  Foreign(const Foreign&) = delete;
  Foreign& operator=(const Foreign&) = delete;

  T* get() { return reinterpret_cast<T*>(bytes_); }
  // As far as both have it.
  T Seen() const {
    T seen{};
    std::memcpy(&seen, bytes_, std::min(size_, sizeof(T)));
    return seen;
  }
  std::string Bytes() const { return {bytes_, size_}; }
  std::string Beyond() const { return Bytes().substr(std::min(size_, sizeof(T))); }

 private:
  std::size_t size_;
  std::size_t mapped_;
  char* start_;
  char* bytes_;
};

class CAbiTest : public ::testing::Test {
 protected:
  CAbiTest() {
    world_.Serve("on", true);
    document_ = world_.Document();
    config_.bootstrap = document_.c_str();
  }
  ClientPtr New(std::size_t size, guidon_error* error = nullptr, char beyond = 0) {
    Foreign<guidon_config> config(config_, size, beyond);
    return {guidon_client_new(config.get(), error), guidon_client_free};
  }

  World world_;
  std::string document_;
  guidon_config config_ = GUIDON_CONFIG_INIT;
};

TEST_F(CAbiTest, AnOlderCallerSaysAndHearsWhatItKnows) {
  const ClientPtr client = New(kSmallerConfig);
  ASSERT_NE(client, nullptr);
  EXPECT_TRUE(guidon_bool(client.get(), "on", nullptr, false));
  Foreign<guidon_status> status(GUIDON_STATUS_INIT, kSmallerStatus);
  ASSERT_EQ(guidon_client_status(client.get(), status.get()), GUIDON_OK);
  EXPECT_EQ(status.Seen().size, kSmallerStatus);
  EXPECT_EQ(status.Seen().state, GUIDON_STATE_OFFLINE);
  EXPECT_EQ(status.Seen().flags, 1u);
  EXPECT_STREQ(status.Seen().source, "bootstrap");
}

TEST_F(CAbiTest, ANewerCallerHearsWhatThisLibraryKnows) {
  const ClientPtr client = New(sizeof(guidon_config) + 24);
  ASSERT_NE(client, nullptr);

  Foreign<guidon_status> status(GUIDON_STATUS_INIT, sizeof(guidon_status) + 24, 'x');
  ASSERT_EQ(guidon_client_status(client.get(), status.get()), GUIDON_OK);
  EXPECT_EQ(status.Seen().size, sizeof(guidon_status) + 24);
  EXPECT_EQ(status.Seen().flags, 1u);
  EXPECT_EQ(status.Beyond(), std::string(24, 'x'));

  Foreign<guidon_detail> detail(GUIDON_DETAIL_INIT, sizeof(guidon_detail) + 8, 'x');
  EXPECT_TRUE(guidon_bool_detail(client.get(), "on", nullptr, false, detail.get()));
  EXPECT_EQ(detail.Seen().size, sizeof(guidon_detail) + 8);
  EXPECT_STREQ(detail.Seen().variation, "on");
  EXPECT_EQ(detail.Beyond(), std::string(8, 'x'));

  Foreign<guidon_error> error(GUIDON_ERROR_INIT, sizeof(guidon_error) + 8, 'x');
  EXPECT_EQ(guidon_client_wait_ready(nullptr, 0, error.get()), GUIDON_INVALID_ARGUMENT);
  EXPECT_EQ(error.Seen().size, sizeof(guidon_error) + 8);
  EXPECT_STREQ(error.Seen().message, "there is no client");
  EXPECT_EQ(error.Beyond(), std::string(8, 'x'));
}

TEST_F(CAbiTest, ASettingThatThisLibraryDoesNotKnowIsNotIgnored) {
  guidon_error error = GUIDON_ERROR_INIT;
  EXPECT_EQ(New(sizeof(guidon_config) + 8, &error, 1), nullptr);
  EXPECT_EQ(error.code, GUIDON_INVALID_ARGUMENT);
  EXPECT_NE(std::strstr(error.message, "settings that version " GUIDON_VERSION " does not know"), nullptr)
      << error.message;
  config_.reserved[6] = 1;  // where the next version may have one
  EXPECT_EQ(New(sizeof(guidon_config), &error), nullptr);
  EXPECT_EQ(error.code, GUIDON_INVALID_ARGUMENT);
}

TEST_F(CAbiTest, ASizeThatNoVersionHadIsRefusedAndNothingIsWritten) {
  for (std::size_t size = sizeof(std::size_t); size < sizeof(guidon_config); ++size) {
    if (size == kSmallerConfig) continue;
    EXPECT_EQ(New(size), nullptr) << size;
  }
  EXPECT_EQ(New(1'000'000), nullptr);

  const ClientPtr client = New(sizeof(guidon_config));
  ASSERT_NE(client, nullptr);
  for (std::size_t size = sizeof(std::size_t); size < sizeof(guidon_status); ++size) {
    if (size == kSmallerStatus) continue;
    Foreign<guidon_status> status(GUIDON_STATUS_INIT, size);
    const std::string before = status.Bytes();
    EXPECT_EQ(guidon_client_status(client.get(), status.get()), GUIDON_INVALID_ARGUMENT) << size;
    EXPECT_EQ(status.Bytes(), before) << size;
  }
  for (std::size_t size = sizeof(std::size_t); size < sizeof(guidon_detail); ++size) {
    Foreign<guidon_detail> detail(GUIDON_DETAIL_INIT, size);
    const std::string before = detail.Bytes();
    EXPECT_TRUE(guidon_bool_detail(client.get(), "on", nullptr, false, detail.get()));
    EXPECT_EQ(detail.Bytes(), before) << size;
  }
  for (std::size_t size = sizeof(std::size_t); size < sizeof(guidon_error); ++size) {
    Foreign<guidon_error> error(GUIDON_ERROR_INIT, size);
    const std::string before = error.Bytes();
    EXPECT_EQ(guidon_client_wait_ready(nullptr, 0, error.get()), GUIDON_INVALID_ARGUMENT);
    EXPECT_EQ(error.Bytes(), before) << size;
  }
}

}  // namespace
}  // namespace guidon::testing
