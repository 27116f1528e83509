// SPDX-License-Identifier: Apache-2.0
#include "store/tier/disk_tier.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "test/contract/chunk_store_contract.h"
#include "test/fake/fake_chunk_store.h"

namespace floe::store {
namespace {

namespace fs = std::filesystem;

Secret NodeKey(uint8_t fill = 1) { return Secret::Copy(Bytes(32, fill)); }

struct DiskTierSubject {
  std::shared_ptr<ChunkStore> Make() {
    DiskTierOptions options;
    options.directory = dir.path() + "/cache";
    options.free_share = 0;
    return *DiskTier::Open(options, NodeKey(), pool, Clock::Real());
  }
  static constexpr bool kListsEverything = true;
  TempDir dir = *TempDir::Create();
  ThreadPool pool{"disk", 3};
};
INSTANTIATE_TYPED_TEST_SUITE_P(DiskTier, ChunkStoreContract, DiskTierSubject);

class DiskTierTest : public ::testing::Test {
 protected:
  DiskTierTest() { options_.directory = dir_.path() + "/cache"; }

  void Open(Secret key = NodeKey()) {
    tier_.reset();
    auto opened = DiskTier::Open(options_, std::move(key), pool_, clock_, Counters());
    ASSERT_TRUE(opened.ok()) << opened.status();
    tier_ = *std::move(opened);
    tier_->SetSpaceForTest([this]() -> absl::StatusOr<FileSystemSpace> { return space_; });
  }
  DiskTierCounters Counters() {
    DiskTierCounters counters;
    counters.damaged = &metrics_.GetCounter("damaged", "d");
    counters.evictions = &metrics_.GetCounter("evictions", "e");
    return counters;
  }
  absl::Status Put(const VerifiedSealed& chunk) { return PutBlocking(*tier_, chunk).status(); }
  absl::Status Get(const ChunkId& id) { return GetBlocking(*tier_, id).status(); }
  // As du(1) counts.
  uint64_t OnDisk() {
    uint64_t bytes = 0;
    for (const auto& entry : fs::recursive_directory_iterator(options_.directory)) {
      struct stat st;
      if (lstat(entry.path().c_str(), &st) == 0) bytes += uint64_t(st.st_blocks) * 512;
    }
    return bytes;
  }
  std::string EntryOf(const ChunkId& id) {
    for (const auto& entry : fs::recursive_directory_iterator(options_.directory)) {
      if (entry.path().filename().string().rfind(id.ToHex(), 0) == 0) return entry.path();
    }
    return "";
  }
  double Damaged() { return metrics_.GetCounter("damaged", "d").value(); }

