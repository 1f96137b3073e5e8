// What browsers keep for us comes back as it was, or not at all.
#include "server/signin/sealer.h"

#include <gtest/gtest.h>

#include <string>

#include "server/signin/key_set.h"

namespace guidon {
namespace {

const Sealer::Fields kFields = {"state", "", std::string("any\0bytes\xff", 10), std::string(300, 'x')};

TEST(SealerTest, WhatIsSealedComesBackAndSaysNothingMeanwhile) {
  const Sealer sealer;
  const std::string sealed = *sealer.Seal(kFields);
  EXPECT_EQ(sealer.Open(sealed), kFields);
  EXPECT_EQ(sealer.Open(*sealer.Seal({})), Sealer::Fields());
  EXPECT_NE(*sealer.Seal(kFields), sealed) << "a nonce of its own each time";
  EXPECT_EQ(DecodeBase64Url(sealed)->find("state"), std::string::npos);
  const Result<std::string> refused = sealer.Seal({std::string(Sealer::kMostFieldBytes + 1, 'x')});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kTooLarge);
}

TEST(SealerTest, NobodyElseCanMakeOrChangeIt) {
  const Sealer sealer, other;
  const std::string sealed = *sealer.Seal(kFields), bytes = *DecodeBase64Url(sealed);
  EXPECT_FALSE(other.Open(sealed));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string changed = bytes;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(sealer.Open(EncodeBase64Url(changed))) << "byte " << i;
    EXPECT_FALSE(sealer.Open(EncodeBase64Url(bytes.substr(0, i)))) << i << " bytes";
  }
  for (const std::string& odd : {std::string(), std::string("="), sealed + "A", sealed.substr(1), "x" + sealed}) {
    EXPECT_FALSE(sealer.Open(odd)) << odd;
  }
}

}  // namespace
}  // namespace guidon
