// SPDX-License-Identifier: Apache-2.0
#include "base/secret.h"

#include <gtest/gtest.h>

#include <type_traits>

namespace floe {
namespace {

static_assert(!std::is_copy_constructible_v<Secret>, "a secret is never copied by accident");

TEST(SecretTest, CopiesComparesAndClones) {
  const Secret secret = Secret::Copy(AsBytes("correct horse"));
  EXPECT_EQ(AsText(secret.view()), "correct horse");
  EXPECT_TRUE(secret.Equals(secret.Clone()));
  EXPECT_FALSE(secret.Equals(Secret::Copy(AsBytes("correct Horse"))));
  EXPECT_FALSE(secret.Equals(Secret()));
  EXPECT_TRUE(Secret().Equals(Secret(0)));
}

TEST(SecretTest, MovingEmptiesTheSource) {
  Secret a = Secret::Copy(AsBytes("x"));
  Secret b = std::move(a);
  EXPECT_TRUE(a.empty());  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(b.size(), 1u);
  b = Secret(3);
  EXPECT_EQ(ToHex(b.view()), "000000");
}

TEST(SecretTest, WipeOverwrites) {
  Bytes bytes = {1, 2, 3};
  Wipe(bytes);
  EXPECT_EQ(bytes, (Bytes{0, 0, 0}));
}

}  // namespace
}  // namespace floe
