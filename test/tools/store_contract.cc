// SPDX-License-Identifier: Apache-2.0
// link: store net test_fake GTest::gmock GTest::gtest
// The ChunkStore contract, and what an object store promises beyond it, on a real server.
//
// usage: store_contract ADDRESS [gtest options]      an empty place; each test takes a prefix of it
#include <atomic>
#include <cstdio>
#include <thread>

#include "absl/strings/str_cat.h"
#include "store/origin/object_chunk_store.h"
#include "store/origin/open_objects.h"
#include "store/s3/open_s3.h"
#include "test/contract/chunk_store_contract.h"

namespace floe::store {
namespace {

std::string place;  // NOLINT: set by main before any test

S3Address NextPlace() {
  static std::atomic<int> number{0};
  S3Address address = *ParseS3Address(place);
  absl::StrAppend(&address.prefix, address.prefix.empty() ? "" : "/", "t", number++);
  return address;
}

OpenS3Options ToolOptions() {
  OpenS3Options options;
  options.objects.part_bytes = 5 << 20;  // the least that servers take
  options.objects.range_bytes = 1 << 20;
  options.objects.parallel_ranges = 4;
  return options;
}

struct ServerSubject {
  static constexpr bool kListsEverything = true;
  std::shared_ptr<ChunkStore> Make() {
    return std::make_shared<ObjectChunkStore>(*OpenS3(NextPlace(), ToolOptions()), RootId{{1}});
  }
};
INSTANTIATE_TYPED_TEST_SUITE_P(Server, ChunkStoreContract, ServerSubject);

class ServerTest : public testing::Test {
 protected:
  static SealedBytes Pattern(size_t size, uint8_t seed) {
    auto bytes = std::make_shared<Bytes>(size);
    for (size_t i = 0; i < size; ++i) (*bytes)[i] = static_cast<uint8_t>(i * 7 + i / 251 + seed);
    return bytes;
  }
  absl::StatusOr<PutResult> Put(const std::string& name, const SealedBytes& bytes) {
    return PutObject(*store_, name, bytes, PutDurability::kAtOnce);
  }
  std::shared_ptr<S3ObjectStore> store_ = *OpenS3(NextPlace(), ToolOptions());
};

TEST_F(ServerTest, HonoursConditionalPuts) {
  const absl::Status probed = ProbeConditionalPuts(*store_);
  EXPECT_TRUE(probed.ok()) << probed;
  EXPECT_TRUE(ListObjects(*store_, "", "", 10)->objects.empty());
}

TEST_F(ServerTest, NeverReplacesButWhenToldTo) {
  for (const size_t size : {0u, 1u, 100'000u}) {
    const std::string name = absl::StrCat("a/", size);
    EXPECT_EQ(*Put(name, Pattern(size, 1)), PutResult::kCreated);
    EXPECT_EQ(*Put(name, Pattern(size, 2)), PutResult::kExisted);
    EXPECT_TRUE(absl::IsDataLoss(Put(name, Pattern(size + 1, 1)).status()));
    EXPECT_EQ(**GetObject(*store_, name, 1 << 20), *Pattern(size, 1));
    EXPECT_TRUE(ReplaceObject(*store_, name, Pattern(size, 3)).ok());
    EXPECT_EQ(**GetObject(*store_, name, 1 << 20), *Pattern(size, 3));
  }
}

TEST_F(ServerTest, LongObjectsGoInPartsAndComeInRanges) {
  const size_t size = (11 << 20) + 5;
  ASSERT_EQ(*Put("long", Pattern(size, 1)), PutResult::kCreated);
  EXPECT_EQ(*Put("long", Pattern(size, 2)), PutResult::kExisted);
  EXPECT_TRUE(absl::IsDataLoss(Put("long", Pattern(size + 1, 1)).status()));
  EXPECT_EQ(**GetObject(*store_, "long", size), *Pattern(size, 1));
  EXPECT_TRUE(absl::IsDataLoss(GetObject(*store_, "long", size - 1).status()));
  ASSERT_TRUE(ReplaceObject(*store_, "long", Pattern(size, 3)).ok());
  EXPECT_EQ(**GetObject(*store_, "long", size), *Pattern(size, 3));
}

TEST_F(ServerTest, OfManyWhoPutOneNameOneCreates) {
  for (int round = 0; round < 5; ++round) {
    const std::string name = absl::StrCat("race/", round);
    std::atomic<int> created{0};
    std::vector<std::thread> threads;
    for (uint8_t t = 0; t < 8; ++t) {
      threads.emplace_back([&, t] {
        const auto put = Put(name, Pattern(5000, t));
        ASSERT_TRUE(put.ok()) << put.status();
        if (*put == PutResult::kCreated) ++created;
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(created, 1);
  }
}

TEST_F(ServerTest, ListsInTheOrderOfWholeNames) {
  const std::vector<std::string> names = {"a-b", "a/b", "a/c/d", "a/c0", "a0", "b/a", "c"};
  for (const std::string& name : names) ASSERT_TRUE(Put(name, Pattern(3, 0)).ok());
  for (const size_t limit : {1, 2, 100}) {
    std::vector<std::string> listed;
    std::string from;
    do {
      const auto page = ListObjects(*store_, "", from, limit);
      ASSERT_TRUE(page.ok()) << page.status();
      for (const ObjectInfo& object : page->objects) {
        listed.push_back(object.name);
        EXPECT_EQ(object.size, 3u);
      }
      from = page->next;
    } while (!from.empty());
    EXPECT_EQ(listed, names) << limit;
  }
}

TEST_F(ServerTest, AbsentAndMissingBucketsAreTold) {
  EXPECT_TRUE(absl::IsNotFound(GetObject(*store_, "absent", 10).status()));
  EXPECT_TRUE(absl::IsNotFound(GetObject(*store_, "absent", 10 << 20).status()));
  S3Address other = *ParseS3Address(place);
  other.bucket = "floe-no-such-bucket";
  const auto nowhere = *OpenS3(other, ToolOptions());
  EXPECT_TRUE(absl::IsFailedPrecondition(GetObject(*nowhere, "a", 10).status()));
}

}  // namespace
}  // namespace floe::store

int main(int argc, char** argv) {
  testing::InitGoogleMock(&argc, argv);
  if (argc != 2 || !floe::store::ParseS3Address(argv[1]).ok()) {
    std::fprintf(stderr, "usage: %s s3://BUCKET[/PREFIX]?endpoint=URL\n", argv[0]);
    return 2;
  }
  floe::store::place = argv[1];
  return RUN_ALL_TESTS();
}
