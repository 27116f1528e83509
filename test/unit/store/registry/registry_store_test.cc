// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <thread>

#include "gmock/gmock.h"
#include "store/admin/store_check.h"
#include "store/admin/store_stat.h"
#include "store/origin/object_chunk_store.h"
#include "store/wrap/limit_policy.h"
#include "test/contract/chunk_store_contract.h"
#include "test/unit/store/registry/registry_sample.h"

namespace floe::store {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

CheckOptions Deep() {
  CheckOptions options;
  options.deep = true;
  return options;
}

template <bool kSmallPacks>
struct RegistrySubject {
  static constexpr bool kListsEverything = true;
  fake::Registry registry;
  std::shared_ptr<ChunkStore> Make() {
    RegistryAddress address = *ParseRegistryAddress(absl::StrCat(
        "registry:", registry.host(), "/a/b?plain-http=true&hosts=/nowhere&config=/nowhere"));
    // One byte: every chunk is a pack of its own, sent at once.
    address.pack_bytes = kSmallPacks ? 1 : 100'000;
    return std::make_shared<ObjectChunkStore>(*RegistryObjectStore::Open(address, 2), RootId{{1}});
  }
};
INSTANTIATE_TYPED_TEST_SUITE_P(RegistryWithPacks, ChunkStoreContract, RegistrySubject<false>);
INSTANTIATE_TYPED_TEST_SUITE_P(RegistryChunkByChunk, ChunkStoreContract, RegistrySubject<true>);

class WithReferrers : public RegistryStoreTest, public testing::WithParamInterface<bool> {
 protected:
  WithReferrers() : RegistryStoreTest(GetParam()) {}
};
INSTANTIATE_TEST_SUITE_P(Registries, WithReferrers, testing::Bool());

TEST_P(WithReferrers, AnImageIsPublishedReadAndFoundAgain) {
  Init();
  const RegistryImage image = Seal(0, 20);
  ASSERT_TRUE(Publish(*store_, image).ok());
  EXPECT_TRUE(ReadAllOf(image).ok());
  EXPECT_TRUE(ReadAllOf(image, /*expect=*/false).ok());
  const auto other = Open();
  const auto record = other->FindConversion(image.conversion);
  ASSERT_TRUE(record.ok()) << record.status();
  EXPECT_EQ(record->manifest, image.encoded.id);
  EXPECT_EQ(record->birth_root, image.manifest.birth_root);
  EXPECT_EQ(record->image_manifest, image.record.image_manifest);
  EXPECT_EQ(record->config, image.record.config);
  EXPECT_EQ(record->layer, image.record.layer);
  EXPECT_EQ(*other->Locate(image.encoded.id, image.manifest.birth_root), store_->active_root());
}

TEST_P(WithReferrers, TheIndexIsAReferrerOfTheImage) {
  Init();
  const RegistryImage image = Seal(0, 3);
  ASSERT_TRUE(Publish(*store_, image).ok());
  RegistryAddress address = *ParseRegistryAddress(Address());
  const auto repository = *registry::Repository::Open(address.repository, address.options);
  const auto referrers = repository->Referrers(image.digest, kIndexArtifactType);
  ASSERT_TRUE(referrers.ok()) << referrers.status();
  ASSERT_EQ(referrers->size(), 1u);
  // With the API nothing but the image keeps it; without, its own tag does.
  const auto tagged = repository->GetManifest(ManifestTag(image.encoded.id));
  ASSERT_TRUE(tagged.ok()) << tagged.status();
  EXPECT_EQ(tagged->descriptor.digest, GetParam() ? image.digest : referrers->front().digest);
  EXPECT_EQ(HasTag(registry::ReferrersTag(image.digest)), !GetParam());
}

TEST_P(WithReferrers, AFormThatWasReplacedLeavesNothingBehind) {
  Init();
  const RegistryImage image = Seal(0, 3);
  ASSERT_TRUE(Publish(*store_, image).ok());
  int indexes = 0;
  registry_.Locked([&] {
    for (const auto& [key, manifest] : registry_.manifests) {
      if (key.find("sha256:") != std::string::npos &&
          manifest.bytes.find(kIndexArtifactType) != std::string::npos &&
          manifest.bytes.find("\"layers\"") != std::string::npos) {
        ++indexes;
      }
    }
  });
  EXPECT_EQ(indexes, 1);
}

TEST_P(WithReferrers, GarbageCollectionKeepsWhatAnImageNeeds) {
  Init();
  const RegistryImage first = Seal(0, 12);
  const RegistryImage second = Seal(6, 12);
  ASSERT_TRUE(Publish(*store_, first).ok());
  ASSERT_TRUE(Publish(*Open(), second).ok());
  CollectGarbage();
  EXPECT_TRUE(ReadAllOf(first).ok());
  EXPECT_TRUE(ReadAllOf(second).ok());
  DeleteImage(first.digest);
  CollectGarbage();
  EXPECT_TRUE(ReadAllOf(second).ok()) << "it shares a pack with the one that went";
  const auto check = CheckStore(*Open(), Deep());
  ASSERT_TRUE(check.ok()) << check.status();
  EXPECT_THAT(check->problems, testing::IsEmpty());
}

TEST_P(WithReferrers, ASecondImageOfTheSameChunksOutlivesTheFirst) {
  Init();
  RegistryImage image = Seal(0, 5);
  ASSERT_TRUE(Publish(*store_, image).ok());
  const std::string first = image.digest;
  Wrap(image, "for others");
  ASSERT_NE(image.digest, first);
  ASSERT_TRUE(Publish(*Open(), image).ok());
  // And once more, which changes nothing.
  ASSERT_TRUE(Publish(*Open(), image).ok());
  DeleteImage(first);
  CollectGarbage();
  EXPECT_TRUE(ReadAllOf(image).ok());
  EXPECT_TRUE(Open()->FindConversion(image.conversion).ok());
}

class ReferrersTest : public RegistryStoreTest {
 protected:
  ReferrersTest() : RegistryStoreTest(true) {}
};

TEST_F(ReferrersTest, TheLastImageTakesItsChunksAlong) {
  Init();
  const RegistryImage image = Seal(0, 12);
  ASSERT_TRUE(Publish(*store_, image).ok());
  EXPECT_GT(PackBytes(), 100'000u);
  DeleteImage(image.digest);
  CollectGarbage();
  EXPECT_EQ(PackBytes(), 0u);
  const absl::Status read = ReadAllOf(image);
  EXPECT_TRUE(absl::IsNotFound(read)) << read;
  EXPECT_THAT(std::string(read.message()), HasSubstr("convert the image again"));
}

class RegistryTest : public RegistryStoreTest {};

TEST_F(RegistryTest, ChunksOfEarlierImagesAreReferencedNotSent) {
  Init();
  const RegistryImage first = Seal(0, 30);
  ASSERT_TRUE(Publish(*store_, first).ok());
  const size_t before = PackBytes();
  const RegistryImage second = Seal(10, 25);
  ASSERT_TRUE(Publish(*Open(), second).ok());
  const size_t grown = PackBytes() - before;
  EXPECT_LT(grown, 6u * (3 * kBlockBytes + 16));
  EXPECT_GE(grown, 5u * 3 * kBlockBytes);
}

TEST_F(RegistryTest, NeighboursComeInOneRange) {
  Init();
  const RegistryImage image = Seal(0, 5);
  ASSERT_TRUE(Publish(*store_, image).ok());
  auto objects = *RegistryObjectStore::Open(*ParseRegistryAddress(Address()), 1);
  objects->Expect(RecordName(image.manifest.birth_root, image.encoded.id));
  std::atomic<int> good{0};
  uint64_t before = 0;
  {
    ObjectChunkStore chunks(objects, image.manifest.birth_root);
    ASSERT_TRUE(GetBlocking(chunks, image.chunks[0].id()).ok());  // learns the index
    before = objects->range_requests();
    const auto ask = [&](int i) {
      const ChunkId id = image.chunks[i].id();
      chunks.Get(id, {}, [&good, id](absl::StatusOr<FetchedChunk> got) {
        good += got.ok() && Verified(id, *std::move(got)).ok() ? 1 : 0;
      });
    };
    // The one thread that reads is kept waiting until all are asked.
    registry_.Locked([&] {
      ask(0);
      while (objects->range_requests() == before) std::this_thread::yield();
      for (const int i : {3, 1, 4, 2, 3}) ask(i);
    });
  }
  EXPECT_EQ(good, 6);
  EXPECT_EQ(objects->range_requests() - before, 2u);
}

TEST_F(RegistryTest, ANodeAsksForItsOwnIndexOnly) {
  Init();
  const RegistryImage mine = Seal(0, 4);
  ASSERT_TRUE(Publish(*store_, mine).ok());
  for (uint32_t i = 1; i < 6; ++i) ASSERT_TRUE(Publish(*store_, Seal(100 * i, 4)).ok());
  const size_t before = registry_.server().log().size();
  ASSERT_TRUE(ReadAllOf(mine).ok());
  // Opening: store and log (manifest and blob, twice the log's end); index: manifest and blob;
  // chunks.
  EXPECT_LE(registry_.server().log().size() - before, 4u + 1u + 2u + 4u);
  EXPECT_EQ(Requests("/tags/list"), 1u + 1u) << "init and the first put look at all";
}

class SlowRegistry : public RegistryStoreTest {
 protected:
  SlowRegistry()
      : RegistryStoreTest(false, [this](const fake::ServerRequest& request) {
          if (!slow_ || request.headers.count("range") == 0) {
            return std::optional<fake::ServerAnswer>();
          }
          return std::optional<fake::ServerAnswer>(fake::ServerAnswer{429, {}, "", {}, {}});
        }) {}
  bool slow_ = false;
};

TEST_F(SlowRegistry, AsksForFewerRequests) {
  Init();
  const RegistryImage image = Seal(0, 3);
  ASSERT_TRUE(Publish(*store_, image).ok());
  registry_.Locked([&] { slow_ = true; });
  const absl::Status read = ReadAllOf(image);
  EXPECT_TRUE(absl::IsUnavailable(read)) << read;
  EXPECT_TRUE(IsSlowDown(read)) << read;
}

TEST_F(RegistryTest, AMissingChunkIsNotFound) {
  Init();
  ASSERT_TRUE(Publish(*store_, Seal(0, 4)).ok());
  const auto got = GetBlocking(*Open()->Chunks(store_->active_root()), FakeSealedChunk(1).id());
  EXPECT_TRUE(absl::IsNotFound(got.status())) << got.status();
}

TEST_F(RegistryTest, APackThatIsGoneIsSaid) {
  Init();
  const RegistryImage image = Seal(0, 4);
  ASSERT_TRUE(Publish(*store_, image).ok());
  registry_.Locked([&] {
    std::erase_if(registry_.blobs, [](const auto& blob) { return blob.second.size() > 40'000; });
  });
  const absl::Status read = ReadAllOf(image);
  EXPECT_TRUE(absl::IsNotFound(read)) << read;
  EXPECT_THAT(std::string(read.message()),
              AllOf(HasSubstr("pack sha256:"), HasSubstr("convert the image again")));
}

TEST_F(RegistryTest, ConvertingAgainHealsAPackThatIsGone) {
  Init();
  const RegistryImage image = Seal(0, 12);
  ASSERT_TRUE(Publish(*store_, image).ok());
  std::string lost;
  registry_.Locked([&] {
    for (const auto& [digest, blob] : registry_.blobs) {
      if (blob.size() > 60'000) lost = digest;
    }
    registry_.blobs.erase(lost);
  });
  ASSERT_FALSE(lost.empty());
  const auto store = Open();
  const auto chunks = store->Chunks(image.manifest.birth_root);
  int repaired = 0;
  for (const VerifiedSealed& chunk : image.chunks) {
    ASSERT_EQ(*PutBlocking(*chunks, chunk), PutResult::kExisted);
    if (GetBlocking(*chunks, chunk.id()).ok()) continue;
    ++repaired;
    ASSERT_TRUE(store->Repair(image.manifest.birth_root, chunk).ok());
  }
  EXPECT_GT(repaired, 3);
  ASSERT_TRUE(store->Publish(image.encoded, image.manifest.birth_root).ok());
  EXPECT_TRUE(store->PutConversion(image.conversion, image.record).ok());
  EXPECT_TRUE(ReadAllOf(image).ok());
}

TEST_F(RegistryTest, AWrongByteIsDataLoss) {
  Init();
  const RegistryImage image = Seal(0, 4);
  ASSERT_TRUE(Publish(*store_, image).ok());
  registry_.Locked([&] {
    for (auto& [digest, blob] : registry_.blobs) {
      if (blob.size() > 40'000) blob[100] = static_cast<char>(blob[100] ^ 1);
    }
  });
  EXPECT_TRUE(absl::IsDataLoss(ReadAllOf(image)));
  const auto check = CheckStore(*Open(), Deep());
  ASSERT_TRUE(check.ok()) << check.status();
  EXPECT_EQ(check->problem_count, 1u);
}

TEST_F(RegistryTest, CheckAndStatSeeEverything) {
  Init();
  const RegistryImage image = Seal(0, 12);
  ASSERT_TRUE(Publish(*store_, image).ok());
  const auto store = Open();
  const auto check = CheckStore(*store, Deep());
  ASSERT_TRUE(check.ok()) << check.status();
  EXPECT_TRUE(check->ok());
  EXPECT_EQ(check->records, 1u);
  EXPECT_EQ(check->chunks, 12u);
  EXPECT_EQ(check->unreferenced, 0u);
  EXPECT_EQ(check->hashed_bytes, check->chunk_bytes);
  const auto stat = StatStore(*store);
  ASSERT_TRUE(stat.ok()) << stat.status();
  ASSERT_EQ(stat->roots.size(), 1u);
  EXPECT_EQ(stat->roots[0].manifests, 1u);
  EXPECT_EQ(stat->roots[0].manifest_bytes, image.encoded.body_and_signatures.size());
  EXPECT_EQ(stat->conversions, 1u);
  EXPECT_EQ(stat->conversion_bytes, EncodeConversionRecord(image.record).size());
}

TEST_F(RegistryTest, TagsAreReadPageByPage) {
  Init();
  std::vector<RegistryImage> images;
  for (uint32_t i = 0; i < 5; ++i) images.push_back(Seal(100 * i, 2));
  for (const RegistryImage& image : images) ASSERT_TRUE(Publish(*store_, image).ok());
  registry_.Locked([&] { registry_.tags_a_page = 2; });
  const auto records = Open()->ListRecords(store_->active_root());
  ASSERT_TRUE(records.ok()) << records.status();
  EXPECT_EQ(records->size(), 5u);
}

TEST_F(RegistryTest, ARecordWhoseChunksWereNeverPutIsRefused) {
  Init();
  const RegistryImage image = Seal(0, 3);
  const absl::Status published = store_->Publish(image.encoded, image.manifest.birth_root);
  EXPECT_THAT(std::string(published.message()), HasSubstr("is in no pack"));
  EXPECT_FALSE(HasTag(ManifestTag(image.encoded.id)));
}

TEST_F(RegistryTest, PublishingWithoutAnImageIsReadableToo) {
  Init();
  const RegistryImage image = Seal(0, 3);
  ASSERT_TRUE(PutChunks(*store_, image).ok());
  ASSERT_TRUE(store_->Publish(image.encoded, image.manifest.birth_root).ok());
  EXPECT_TRUE(ReadAllOf(image).ok());
  CollectGarbage();
  EXPECT_TRUE(ReadAllOf(image).ok());
}

TEST_F(RegistryTest, AStoreIsMadeOnce) {
  Init();
  const auto again = InitStore(Address(), keys_);
  EXPECT_TRUE(absl::IsAlreadyExists(again.status())) << again.status();
  LogEntry entry;
  entry.seq = 2;
  entry.transitions = {{RootId{{7}}, RootState::kActive}};
  const absl::Status second = AppendLog(store_->objects(), entry);
  EXPECT_THAT(std::string(second.message()), HasSubstr("one root for good"));
}

TEST_F(RegistryTest, ImagesOfOthersInTheRepositoryDoNotMatter) {
  const oci::Descriptor config = registry_.AddBlob(oci::kOciConfig, "{}");
  oci::ImageManifest ordinary;
  ordinary.media_type = oci::kOciManifest;
  ordinary.config = config;
  const std::string text = oci::SerializeManifest(ordinary);
  const oci::Descriptor top = oci::DescribeBytes(oci::kOciManifest, AsBytes(text));
  registry_.AddManifest(kRepository, "v1", top, text);
  registry_.AddManifest(kRepository, "floe-of-ours", top, text);
  Init();
  EXPECT_TRUE(Publish(*store_, Seal(0, 3)).ok());
  EXPECT_TRUE(CheckStore(*Open())->ok());
}

TEST_F(RegistryTest, WithoutAStoreItSaysHowToMakeOne) {
  const auto opened = OpenStore(Address());
  EXPECT_TRUE(absl::IsNotFound(opened.status())) << opened.status();
  EXPECT_THAT(std::string(opened.status().message()), HasSubstr("floe store init"));
}

TEST_F(RegistryTest, ARegistryThatIgnoresRangesIsRefusedAtInit) {
  registry_.honours_ranges = false;
  const auto made = InitStore(Address(), keys_);
  EXPECT_TRUE(absl::IsFailedPrecondition(made.status())) << made.status();
  EXPECT_THAT(std::string(made.status().message()), HasSubstr("does not honour Range"));
}

TEST_F(RegistryTest, ANodeReadsEvenWhereRangesAreIgnored) {
  Init();
  const RegistryImage image = Seal(0, 8);
  ASSERT_TRUE(Publish(*store_, image).ok());
  registry_.Locked([&] { registry_.honours_ranges = false; });
  EXPECT_TRUE(ReadAllOf(image).ok());
}

TEST_F(RegistryTest, AFailedUploadFailsTheConversion) {
  Init();
  const RegistryImage image = Seal(0, 3);
  ASSERT_TRUE(PutChunks(*store_, image).ok());
  registry_.Locked([&] { registry_.refuses_uploads = true; });
  const absl::Status published = store_->Publish(image.encoded, image.manifest.birth_root);
  EXPECT_TRUE(absl::IsPermissionDenied(published)) << published;
  registry_.Locked([&] { registry_.refuses_uploads = false; });
  // Nothing is taken for stored that was not.
  EXPECT_EQ(*PutBlocking(*store_->Chunks(image.manifest.birth_root), image.chunks[0]),
            PutResult::kCreated);
  ASSERT_TRUE(Publish(*store_, image).ok());
  EXPECT_TRUE(ReadAllOf(image).ok());
}

}  // namespace
}  // namespace floe::store
