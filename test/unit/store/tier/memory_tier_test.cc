// SPDX-License-Identifier: Apache-2.0
#include "store/tier/memory_tier.h"

#include <gtest/gtest.h>

#include <thread>

namespace floe::store {
namespace {

ChunkRef Ref(uint8_t id, uint8_t key = 1, uint32_t raw_length = 4096) {
  ChunkRef ref;
  ref.id.bytes.fill(id);
  ref.key.fill(key);
  ref.raw_length = raw_length;
  ref.sealed_length = 100;
  return ref;
}

OpenedBytes SomeBytes(size_t size = 4096) { return std::make_shared<Bytes>(size); }

TEST(MemoryTierTest, GivesBackWhatWasPut) {
  MemoryTier tier(1 << 20);
  const OpenedBytes bytes = SomeBytes();
  tier.Put(OpenedKey::Of(Ref(1)), bytes);
  EXPECT_EQ(tier.Get(OpenedKey::Of(Ref(1))), bytes);
  EXPECT_EQ(tier.Get(OpenedKey::Of(Ref(2))), nullptr);
}

// A manifest that names somebody's ids with made-up keys finds nothing here.
TEST(MemoryTierTest, AnotherKeyCodecOrLengthIsAnotherChunk) {
  MemoryTier tier(1 << 20);
  tier.Put(OpenedKey::Of(Ref(1)), SomeBytes());
  EXPECT_EQ(tier.Get(OpenedKey::Of(Ref(1, 2))), nullptr);
  EXPECT_EQ(tier.Get(OpenedKey::Of(Ref(1, 1, 8192))), nullptr);
  ChunkRef other_codec = Ref(1);
  other_codec.codec = Codec::kNone;
  EXPECT_EQ(tier.Get(OpenedKey::Of(other_codec)), nullptr);
  ChunkRef other_sealed = Ref(1);
  other_sealed.sealed_length = 101;
  EXPECT_EQ(tier.Get(OpenedKey::Of(other_sealed)), nullptr);
}

TEST(MemoryTierTest, NeverHoldsMoreThanItsLimit) {
  MemoryTier tier(256 << 10);
  for (int i = 0; i < 256; ++i) {
    tier.Put(OpenedKey::Of(Ref(static_cast<uint8_t>(i))), SomeBytes(8192));
    ASSERT_LE(tier.bytes(), size_t{256} << 10);
  }
  EXPECT_GT(tier.bytes(), size_t{128} << 10);
  tier.Clear();
  EXPECT_EQ(tier.bytes(), 0u);
}

TEST(MemoryTierTest, TheLeastRecentlyUsedGoesFirst) {
  MemoryTier tier(8 * 3 * 5000);  // three entries a shard
  // Ids of one shard: it is chosen by the last byte.
  const auto in_shard = [](uint8_t n) { return Ref(static_cast<uint8_t>(8 * n)); };
  for (uint8_t n = 0; n < 3; ++n) tier.Put(OpenedKey::Of(in_shard(n)), SomeBytes());
  ASSERT_NE(tier.Get(OpenedKey::Of(in_shard(0))), nullptr);
  tier.Put(OpenedKey::Of(in_shard(3)), SomeBytes());
  EXPECT_NE(tier.Peek(OpenedKey::Of(in_shard(0))), nullptr);
  EXPECT_EQ(tier.Peek(OpenedKey::Of(in_shard(1))), nullptr);
}

TEST(MemoryTierTest, WhatIsHeldOutlivesEviction) {
  MemoryTier tier(64 << 10);
  tier.Put(OpenedKey::Of(Ref(8)), std::make_shared<Bytes>(4096, uint8_t{7}));
  const OpenedBytes held = tier.Get(OpenedKey::Of(Ref(8)));
  tier.Clear();
  EXPECT_EQ(held->front(), 7);
}

TEST(MemoryTierTest, ALimitOfZeroKeepsNothing) {
  MemoryTier tier(0);
  tier.Put(OpenedKey::Of(Ref(1)), SomeBytes());
  EXPECT_EQ(tier.Get(OpenedKey::Of(Ref(1))), nullptr);
}

TEST(MemoryTierTest, CountsWhatHappens) {
  Metrics metrics;
  MemoryTierCounters counters{&metrics.GetCounter("hits", "h"), &metrics.GetCounter("misses", "m"),
                              &metrics.GetCounter("evictions", "e"),
                              &metrics.GetGauge("bytes", "b")};
  MemoryTier tier(1 << 20, counters);
  tier.Put(OpenedKey::Of(Ref(1)), SomeBytes());
  tier.Get(OpenedKey::Of(Ref(1)));
  tier.Get(OpenedKey::Of(Ref(2)));
  tier.Peek(OpenedKey::Of(Ref(1)));
  EXPECT_EQ(counters.hits->value(), 1);
  EXPECT_EQ(counters.misses->value(), 1);
  EXPECT_EQ(counters.bytes->value(), static_cast<double>(tier.bytes()));
  tier.Clear();
  EXPECT_EQ(counters.evictions->value(), 1);
  EXPECT_EQ(counters.bytes->value(), 0);
}

TEST(MemoryTierTest, CountsAsEveryTierDoes) {
  Metrics metrics;
  const TierMetrics names(metrics, "memory");
  MemoryTierCounters counters;
  counters.tier = &names;
  MemoryTier tier(16 << 10, counters);  // 2 KiB a shard
  tier.Put(OpenedKey::Of(Ref(1)), std::make_shared<Bytes>(100));
  tier.Put(OpenedKey::Of(Ref(2)), std::make_shared<Bytes>(4096));
  tier.Get(OpenedKey::Of(Ref(1)));
  tier.Get(OpenedKey::Of(Ref(1)));
  tier.Get(OpenedKey::Of(Ref(2)));
  EXPECT_EQ(names.hits.value(), 2);
  EXPECT_EQ(names.hit_bytes.value(), 200);
  EXPECT_EQ(names.misses.value(), 1);
  EXPECT_EQ(names.fills.value(), 1);
  EXPECT_EQ(names.refused_puts.value(), 1);
}

TEST(MemoryTierTest, ManyThreads) {
  MemoryTier tier(512 << 10);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&tier, t] {
      for (int i = 0; i < 2000; ++i) {
        const auto id = static_cast<uint8_t>(i * 7 + t);
        const OpenedKey key = OpenedKey::Of(Ref(id));
        if (const OpenedBytes bytes = tier.Get(key)) {
          ASSERT_EQ(bytes->front(), id);
        } else {
          tier.Put(key, std::make_shared<Bytes>(4096, id));
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(tier.bytes(), size_t{512} << 10);
}

}  // namespace
}  // namespace floe::store
