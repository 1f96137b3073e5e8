// Compiled twice: as it is, and with without_membarrier.cc, so that both ways of ordering reads go through all of it.
#include "core/base/published.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "core/base/mutex.h"
#include "tests/core/base/deny_membarrier.h"

namespace guidon {
namespace {

// Says how many of it exist, and is recognisably dead once destroyed.
class Version : public std::enable_shared_from_this<Version> {
 public:
  explicit Version(std::uint64_t number) : number_(number), twice_(2 * number) { ++alive; }
  ~Version() {
    number_ = ~std::uint64_t{0};
    twice_ = 1;
    --alive;
  }
  Version(const Version&) = delete;
  Version& operator=(const Version&) = delete;

  bool IsWhole() const { return twice_ == 2 * number_; }
  std::uint64_t number() const { return number_; }

  static inline std::atomic<int> alive{0};

 private:
  std::uint64_t number_;
  std::uint64_t twice_;
};

std::shared_ptr<const Version> MakeVersion(std::uint64_t number) {
  return std::make_shared<const Version>(number);
}

class PublishedTest : public testing::Test {
 protected:
  void TearDown() override {
    EXPECT_EQ(epoch::Reclaim(), 0u);
    EXPECT_EQ(Version::alive, 0);
  }
};

TEST_F(PublishedTest, ReadsWhatWasPublishedLast) {
  Published<Version> current(MakeVersion(1));
  EXPECT_EQ(current.Read()->number(), 1u);
  current.Publish(MakeVersion(2));
  EXPECT_EQ(current.Read()->number(), 2u);
}

TEST_F(PublishedTest, AGuardKeepsTheVersionItBeganWith) {
  Published<Version> current(MakeVersion(1));
  {
    const Published<Version>::Guard guard = current.Read();
    current.Publish(MakeVersion(2));
    EXPECT_EQ(guard->number(), 1u);
    EXPECT_TRUE(guard->IsWhole());
    EXPECT_EQ(Version::alive, 2);
  }
  EXPECT_EQ(epoch::Reclaim(), 0u);
  EXPECT_EQ(Version::alive, 1);
}

TEST_F(PublishedTest, WithoutReadersTheReplacedVersionIsFreedAtOnce) {
  Published<Version> current(MakeVersion(1));
  current.Publish(MakeVersion(2));
  EXPECT_EQ(Version::alive, 1);
}

TEST_F(PublishedTest, AnInnerGuardSeesTheNewVersionAndEndsNothing) {
  Published<Version> current(MakeVersion(1));
  const Published<Version>::Guard outer = current.Read();
  current.Publish(MakeVersion(2));
  {
    const Published<Version>::Guard inner = current.Read();
    EXPECT_EQ(inner->number(), 2u);
    current.Publish(MakeVersion(3));
    EXPECT_TRUE(inner->IsWhole());
  }
  epoch::Reclaim();
  EXPECT_TRUE(outer->IsWhole());
  EXPECT_EQ(outer->number(), 1u);
  EXPECT_EQ(Version::alive, 3);
}

TEST_F(PublishedTest, OneGuardHoldsBackEveryPublishedValue) {
  Published<Version> left(MakeVersion(1)), right(MakeVersion(10));
  const Published<Version>::Guard outer = left.Read();
  const Published<Version>::Guard inner = right.Read();
  right.Publish(MakeVersion(11));
  EXPECT_TRUE(inner->IsWhole());
  EXPECT_EQ(inner->number(), 10u);
}

TEST_F(PublishedTest, ASharedVersionOutlivesItsSuccessors) {
  Published<Version> current(MakeVersion(1));
  const std::shared_ptr<const Version> shared = current.Share();
  current.Publish(MakeVersion(2));
  current.Publish(MakeVersion(3));
  EXPECT_TRUE(shared->IsWhole());
  EXPECT_EQ(shared->number(), 1u);
  EXPECT_EQ(Version::alive, 2);
}

TEST_F(PublishedTest, AThreadThatPublishesInsideItsOwnGuardDoesNotWaitForItself) {
  Published<Version> current(MakeVersion(0));
  const Published<Version>::Guard guard = current.Read();
  for (std::uint64_t i = 1; i <= 3 * epoch::kMaxRetired; ++i) current.Publish(MakeVersion(i));
  EXPECT_TRUE(guard->IsWhole());
  EXPECT_GT(epoch::Reclaim(), epoch::kMaxRetired);
}

TEST_F(PublishedTest, AtTheBoundAWriterWaitsForTheReaderThatIsInTheWay) {
  Published<Version> current(MakeVersion(0));
  std::atomic<bool> reading{false}, finish{false};
  std::thread reader([&] {
    const Published<Version>::Guard guard = current.Read();
    reading = true;
    while (!finish) std::this_thread::yield();
    EXPECT_TRUE(guard->IsWhole());
  });
  while (!reading) std::this_thread::yield();
  std::atomic<std::uint64_t> published{0};
  std::thread writer([&] {
    for (std::uint64_t i = 1; i <= 2 * epoch::kMaxRetired; ++i) {
      current.Publish(MakeVersion(i));
      published = i;
    }
  });
  while (published < epoch::kMaxRetired - 1) std::this_thread::yield();
  EXPECT_LE(Version::alive, static_cast<int>(epoch::kMaxRetired) + 2);
  EXPECT_LE(published, epoch::kMaxRetired);
  finish = true;
  writer.join();
  reader.join();
}

// Reads from a destructor that runs when the thread has given its thread-locals back.
TEST_F(PublishedTest, AThreadMayReadWhileItEnds) {
  Published<Version> current(MakeVersion(7));
  struct ReadsLate {
    const Published<Version>* published = nullptr;
    ~ReadsLate() { EXPECT_EQ(published->Read()->number(), 7u); }
  };
  for (int i = 0; i < 50; ++i) {
    std::thread([&] {
      static thread_local ReadsLate late;
      late.published = &current;
      EXPECT_EQ(current.Read()->number(), 7u);
    }).join();
  }
}

TEST_F(PublishedTest, TheKernelsBarrierIsUsedWhereThereIsOne) {
  const Published<Version> current(MakeVersion(1));
  const long commands = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);
  EXPECT_EQ(epoch::HasProcessBarrier(), commands >= 0 && (commands & MEMBARRIER_CMD_PRIVATE_EXPEDITED) != 0);
}

// Several writers and values, readers that come and go, guards within guards, pins that outlive the guards and the
// thread that took them. What breaks the scheme shows as a version that is not whole, as a count that is off at the
// end, or as a report of a sanitizer.
TEST_F(PublishedTest, SurvivesThreadChurnNestedGuardsPinsAndConcurrentWriters) {
  constexpr int kReaders = 4, kWriters = 2, kLives = 40, kReads = 400;
  Published<Version> left(MakeVersion(0)), right(MakeVersion(0));
  std::atomic<bool> stop{false};
  Mutex mutex;
  std::vector<std::shared_ptr<const Version>> pins;  // of threads that are gone
  std::atomic<std::uint64_t> next{1};
  std::vector<std::thread> writers;
  for (int w = 0; w < kWriters; ++w) {
    writers.emplace_back([&, w] {
      while (!stop) {
        (w % 2 == 0 ? left : right).Publish(MakeVersion(next++));
        std::this_thread::yield();
      }
    });
  }
  const auto read = [&] {
    for (int i = 0; i < kReads; ++i) {
      const Published<Version>::Guard outer = left.Read();
      const std::shared_ptr<const Version> shared = right.Share();
      {
        const Published<Version>::Guard inner = right.Read();
        const Published<Version>::Guard again = left.Read();
        ASSERT_TRUE(inner->IsWhole());
        ASSERT_TRUE(again->IsWhole());
      }
      ASSERT_TRUE(outer->IsWhole());
      ASSERT_TRUE(shared->IsWhole());
      if (i + 1 == kReads) {
        MutexLock lock(mutex);
        pins.push_back(shared);
      }
    }
  };
  for (int life = 0; life < kLives; ++life) {
    std::vector<std::thread> readers;
    for (int r = 0; r < kReaders; ++r) readers.emplace_back(read);
    for (std::thread& reader : readers) reader.join();
  }
  stop = true;
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(pins.size(), static_cast<std::size_t>(kReaders * kLives));
  for (const auto& pin : pins) EXPECT_TRUE(pin->IsWhole());
}

// What the barrier is for: a processor may read the version while the mark of its slot still waits to be written.
// Stores that miss every cache make the mark wait long, and the guard is held longer than a writer needs to replace and
// free. Without the barrier, every third run or so on two processors sees a version that was freed.
TEST_F(PublishedTest, AMarkThatIsWrittenLateIsStillInTimeForTheWriter) {
  constexpr int kReads = 20'000;
  constexpr std::size_t kFar = 4096 + 64, kStores = 40, kSize = 1u << 26;
  std::vector<char> memory(kSize + kFar);
  Published<Version> current(MakeVersion(0));
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (std::uint64_t i = 1; !stop; ++i) current.Publish(MakeVersion(i));
  });
  std::size_t at = 0;
  int torn = 0;
  for (int i = 0; i < kReads; ++i) {
    for (std::size_t j = 0; j < kStores; ++j) {
      at = (at + kFar) % kSize;
      static_cast<volatile char&>(memory[at]) = static_cast<char>(i);
    }
    const Published<Version>::Guard guard = current.Read();
    for (int j = 0; j < 200; ++j) torn += guard->IsWhole() ? 0 : 1;
  }
  stop = true;
  writer.join();
  EXPECT_EQ(torn, 0);
}

