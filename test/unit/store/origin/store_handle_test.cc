// SPDX-License-Identifier: Apache-2.0
#include "store/origin/store_handle.h"

#include <filesystem>

#include "gmock/gmock.h"
#include "store_sample.h"

namespace floe::store {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

class StoreHandleTest : public StoreTest {};

TEST_F(StoreHandleTest, WhatWasPublishedCanBeReadByAnotherHandle) {
  const SampleImage image = Publish(1);
  const RootId root = image.manifest.birth_root;
  store_ = Open();
  EXPECT_EQ(store_->active_root(), root);
  EXPECT_EQ(*store_->Locate(image.encoded.id, root), root);
  EXPECT_EQ(*store_->ReadRecord(root, image.encoded.id), image.encoded.body_and_signatures);
  EXPECT_THAT(*store_->ListRecords(root), ElementsAre(image.encoded.id));
  auto manifest = OpenManifest(image.encoded.file, *keys_.LoadTrust(), *keys_.LoadKeyRing());
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  for (const ChunkRef& ref : manifest->chunks) {
    auto sealed = GetBlocking(*store_->Chunks(root), ref.id);
    ASSERT_TRUE(sealed.ok()) << sealed.status();
    Bytes raw(ref.raw_length);
    EXPECT_TRUE(OpenChunk(*sealed, ref, raw).ok());
    EXPECT_EQ(raw[5], 1);
  }
}

TEST_F(StoreHandleTest, PublishingTwiceIsFine) {
  const SampleImage image = Publish(1);
  EXPECT_TRUE(store_->Publish(image.encoded, image.manifest.birth_root).ok());
  EXPECT_EQ(store_->ListRecords(image.manifest.birth_root)->size(), 1u);
}

TEST_F(StoreHandleTest, ADamagedRecordIsNotPublishedOver) {
  const SampleImage image = Publish(1);
  const std::string record = Path(RecordName(image.manifest.birth_root, image.encoded.id));
  std::filesystem::resize_file(record, 300);
  const absl::Status status = store_->Publish(image.encoded, image.manifest.birth_root);
  EXPECT_TRUE(absl::IsDataLoss(status));
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr(image.encoded.id.ToHex()), HasSubstr("delete r/")));
}

