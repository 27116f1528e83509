// SPDX-License-Identifier: Apache-2.0
// A converter that is killed, or whose machine loses power, at every single operation: what remains
// is never a record without its chunks, and running it again brings it to its end.
#include <algorithm>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "store/admin/store_check.h"
#include "store/origin/store_log.h"
#include "test/fake/fake_chunk_store.h"
#include "test/fake/fake_object_store.h"

namespace floe::store {
namespace {

// An image of `chunks` chunks that no key opens: the store does not look inside.
struct Image {
  EncodedManifest encoded;
  std::vector<VerifiedSealed> chunks;
};

Image MakeImage(uint64_t seed, uint32_t chunks, const RootId& root) {
  Image image;
  for (uint32_t i = 0; i < chunks; ++i) image.chunks.push_back(FakeSealedChunk(seed * 100 + i, 50));
  std::sort(image.chunks.begin(), image.chunks.end(),
            [](const VerifiedSealed& a, const VerifiedSealed& b) { return a.id() < b.id(); });
  Manifest manifest;
  manifest.image_size = kBlockBytes * chunks;
  manifest.birth_root = root;
  manifest.domain_id = kPublicDomain;
  for (uint32_t i = 0; i < chunks; ++i) {
    ChunkRef ref;
    ref.id = image.chunks[i].id();
    ref.raw_length = kBlockBytes;
    ref.sealed_length = 50;
    manifest.chunks.push_back(ref);
    manifest.extents.push_back({i, i});
  }
  image.encoded = *EncodeManifest(manifest, Secret(), {}, {});
  return image;
}

class CrashTest : public testing::Test {
 protected:
  CrashTest() {
    root_.fill(7);
    LogEntry first;
    first.seq = 1;
    first.transitions = {{root_, RootState::kActive}};
    EXPECT_TRUE(AppendLog(*objects_, first).ok());
    info_.domains = {{kPublicDomain, "public"}};
  }

  std::shared_ptr<StoreHandle> Open() {
    auto roots = ReadLog(*objects_);
    EXPECT_TRUE(roots.ok()) << roots.status();
    return std::make_shared<StoreHandle>("fake", objects_, info_, *roots);
  }
  // What a converter does with a store, one step after the other.
  absl::Status Convert(const Image& image, const ConversionId& conversion) {
    const auto store = Open();
    objects_->StopAfter(steps_);
    const auto chunks = store->Chunks(root_);
    for (const VerifiedSealed& chunk : image.chunks) {
      FLOE_RETURN_IF_ERROR(PutBlocking(*chunks, chunk));
    }
    FLOE_RETURN_IF_ERROR(store->Publish(image.encoded, root_));
    ConversionRecord record;
    record.manifest = image.encoded.id;
    record.birth_root = root_;
    return store->PutConversion(conversion, record);
  }
  // I2, and no conversion is remembered whose manifest is not there.
  void CheckPromises(const ConversionId& conversion) {
    const auto store = Open();
    CheckOptions options;
    options.deep = true;
    auto report = CheckStore(*store, options);
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_TRUE(report->ok()) << testing::PrintToString(report->problems);
    if (auto found = GetObject(*objects_, ConversionName(conversion), 1 << 20); found.ok()) {
      EXPECT_TRUE(store->FindConversion(conversion).ok());
    }
  }

