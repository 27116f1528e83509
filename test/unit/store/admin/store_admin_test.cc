// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>

#include <filesystem>

#include "../origin/store_sample.h"
#include "gmock/gmock.h"
#include "store/admin/store_check.h"
#include "store/admin/store_stat.h"

namespace floe::store {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

class StoreAdminTest : public StoreTest {
 protected:
  CheckReport Check(bool deep) {
    CheckOptions options;
    options.deep = deep;
    auto report = CheckStore(*store_, options);
    EXPECT_TRUE(report.ok()) << report.status();
    return report.ok() ? *report : CheckReport();
  }
  void FlipByte(const std::string& name) {
    const UniqueFd fd = *OpenFile(Path(name), O_RDWR);
    uint8_t byte;
    ASSERT_TRUE(ReadFullAt(fd.get(), {&byte, 1}, 20).ok());
    byte ^= 1;
    ASSERT_TRUE(WriteFullAt(fd.get(), {&byte, 1}, 20).ok());
  }
};

TEST_F(StoreAdminTest, ASoundStorePasses) {
  Publish(1, 3);
  Publish(2, 50);
  for (const bool deep : {false, true}) {
    const CheckReport report = Check(deep);
    EXPECT_TRUE(report.ok()) << testing::PrintToString(report.problems);
    EXPECT_EQ(report.roots, 1u);
    EXPECT_EQ(report.records, 2u);
    EXPECT_EQ(report.chunks, 53u);
    EXPECT_EQ(report.unreferenced, 0u);
    EXPECT_EQ(report.hashed_bytes, deep ? report.chunk_bytes : 0);
  }
}

TEST_F(StoreAdminTest, AMissingChunkIsNamedWithItsManifest) {
  const SampleImage image = Publish(1);
  std::filesystem::remove(Path(ChunkName(image.manifest.birth_root, image.chunks[1].id())));
  const CheckReport report = Check(false);
  EXPECT_EQ(report.problem_count, 1u);
  EXPECT_THAT(report.problems,
              ElementsAre(AllOf(HasSubstr(image.encoded.id.ToHex()),
                                HasSubstr(image.chunks[1].id().ToHex()), HasSubstr("is missing"),
                                HasSubstr("convert that image again"))));
}

TEST_F(StoreAdminTest, AnAlteredChunkIsFoundByHashing) {
  const SampleImage image = Publish(1, 40);
  FlipByte(ChunkName(image.manifest.birth_root, image.chunks[1].id()));
  EXPECT_TRUE(Check(false).ok());
  const CheckReport report = Check(true);
  EXPECT_THAT(report.problems, ElementsAre(HasSubstr(image.chunks[1].id().ToHex())));
  std::filesystem::resize_file(Path(ChunkName(image.manifest.birth_root, image.chunks[2].id())), 5);
  EXPECT_EQ(Check(true).problem_count, 2u);
}

TEST_F(StoreAdminTest, ADamagedRecordIsFoundAndTheRestStillChecked) {
  const SampleImage one = Publish(1);
  const SampleImage two = Publish(2);
  FlipByte(RecordName(one.manifest.birth_root, one.encoded.id));
  const CheckReport report = Check(false);
  EXPECT_THAT(report.problems, ElementsAre(HasSubstr(one.encoded.id.ToHex())));
  EXPECT_EQ(report.records, 2u);
}

TEST_F(StoreAdminTest, ChunksOfAnInterruptedConversionAreCountedAndNoProblem) {
  PutChunks(Seal(1));
  const CheckReport report = Check(true);
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(report.unreferenced, 3u);
}

TEST_F(StoreAdminTest, WhatIsNoChunkIsAProblem) {
  const SampleImage image = Publish(1);
  const std::string name = ChunkPrefix(image.manifest.birth_root) + "zz";
  ASSERT_TRUE(
      PutObject(store_->objects(), name, std::make_shared<Bytes>(1), PutDurability::kAfterSync)
          .ok());
  EXPECT_THAT(Check(false).problems, ElementsAre(HasSubstr(name)));
}

TEST_F(StoreAdminTest, ADamagedLogIsAFinding) {
  ASSERT_TRUE(
      WriteFileAtomically(Path(LogEntryName(2)), AsBytes("{}"), 0644, Replace::kYes, Durable::kNo)
          .ok());
  EXPECT_THAT(Check(false).problems, ElementsAre(HasSubstr("log/0000000002")));
}

TEST_F(StoreAdminTest, ManyProblemsAreCountedAndNotAllListed) {
  const SampleImage image = Publish(1, kMaxListedProblems + 20);
  std::filesystem::remove_all(Path(ChunkPrefix(image.manifest.birth_root)));
  const CheckReport report = Check(false);
  EXPECT_EQ(report.problems.size(), kMaxListedProblems);
  EXPECT_EQ(report.problem_count, kMaxListedProblems + 20);
}

TEST_F(StoreAdminTest, TellsHowFarItIsAndStopsWhenCancelled) {
  Publish(1, 40);
  CancelSource source;
  CheckOptions options;
  options.deep = true;
  options.cancel = source.token();
  uint64_t told = 0;
  options.progress = [&](const CheckProgress& progress) {
    EXPECT_EQ(progress.total, 40u);
    if (++told == 10) source.Cancel();
  };
  EXPECT_TRUE(absl::IsCancelled(CheckStore(*store_, options).status()));
  EXPECT_EQ(told, 10u);
}

TEST_F(StoreAdminTest, StatCountsWhatThereIs) {
  const SampleImage image = Publish(1, 3);
  Rotate();
  ASSERT_TRUE(store_->PutConversion(ConversionId{{1}}, ConversionRecord()).ok());
  auto stat = StatStore(*store_);
  ASSERT_TRUE(stat.ok()) << stat.status();
  EXPECT_EQ(stat->address, address_);
  ASSERT_EQ(stat->roots.size(), 2u);
  EXPECT_EQ(stat->roots[0].root.state, RootState::kActive);
  EXPECT_EQ(stat->roots[0].chunks, 0u);
  EXPECT_EQ(stat->roots[1].manifests, 1u);
  EXPECT_EQ(stat->roots[1].manifest_bytes, image.encoded.body_and_signatures.size());
  EXPECT_EQ(stat->roots[1].chunks, 3u);
  uint64_t bytes = 0;
  for (const VerifiedSealed& chunk : image.chunks) bytes += chunk.bytes().size();
  EXPECT_EQ(stat->roots[1].chunk_bytes, bytes);
  EXPECT_EQ(stat->conversions, 1u);
}

}  // namespace
}  // namespace floe::store