// With one writer, what a reader sees never goes back, whichever way it looks.
TEST_F(PublishedTest, AReaderNeverSeesAnOlderVersionThanBefore) {
  Published<Version> current(MakeVersion(0));
  std::atomic<bool> stop{false};
  std::vector<std::thread> readers;
  for (int r = 0; r < 3; ++r) {
    readers.emplace_back([&] {
      for (std::uint64_t last = 0; !stop;) {
        for (const std::uint64_t seen : {current.Read()->number(), current.Share()->number()}) {
          ASSERT_GE(seen, last);
          last = seen;
        }
      }
    });
  }
  for (std::uint64_t i = 1; i <= 5000; ++i) current.Publish(MakeVersion(i));
  stop = true;
  for (std::thread& reader : readers) reader.join();
}

#if !defined(__SANITIZE_THREAD__)  // TSan does not follow a child that has threads' state
TEST_F(PublishedTest, AForkedChildReadsPublishesAndIsNotHeldBackByTheParentsReaders) {
  Published<Version> current(MakeVersion(1));
  std::atomic<bool> reading{false}, finish{false};
  std::thread reader([&] {
    const Published<Version>::Guard guard = current.Read();
    reading = true;
    while (!finish) std::this_thread::yield();
  });
  while (!reading) std::this_thread::yield();
  const pid_t child = fork();
  if (child == 0) {
    current.Publish(MakeVersion(2));  // the reader above is not in this process
    _exit(current.Read()->number() == 2 && epoch::Reclaim() == 0 && Version::alive == 1 ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  finish = true;
  reader.join();
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

// Runs `body` in a child; true when it returned true.
template <typename Body>
bool HoldsInChild(Body body) {
  const pid_t child = fork();
  if (child == 0) _exit(body() ? 0 : 1);
  int status = -1;
  return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST_F(PublishedTest, AForkedChildOfAChildOrdersItsReadsAsItsParentDid) {
  Published<Version> current(MakeVersion(1));
  EXPECT_EQ(current.Read()->number(), 1u);
  const bool has_barrier = epoch::HasProcessBarrier();
  EXPECT_TRUE(HoldsInChild([&] {
    return HoldsInChild([&] {
      std::thread reader([&] { current.Read(); });
      current.Publish(MakeVersion(2));
      reader.join();
      return epoch::HasProcessBarrier() == has_barrier && epoch::Reclaim() == 0 && Version::alive == 1;
    });
  }));
}

TEST_F(PublishedTest, WhereMembarrierIsForbiddenLaterVersionsAreKeptAndNobodyWaits) {
  EXPECT_TRUE(HoldsInChild([] {
    Published<Version> current(MakeVersion(0));
    const bool had_barrier = epoch::HasProcessBarrier();
    DenyMembarrier();
    constexpr std::uint64_t kMore = 2 * epoch::kMaxRetired;
    for (std::uint64_t i = 1; i <= kMore; ++i) current.Publish(MakeVersion(i));
    return current.Read()->number() == kMore && Version::alive == (had_barrier ? static_cast<int>(kMore) + 1 : 1);
  }));
}
#endif

}  // namespace
}  // namespace guidon