  const std::shared_ptr<FakeObjectStore> objects_ = std::make_shared<FakeObjectStore>();
  StoreInfo info_;
  RootId root_;
  size_t steps_ = 0;
};

TEST_F(CrashTest, AtEveryOperationNothingIsBrokenAndTheRestIsDoneNextTime) {
  for (const bool power : {false, true}) {
    const ConversionId conversion{{static_cast<uint8_t>(power)}};
    const Image image = MakeImage(power ? 1 : 2, 6, root_);
    bool finished = false;
    for (steps_ = 0; !finished; ++steps_) {
      ASSERT_LT(steps_, 100u);
      finished = Convert(image, conversion).ok();
      if (power) {
        objects_->LosePower();
      } else {
        objects_->Restart();
      }
      CheckPromises(conversion);
    }
    EXPECT_GT(steps_, 8u);  // chunks, flush, record, log, conversion
    EXPECT_TRUE(Open()->FindConversion(conversion).ok());
    EXPECT_EQ(*Open()->ReadRecord(root_, image.encoded.id), image.encoded.body_and_signatures);
  }
}

// One converter puts and dies unflushed; another finds the chunks present and publishes. Its own
// flush must count for what it found.
TEST_F(CrashTest, WhatWasFoundPresentIsDurableBeforeTheRecord) {
  const Image image = MakeImage(3, 6, root_);
  for (const VerifiedSealed& chunk : image.chunks) {
    ASSERT_TRUE(PutBlocking(*Open()->Chunks(root_), chunk).ok());
  }
  const auto store = Open();
  for (const VerifiedSealed& chunk : image.chunks) {
    EXPECT_EQ(*PutBlocking(*store->Chunks(root_), chunk), PutResult::kExisted);
  }
  ASSERT_TRUE(store->Publish(image.encoded, root_).ok());
  objects_->LosePower();
  CheckPromises(ConversionId{});
  EXPECT_TRUE(Open()->ReadRecord(root_, image.encoded.id).ok());
}

TEST_F(CrashTest, AFailedFlushPublishesNothing) {
  const Image image = MakeImage(4, 2, root_);
  const auto store = Open();
  for (const VerifiedSealed& chunk : image.chunks) {
    ASSERT_TRUE(PutBlocking(*store->Chunks(root_), chunk).ok());
  }
  objects_->StopAfter(0);
  EXPECT_TRUE(absl::IsUnavailable(store->Publish(image.encoded, root_)));
  objects_->Restart();
  EXPECT_TRUE(absl::IsNotFound(store->ReadRecord(root_, image.encoded.id).status()));
}

// Garbage of the right length put in advance under an id: found by hashing, put right by repair.
TEST_F(CrashTest, GarbagePutInAdvanceIsFoundAndReplaced) {
  const Image image = MakeImage(5, 3, root_);
  const ChunkId victim = image.chunks[1].id();
  ASSERT_TRUE(PutObject(*objects_, ChunkName(root_, victim), std::make_shared<Bytes>(50),
                        PutDurability::kAtOnce)
                  .ok());
  const auto store = Open();
  EXPECT_EQ(*PutBlocking(*store->Chunks(root_), image.chunks[1]), PutResult::kExisted);
  EXPECT_TRUE(absl::IsDataLoss(GetBlocking(*store->Chunks(root_), victim).status()));
  ASSERT_TRUE(store->Repair(root_, image.chunks[1]).ok());
  EXPECT_TRUE(GetBlocking(*store->Chunks(root_), victim).ok());
}

TEST(FakeObjectStore, LosesOnlyWhatWasNotFlushed) {
  FakeObjectStore store;
  const auto bytes = std::make_shared<Bytes>(3);
  ASSERT_TRUE(PutObject(store, "flushed", bytes, PutDurability::kAfterSync).ok());
  ASSERT_TRUE(store.Sync().ok());
  ASSERT_TRUE(PutObject(store, "lost", bytes, PutDurability::kAfterSync).ok());
  ASSERT_TRUE(PutObject(store, "durable", bytes, PutDurability::kAtOnce).ok());
  store.LosePower();
  EXPECT_TRUE(GetObject(store, "flushed", 3).ok());
  EXPECT_TRUE(GetObject(store, "durable", 3).ok());
  EXPECT_TRUE(absl::IsNotFound(GetObject(store, "lost", 3).status()));
}

TEST(FakeObjectStore, StopsWhereToldTo) {
  FakeObjectStore store;
  store.StopAfter(1);
  EXPECT_TRUE(absl::IsNotFound(GetObject(store, "a", 3).status()));
  EXPECT_TRUE(store.stopped());
  EXPECT_TRUE(absl::IsUnavailable(store.Sync()));
  EXPECT_TRUE(absl::IsUnavailable(ListObjects(store, "", "", 1).status()));
  store.Restart();
  EXPECT_TRUE(store.Sync().ok());
}

}  // namespace
}  // namespace floe::store