TEST_F(StoreHandleTest, ARecordUnderAnothersNameIsDamage) {
  const SampleImage one = Publish(1);
  const SampleImage two = Publish(2);
  const RootId root = one.manifest.birth_root;
  std::filesystem::copy_file(Path(RecordName(root, one.encoded.id)),
                             Path(RecordName(root, two.encoded.id)),
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_TRUE(absl::IsDataLoss(store_->ReadRecord(root, two.encoded.id).status()));
  EXPECT_TRUE(absl::IsNotFound(store_->ReadRecord(root, ManifestId{{1}}).status()));
}

TEST_F(StoreHandleTest, FollowsTheActiveRoot) {
  const RootId before = store_->active_root();
  const RootId next = Rotate();
  EXPECT_EQ(store_->active_root(), before);  // as of the last look
  ASSERT_EQ(store_->Roots()->size(), 2u);
  EXPECT_EQ(store_->active_root(), next);
  EXPECT_EQ(LoadSealingDomain(*store_, keys_)->birth_root, next);
}

TEST_F(StoreHandleTest, PublishingIntoARootRetiredLatelyIsStillTaken) {
  const SampleImage image = Seal(1);
  PutChunks(image);
  Rotate();
  EXPECT_TRUE(store_->Publish(image.encoded, image.manifest.birth_root).ok());
}

TEST_F(StoreHandleTest, PublishingIntoARootRetiredLongAgoMustBeDoneAgain) {
  const SampleImage image = Seal(1);
  PutChunks(image);
  Rotate(std::chrono::hours(25));
  const absl::Status status = store_->Publish(image.encoded, image.manifest.birth_root);
  EXPECT_TRUE(absl::IsAborted(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("convert it again"));
  EXPECT_TRUE(absl::IsAborted(store_->Publish(image.encoded, RootId{{9}})));
}

TEST_F(StoreHandleTest, LocatesAManifestThatMoved) {
  const SampleImage image = Publish(1);
  const RootId old_root = image.manifest.birth_root;
  const RootId middle = Rotate();
  ASSERT_TRUE(store_->Roots().ok());
  const RootId newest = Rotate();
  ASSERT_TRUE(store_->Roots().ok());
  EXPECT_EQ(*store_->Locate(image.encoded.id, old_root), old_root);
  ASSERT_TRUE(store_->Publish(image.encoded, middle).ok());
  std::filesystem::remove(Path(RecordName(old_root, image.encoded.id)));
  EXPECT_EQ(*store_->Locate(image.encoded.id, old_root), middle);
  ASSERT_TRUE(store_->Publish(image.encoded, newest).ok());
  EXPECT_EQ(*store_->Locate(image.encoded.id, old_root), newest);
}

TEST_F(StoreHandleTest, TellsAConfusedStoreFromALostRecord) {
  const SampleImage image = Publish(1);
  const absl::Status confused = store_->Locate(image.encoded.id, RootId{{9}}).status();
  EXPECT_TRUE(confused.ok());  // the record is here, wherever it was born
  std::filesystem::remove(Path(RecordName(image.manifest.birth_root, image.encoded.id)));
  const absl::Status lost = store_->Locate(image.encoded.id, image.manifest.birth_root).status();
  EXPECT_TRUE(absl::IsNotFound(lost));
  EXPECT_THAT(std::string(lost.message()), HasSubstr("convert the image again"));
  const absl::Status elsewhere = store_->Locate(image.encoded.id, RootId{{9}}).status();
  EXPECT_TRUE(absl::IsNotFound(elsewhere));
  EXPECT_THAT(std::string(elsewhere.message()),
              AllOf(HasSubstr("another store"), HasSubstr(ToHex(store_->info().id))));
}

TEST_F(StoreHandleTest, RepairsAChunkThatWasAltered) {
  const SampleImage image = Publish(1);
  const RootId root = image.manifest.birth_root;
  const VerifiedSealed& chunk = image.chunks[0];
  std::filesystem::resize_file(Path(ChunkName(root, chunk.id())), 7);
  EXPECT_TRUE(absl::IsDataLoss(GetBlocking(*store_->Chunks(root), chunk.id()).status()));
  EXPECT_TRUE(absl::IsDataLoss(PutBlocking(*store_->Chunks(root), chunk).status()));
  ASSERT_TRUE(store_->Repair(root, chunk).ok());
  EXPECT_TRUE(GetBlocking(*store_->Chunks(root), chunk.id()).ok());
}

TEST_F(StoreHandleTest, RemembersConversionsWhileTheirManifestIsReadable) {
  const SampleImage image = Publish(1);
  const ConversionId id{{3}};
  EXPECT_TRUE(absl::IsNotFound(store_->FindConversion(id).status()));
  ConversionRecord record;
  record.manifest = image.encoded.id;
  record.birth_root = image.manifest.birth_root;
  record.image_manifest = {'{', '}'};
  record.layer = image.encoded.file;
  ASSERT_TRUE(store_->PutConversion(id, record).ok());
  auto found = store_->FindConversion(id);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->layer, image.encoded.file);
  ConversionRecord other = record;
  other.config = {'x'};
  EXPECT_TRUE(store_->PutConversion(id, other).ok());  // somebody was faster
  EXPECT_EQ(store_->FindConversion(id)->config, Bytes());
  std::filesystem::remove(Path(RecordName(record.birth_root, record.manifest)));
  EXPECT_TRUE(absl::IsNotFound(store_->FindConversion(id).status()));
  std::filesystem::resize_file(Path(ConversionName(id)), 50);
  EXPECT_TRUE(absl::IsDataLoss(store_->FindConversion(id).status()));
}

TEST_F(StoreHandleTest, OfTwoWritersOfTheLogOneLoses) {
  LogEntry entry;
  entry.seq = 2;
  entry.transitions = {{store_->active_root(), RootState::kRetired},
                       {RootId{{8}}, RootState::kActive}};
  EXPECT_TRUE(AppendLog(store_->objects(), entry).ok());
  entry.transitions[1].root = RootId{{9}};
  EXPECT_TRUE(absl::IsAborted(AppendLog(store_->objects(), entry)));
  EXPECT_EQ(store_->Roots()->front().id, RootId{{8}});
}

TEST_F(StoreHandleTest, GivesTheSameChunksForTheSameRoot) {
  EXPECT_EQ(store_->Chunks(RootId{{1}}), store_->Chunks(RootId{{1}}));
  EXPECT_NE(store_->Chunks(RootId{{1}}), store_->Chunks(RootId{{2}}));
  const auto chunks = store_->Chunks(store_->active_root());
  store_.reset();
  EXPECT_TRUE(absl::IsNotFound(GetBlocking(*chunks, ChunkId{{1}}).status()));
}

}  // namespace
}  // namespace floe::store
