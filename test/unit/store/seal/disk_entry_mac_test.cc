// SPDX-License-Identifier: Apache-2.0
#include "store/seal/disk_entry_mac.h"

#include <gtest/gtest.h>

#include "test/fake/fake_chunk_store.h"

namespace floe::store {
namespace {

DiskEntryMac Mac(uint8_t fill = 1) { return DiskEntryMac(Secret::Copy(Bytes(32, fill))); }

TEST(DiskEntryMacTest, AcceptsWhatItMade) {
  const VerifiedSealed chunk = FakeSealedChunk(1, 5000);
  const auto proof = Mac().Make(chunk);
  const auto checked = Mac().Check(chunk.id(), proof, chunk.shared());
  ASSERT_TRUE(checked.ok()) << checked.status();
  EXPECT_EQ(checked->id(), chunk.id());
}

TEST(DiskEntryMacTest, NoncesAreFresh) {
  const VerifiedSealed chunk = FakeSealedChunk(1);
  EXPECT_NE(Mac().Make(chunk).nonce, Mac().Make(chunk).nonce);
}

TEST(DiskEntryMacTest, AnyChangeIsFound) {
  const VerifiedSealed chunk = FakeSealedChunk(1, 300);
  const DiskEntryMac mac = Mac();
  const auto proof = mac.Make(chunk);
  for (size_t i = 0; i < 300; ++i) {
    auto bytes = std::make_shared<Bytes>(*chunk.shared());
    (*bytes)[i] ^= 1;
    EXPECT_TRUE(absl::IsDataLoss(mac.Check(chunk.id(), proof, bytes).status())) << i;
  }
  auto shorter = std::make_shared<Bytes>(*chunk.shared());
  shorter->pop_back();
  EXPECT_FALSE(mac.Check(chunk.id(), proof, shorter).ok());
  auto other_tag = proof;
  other_tag.tag[0] ^= 1;
  EXPECT_FALSE(mac.Check(chunk.id(), other_tag, chunk.shared()).ok());
  auto other_nonce = proof;
  other_nonce.nonce[11] ^= 1;
  EXPECT_FALSE(mac.Check(chunk.id(), other_nonce, chunk.shared()).ok());
}

TEST(DiskEntryMacTest, AnotherIdOrKeyIsRefused) {
  const VerifiedSealed chunk = FakeSealedChunk(1);
  const auto proof = Mac().Make(chunk);
  EXPECT_FALSE(Mac().Check(FakeSealedChunk(2).id(), proof, chunk.shared()).ok());
  EXPECT_FALSE(Mac(2).Check(chunk.id(), proof, chunk.shared()).ok());
}

}  // namespace
}  // namespace floe::store