  TempDir dir_ = *TempDir::Create();
  ThreadPool pool_{"disk", 2};
  FakeClock clock_;
  Metrics metrics_;
  FileSystemSpace space_{uint64_t{100} << 30, uint64_t{90} << 30, 4096};
  DiskTierOptions options_;
  std::unique_ptr<DiskTier> tier_;
};

TEST_F(DiskTierTest, SurvivesARestart) {
  Open();
  const VerifiedSealed chunk = FakeSealedChunk(1, 100000);
  ASSERT_TRUE(Put(chunk).ok());
  const uint64_t bytes = tier_->bytes();
  Open();
  EXPECT_EQ(tier_->bytes(), bytes);
  const auto back = GetBlocking(*tier_, chunk.id());
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(AsText(back->bytes()), AsText(chunk.bytes()));
}

TEST_F(DiskTierTest, NeverExceedsItsLimitWhileFiveTimesAsMuchWalksThrough) {
  options_.max_bytes = 8 << 20;
  Open();
  for (uint64_t seed = 0; seed < 400; ++seed) {
    ASSERT_TRUE(Put(FakeSealedChunk(seed, 100000 + 311 * seed % 5000)).ok());
    clock_.Advance(std::chrono::seconds(3));
    if (seed % 20 == 0) {
      ASSERT_LE(OnDisk(), options_.max_bytes);
    }
    ASSERT_LE(tier_->bytes(), options_.max_bytes);
  }
  EXPECT_LE(OnDisk(), options_.max_bytes);
  EXPECT_GT(OnDisk(), options_.max_bytes / 2);
}

TEST_F(DiskTierTest, ASmallerLimitHoldsAtOnceAfterARestart) {
  Open();
  for (uint64_t seed = 0; seed < 100; ++seed) ASSERT_TRUE(Put(FakeSealedChunk(seed, 50000)).ok());
  options_.max_bytes = 3 << 20;
  Open();
  EXPECT_LE(OnDisk(), options_.max_bytes);
}

TEST_F(DiskTierTest, ShrinksWhenOthersNeedTheSpace) {
  options_.free_share = 0.2;
  Open();
  for (uint64_t seed = 0; seed < 50; ++seed) ASSERT_TRUE(Put(FakeSealedChunk(seed, 50000)).ok());
  // Each eviction gives one entry back; 10 are missing.
  const uint64_t share = space_.total_bytes / 5;
  uint64_t free = share - 500000;
  tier_->SetSpaceForTest([&]() -> absl::StatusOr<FileSystemSpace> {
    const double evicted = metrics_.GetCounter("evictions", "e").value();
    return FileSystemSpace{space_.total_bytes, free + static_cast<uint64_t>(evicted * 50000), 4096};
  });
  tier_->Maintain();
  EXPECT_EQ(metrics_.GetCounter("evictions", "e").value(), 10);
  free = 0;
  EXPECT_TRUE(absl::IsResourceExhausted(Put(FakeSealedChunk(99, 50000))));
}

TEST_F(DiskTierTest, AFileSystemThatIsTooFullIsToldOnceAndSoIsItsEnd) {
  options_.free_share = 0.2;
  Open();
  space_.free_bytes = space_.total_bytes / 10;
  ::testing::internal::CaptureStderr();
  tier_->Maintain();
  tier_->Maintain();
  const std::string full = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(full.find("the cache keeps nothing"), full.rfind("the cache keeps nothing")) << full;
  for (const std::string& word :
       {std::string("free some space"), std::string("free_share=0.2"), options_.directory}) {
    EXPECT_NE(full.find(word), std::string::npos) << word << " in " << full;
  }
  EXPECT_TRUE(absl::IsResourceExhausted(Put(FakeSealedChunk(1, 50000))));
  space_.free_bytes = space_.total_bytes;
  ::testing::internal::CaptureStderr();
  tier_->Maintain();
  tier_->Maintain();
  const std::string room = ::testing::internal::GetCapturedStderr();
  EXPECT_NE(room.find("the cache has room again"), std::string::npos) << room;
  EXPECT_EQ(room.find("room again"), room.rfind("room again")) << room;
  EXPECT_TRUE(Put(FakeSealedChunk(1, 50000)).ok());
}

TEST_F(DiskTierTest, WhatIsReadAgainSurvivesAScan) {
  options_.max_bytes = 4 << 20;
  Open();
  const VerifiedSealed hot = FakeSealedChunk(1000, 50000);
  ASSERT_TRUE(Put(hot).ok());
  clock_.Advance(std::chrono::seconds(10));
  ASSERT_TRUE(Get(hot.id()).ok());
  for (uint64_t seed = 0; seed < 200; ++seed) {
    clock_.Advance(std::chrono::seconds(10));
    ASSERT_TRUE(Put(FakeSealedChunk(seed, 50000)).ok());
  }
  EXPECT_TRUE(Get(hot.id()).ok());
  EXPECT_TRUE(absl::IsNotFound(Get(FakeSealedChunk(0, 50000).id())));
}

TEST_F(DiskTierTest, TheOrderOfUseSurvivesARestart) {
  options_.max_bytes = 4 << 20;
  Open();
  const VerifiedSealed hot = FakeSealedChunk(1000, 50000);
  ASSERT_TRUE(Put(hot).ok());
  clock_.Advance(std::chrono::seconds(10));
  ASSERT_TRUE(Get(hot.id()).ok());
  Open();
  for (uint64_t seed = 0; seed < 200; ++seed) {
    clock_.Advance(std::chrono::seconds(10));
    ASSERT_TRUE(Put(FakeSealedChunk(seed, 50000)).ok());
  }
  EXPECT_TRUE(Get(hot.id()).ok());
}

// Every kind of damage: the entry is dropped and counted, and the chunk can come again.
TEST_F(DiskTierTest, DamagedEntriesAreDroppedAndCounted) {
  Open();
  const VerifiedSealed chunk = FakeSealedChunk(1, 5000);
  const auto flip = [](size_t at) {
    return [at](const std::string& path) {
      std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
      file.seekg(static_cast<std::streamoff>(at));
      const char byte = static_cast<char>(file.get() ^ 4);
      file.seekp(static_cast<std::streamoff>(at));
      file.put(byte);
    };
  };
  const std::vector<std::function<void(const std::string&)>> damages = {
      flip(0),                      // magic
      flip(8),                      // length
      flip(16),                     // nonce
      flip(30),                     // tag
      flip(kDiskEntryHeaderBytes),  // first and last byte of the sealed bytes
      flip(kDiskEntryHeaderBytes + 4999),
      [](const std::string& path) { fs::resize_file(path, 1000); },
      [](const std::string& path) { fs::resize_file(path, 10); },
      [](const std::string& path) { fs::resize_file(path, 0); },
      [](const std::string& path) { fs::resize_file(path, 9000); },
  };
  double expected = 0;
  for (const auto& damage : damages) {
    ASSERT_TRUE(Put(chunk).ok());
    ASSERT_TRUE(Get(chunk.id()).ok());
    damage(EntryOf(chunk.id()));
    EXPECT_TRUE(absl::IsDataLoss(Get(chunk.id())));
    EXPECT_EQ(Damaged(), ++expected);
    EXPECT_TRUE(absl::IsNotFound(Get(chunk.id())));
    EXPECT_EQ(EntryOf(chunk.id()), "");
  }
}

TEST_F(DiskTierTest, AnEntryUnderAnotherNameIsNoEntry) {
  Open();
  const VerifiedSealed one = FakeSealedChunk(1, 5000);
  const VerifiedSealed two = FakeSealedChunk(2, 5000);
  ASSERT_TRUE(Put(one).ok());
  ASSERT_TRUE(Put(two).ok());
  fs::copy_file(EntryOf(one.id()), EntryOf(two.id()), fs::copy_options::overwrite_existing);
  EXPECT_TRUE(absl::IsDataLoss(Get(two.id())));
  EXPECT_TRUE(Get(one.id()).ok());
}

TEST_F(DiskTierTest, AnotherNodeKeyOpensNothing) {
  Open();
  const VerifiedSealed chunk = FakeSealedChunk(1, 5000);
  ASSERT_TRUE(Put(chunk).ok());
  Open(NodeKey(2));
  EXPECT_TRUE(absl::IsDataLoss(Get(chunk.id())));
}

TEST_F(DiskTierTest, AnEntryThatVanishedIsAMiss) {
  Open();
  const VerifiedSealed chunk = FakeSealedChunk(1, 5000);
  ASSERT_TRUE(Put(chunk).ok());
  fs::remove(EntryOf(chunk.id()));
  EXPECT_TRUE(absl::IsNotFound(Get(chunk.id())));
  EXPECT_EQ(Damaged(), 0);
}

TEST_F(DiskTierTest, ForeignFilesAreClearedAway) {
  Open();
  tier_.reset();
  for (const char* name : {"/c/00/nonsense", "/tmp/7", "/c/ab/0000.1"}) {
    std::ofstream(options_.directory + name) << "x";
  }
  std::ofstream(options_.directory + "/recency") << "not ours";
  Open();
  EXPECT_FALSE(fs::exists(options_.directory + "/c/00/nonsense"));
  EXPECT_FALSE(fs::exists(options_.directory + "/tmp/7"));
  EXPECT_FALSE(fs::exists(options_.directory + "/c/ab/0000.1"));
}

TEST_F(DiskTierTest, OneProcessAtATime) {
  Open();
  const auto second = DiskTier::Open(options_, NodeKey(), pool_, clock_);
  EXPECT_TRUE(absl::IsFailedPrecondition(second.status())) << second.status();
}

TEST_F(DiskTierTest, RefusesABadShareAndAFile) {
  options_.free_share = 1;
  EXPECT_FALSE(DiskTier::Open(options_, NodeKey(), pool_, clock_).ok());
  options_.free_share = 0.2;
  options_.directory = dir_.path() + "/file";
  std::ofstream(options_.directory) << "x";
  EXPECT_FALSE(DiskTier::Open(options_, NodeKey(), pool_, clock_).ok());
}

TEST_F(DiskTierTest, PutsBeyondWhatMayBePendingAreRefused) {
  options_.max_pending_bytes = 1000;
  Open();
  EXPECT_TRUE(absl::IsResourceExhausted(Put(FakeSealedChunk(1, 1001))));
  EXPECT_TRUE(Put(FakeSealedChunk(1, 1000)).ok());
}

TEST_F(DiskTierTest, KnowsWhatIsLocal) {
  Open();
  const VerifiedSealed chunk = FakeSealedChunk(1, 5000);
  ASSERT_TRUE(Put(chunk).ok());
  ChunkRef here;
  here.id = chunk.id();
  here.sealed_length = 5000;
  ChunkRef absent = here;
  absent.id = FakeSealedChunk(2).id();
  EXPECT_EQ(tier_->LocalBytes({here, absent}), 5000u);
}

}  // namespace
}  // namespace floe::store
