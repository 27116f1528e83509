// SPDX-License-Identifier: Apache-2.0
#include "base/sha256.h"

#include <gtest/gtest.h>

namespace floe {
namespace {

// FIPS 180-2, appendix B.
constexpr char kAbc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr char kEmpty[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

TEST(Sha256Test, KnownAnswers) {
  EXPECT_EQ(ToHex(Sha256::Of(AsBytes("abc"))), kAbc);
  EXPECT_EQ(ToHex(Sha256::Of({})), kEmpty);
}

TEST(Sha256Test, PiecesGiveTheWhole) {
  Sha256 hash;
  for (const char* piece : {"a", "", "b", "c"}) hash.Update(AsBytes(piece));
  EXPECT_EQ(ToHex(hash.Finish()), kAbc);
}

TEST(Sha256Test, StartsAnewAfterFinishAndMoves) {
  Sha256 hash;
  hash.Update(AsBytes("x"));
  hash.Finish();
  Sha256 moved = std::move(hash);
  moved.Update(AsBytes("abc"));
  EXPECT_EQ(ToHex(moved.Finish()), kAbc);
  EXPECT_EQ(ToHex(moved.Finish()), kEmpty);
}

}  // namespace
}  // namespace floe
