// SPDX-License-Identifier: Apache-2.0
// Servers that lie: never a wrong byte, and the cache heals.
#include "store/tier/tiered_store.h"
#include "test/unit/cache/cache_fixture.h"
#include "test/unit/cache/forged_shard.h"

namespace floe::cache {
namespace {

using store::FakeSealedChunk;
using store::VerifiedSealed;

constexpr Code kFourOne{4, 1};

class PoisonTest : public CacheFixture {
 protected:
  // Replaces shard `index` by another that has everything right but the content.
  void Forge(const VerifiedSealed& chunk, size_t index, const Code& code, uint8_t fill = 0x77) {
    FakeShardServer& holder = Holder(chunk, index, code);
    holder.Store(ShardKey(chunk.id(), code, index),
                 *ForgedShard(chunk.id(), code, index, chunk.bytes().size(), fill));
  }
  double Bad(const FakeShardServer& server) {
    return Count("floe_cache_server_failures_total",
                 {{"server", server.Name()}, {"reason", "bad"}});
  }
};

TEST_F(PoisonTest, OneForgedShardIsFoundCountedAndReplaced) {
  for (size_t liar = 0; liar < 4; ++liar) {
    fakes_.clear();
    cache_.reset();
    Make(5);
    const VerifiedSealed chunk = FakeSealedChunk(liar, 5000);
    ASSERT_TRUE(Put(chunk).ok());
    FakeShardServer& holder = Holder(chunk, liar, kFourOne);
    const auto before = holder.items();
    Forge(chunk, liar, kFourOne);
    const double bad = Bad(holder);
    // As many of the others are late as makes the forged one be used.
    EXPECT_TRUE(Get(chunk).ok());
    EXPECT_EQ(Bad(holder), bad + 1);
    EXPECT_EQ(*holder.items().at(ShardKey(chunk.id(), kFourOne, liar)),
              *before.at(ShardKey(chunk.id(), kFourOne, liar)))
        << "the right shard is back";
  }
  EXPECT_GE(Count("floe_cache_mismatches_total"), 4);
}

TEST_F(PoisonTest, AFlippedBitInAnyShardIsAnErasureAndReplaced) {
  Make(5);
  const VerifiedSealed chunk = FakeSealedChunk(1, 5000);
  ASSERT_TRUE(Put(chunk).ok());
  for (size_t index = 0; index < 5; ++index) {
    const std::string key = ShardKey(chunk.id(), kFourOne, index);
    FakeShardServer& holder = Holder(chunk, index, kFourOne);
    const Bytes right = *holder.items().at(key);
    holder.Spoil([](const std::string&, Bytes& value) { value[value.size() / 2] ^= 1; });
    // Parity is looked at only where a shard of data is missing.
    FakeShardServer& other = Holder(chunk, (index + 1) % 5, kFourOne);
    if (index == 4) other.SetDelay(std::chrono::milliseconds(1));
    const auto answer = Begin(chunk.id());
    timer_.Advance(std::chrono::milliseconds(2));
    other.SetDelay(std::chrono::milliseconds(0));
    ASSERT_TRUE(answer->has_value());
    EXPECT_TRUE(Check(**answer, chunk).ok());
    EXPECT_EQ(*holder.items().at(key), right);
  }
  EXPECT_EQ(Count("floe_cache_mismatches_total"), 0) << "the check sum finds it";
}

// What a server may say instead of the shard asked for.
std::vector<std::function<void(const std::string&, Bytes&)>> Lies(const VerifiedSealed& chunk,
                                                                  const Code& code) {
  const VerifiedSealed other = FakeSealedChunk(4711, chunk.bytes().size());
  return {
      [](const std::string&, Bytes& value) { value.clear(); },
      [](const std::string&, Bytes& value) { value.resize(value.size() / 2); },
      [](const std::string&, Bytes& value) { value.resize(value.size() + 1); },
      [](const std::string&, Bytes& value) { value[0] ^= 0x80; },
      [](const std::string&, Bytes& value) { value.back() ^= 1; },
      [](const std::string&, Bytes& value) { value.assign(value.size(), 0); },
      // The shard of another place, code, chunk.
      [=](const std::string&, Bytes& value) {
        value = *MakeShards(chunk.id(), chunk.bytes(), ErasureCode(code), {(value[6] + 1u) % 5})[0];
      },
      [=](const std::string&, Bytes& value) {
        value = *MakeShards(chunk.id(), chunk.bytes(), ErasureCode({3, 1}), {value[6] % 4u})[0];
      },
      [=](const std::string&, Bytes& value) {
        value = *MakeShards(other.id(), other.bytes(), ErasureCode(code), {value[6]})[0];
      },
      // Another chunk's content under this one's name.
      [=](const std::string&, Bytes& value) {
        value = *MakeShards(chunk.id(), other.bytes(), ErasureCode(code), {value[6]})[0];
      },
  };
}

TEST_F(PoisonTest, AllPairsOfCorruptionsGiveTheChunkOrNothing) {
  const VerifiedSealed chunk = FakeSealedChunk(1, 600);
  const auto lies = Lies(chunk, kFourOne);
  Make(5);
  size_t found = 0;
  for (size_t a = 0; a < 5; ++a) {
    for (size_t b = 0; b <= a; ++b) {
      for (const auto& first : lies) {
        for (const auto& second : lies) {
          for (const auto& fake : fakes_) fake->Flush();
          ASSERT_TRUE(Put(chunk).ok());
          FakeShardServer& server_a = Holder(chunk, a, kFourOne);
          FakeShardServer& server_b = Holder(chunk, b, kFourOne);
          server_a.Spoil(first);
          if (a != b) server_b.Spoil(second);
          const absl::Status status = Get(chunk);
          ASSERT_FALSE(absl::IsInternal(status)) << status;
          ASSERT_TRUE(a != b || status.ok()) << "one shard may be lost: " << status;
          found += status.ok() ? 1 : 0;
          // The origin's chunk replaces what is wrong, in one fill.
          ASSERT_TRUE(status.ok() || Put(chunk).ok());
          ASSERT_TRUE(Get(chunk).ok());
        }
      }
    }
  }
  EXPECT_GT(found, 0u);
}

TEST_F(PoisonTest, AFullyPoisonedCacheIsSlowerAndNeverWrongAndHealsByItsFills) {
  Make(6);
  const auto origin = std::make_shared<store::FakeChunkStore>();
  const auto near = std::shared_ptr<store::ChunkStore>(cache_.get(), [](store::ChunkStore*) {});
  store::TieredStore stack(near, origin, executor_);
  std::vector<VerifiedSealed> chunks;
  for (uint64_t seed = 0; seed < 30; ++seed) {
    chunks.push_back(FakeSealedChunk(seed, 1000 + seed));
    origin->Add(chunks.back());
    ASSERT_TRUE(Put(chunks.back()).ok());
  }
  for (const auto& fake : fakes_) {
    fake->Spoil([](const std::string& key, Bytes& value) {
      const auto id = store::ChunkId::FromHex(key.substr(3, 64));
      if (key.ends_with(".lease")) return;
      const size_t length = value[8] | size_t{value[9]} << 8;
      value = *ForgedShard(*id, kFourOne, value[6], length, 0x11);
    });
  }
  const auto read_all = [&] {
    for (const auto& chunk : chunks) {
      auto got = store::GetBlocking(stack, chunk.id());
      ASSERT_TRUE(got.ok()) << got.status();
      ASSERT_EQ(*got->shared(), *chunk.shared());
    }
  };
  read_all();
  EXPECT_EQ(origin->gets(), 30u);
  read_all();
  EXPECT_EQ(origin->gets(), 30u) << "the fills have replaced the poison";
}

TEST_F(PoisonTest, AFlushedCacheIsFilledAgain) {
  Make(6);
  const auto origin = std::make_shared<store::FakeChunkStore>();
  const auto near = std::shared_ptr<store::ChunkStore>(cache_.get(), [](store::ChunkStore*) {});
  store::TieredStore stack(near, origin, executor_);
  const VerifiedSealed chunk = FakeSealedChunk(1, 1000);
  origin->Add(chunk);
  for (int round = 1; round <= 3; ++round) {
    ASSERT_TRUE(store::GetBlocking(stack, chunk.id()).ok());
    ASSERT_TRUE(store::GetBlocking(stack, chunk.id()).ok());
    EXPECT_EQ(origin->gets(), static_cast<size_t>(round));
    for (const auto& fake : fakes_) fake->Flush();
  }
}

}  // namespace
}  // namespace floe::cache
