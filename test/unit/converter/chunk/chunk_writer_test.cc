// SPDX-License-Identifier: Apache-2.0
#include "converter/chunk/chunk_writer.h"

#include <gtest/gtest.h>

#include <random>
#include <thread>

#include "test/fake/fake_chunk_store.h"

namespace floe::converter {
namespace {

using store::ChunkRef;
using store::FakeChunkStore;
using store::VerifiedSealed;

constexpr size_t kBlock = store::kBlockBytes;

store::SealingDomain Domain(uint8_t secret = 1) {
  store::SealingDomain domain;
  domain.domain_id.fill(7);
  domain.birth_root.fill(9);
  domain.secret = Secret::Copy(Bytes(32, secret));
  return domain;
}

// Compressible, without zero blocks, the same for the same seed.
Bytes Image(size_t blocks, uint64_t seed = 1) {
  std::mt19937_64 random(seed);
  Bytes image(blocks * kBlock);
  for (size_t i = 0; i < image.size(); i += 8) {
    const uint64_t word = (random() & 0xffff) | 1;
    std::memcpy(image.data() + i, &word, sizeof word);
  }
  return image;
}

EmitImage Emitting(const Bytes& image) {
  return [&image](erofs::ImageSink& sink) -> absl::Status {
    for (size_t at = 0; at < image.size(); at += 64 * kBlock) {
      const size_t length = std::min(64 * kBlock, image.size() - at);
      FLOE_RETURN_IF_ERROR(sink.Data(ByteView(image).subspan(at, length)));
    }
    return absl::OkStatus();
  };
}

absl::Status NoRepair(const VerifiedSealed&) { return absl::InternalError("no repair expected"); }

Bytes ReadBack(const WrittenChunks& written, FakeChunkStore& store, size_t size) {
  Bytes image(size, 0);
  for (const store::Extent& extent : written.extents) {
    const ChunkRef& ref = written.chunks[extent.chunk];
    const VerifiedSealed sealed = GetBlocking(store, ref.id).value();
    EXPECT_TRUE(
        OpenChunk(sealed, ref,
                  MutableByteView(image).subspan(extent.first_block * kBlock, ref.raw_length))
            .ok());
  }
  return image;
}

TEST(ChunkWriterTest, WhatIsWrittenReadsBack) {
  const store::SealingDomain domain = Domain();
  FakeChunkStore store;
  Bytes image = Image(2000);
  std::fill(image.begin() + 300 * kBlock, image.begin() + 400 * kBlock, 0);
  uint64_t told = 0;
  ChunkWriterOptions options;
  options.progress = [&](uint64_t at) { told = at; };
  const auto written = WriteChunks(Emitting(image), domain, store, NoRepair, options);
  ASSERT_TRUE(written.ok()) << written.status();
  EXPECT_EQ(ReadBack(*written, store, image.size()), image);
  EXPECT_EQ(told, image.size());
  EXPECT_EQ(written->stats.new_chunks, written->chunks.size());
  EXPECT_EQ(written->stats.new_raw_bytes, (2000 - 100) * kBlock);
  EXPECT_EQ(written->stats.reused_chunks, 0u);
  EXPECT_TRUE(std::is_sorted(written->chunks.begin(), written->chunks.end(),
                             [](const ChunkRef& a, const ChunkRef& b) { return a.id < b.id; }));
}

TEST(ChunkWriterTest, ThreadsDoNotMatter) {
  const store::SealingDomain domain = Domain();
  const Bytes image = Image(3000);
  std::vector<WrittenChunks> results;
  for (const size_t threads : {1u, 2u, 5u}) {
    FakeChunkStore store;
    ChunkWriterOptions options;
    options.threads = threads;
    options.puts_in_flight = threads;
    results.push_back(WriteChunks(Emitting(image), domain, store, NoRepair, options).value());
  }
  for (const WrittenChunks& result : results) {
    ASSERT_EQ(result.chunks.size(), results[0].chunks.size());
    for (size_t i = 0; i < result.chunks.size(); ++i) {
      EXPECT_EQ(result.chunks[i].id, results[0].chunks[i].id);
      EXPECT_EQ(result.chunks[i].key, results[0].chunks[i].key);
    }
    ASSERT_EQ(result.extents.size(), results[0].extents.size());
    for (size_t i = 0; i < result.extents.size(); ++i) {
      EXPECT_EQ(result.extents[i].first_block, results[0].extents[i].first_block);
      EXPECT_EQ(result.extents[i].chunk, results[0].extents[i].chunk);
    }
  }
}

TEST(ChunkWriterTest, EqualChunksAreOneChunkPutOnce) {
  const store::SealingDomain domain = Domain();
  const Bytes half = Image(256, 3);  // ends at the maximum or before: the second half cuts alike
  Bytes image = half;
  image.resize(image.size() + 64 * kBlock, 0);
  image.insert(image.end(), half.begin(), half.end());
  FakeChunkStore store;
  const auto written = WriteChunks(Emitting(image), domain, store, NoRepair, {});
  ASSERT_TRUE(written.ok()) << written.status();
  EXPECT_EQ(written->extents.size(), 2 * written->chunks.size());
  EXPECT_EQ(store.puts(), written->chunks.size());
  EXPECT_EQ(ReadBack(*written, store, image.size()), image);
}

TEST(ChunkWriterTest, ASecondRunFindsEverythingAndChecksIt) {
  const store::SealingDomain domain = Domain();
  const Bytes image = Image(1000);
  FakeChunkStore store;
  const auto first = WriteChunks(Emitting(image), domain, store, NoRepair, {});
  ASSERT_TRUE(first.ok());
  const auto second = WriteChunks(Emitting(image), domain, store, NoRepair, {});
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(second->stats.new_chunks, 0u);
  EXPECT_EQ(second->stats.reused_chunks, first->stats.new_chunks);
  EXPECT_EQ(second->stats.reused_sealed_bytes, first->stats.new_sealed_bytes);
  EXPECT_EQ(second->stats.unchecked_chunks, 0u);
  EXPECT_EQ(store.gets(), first->chunks.size());
  ChunkWriterOptions trusting;
  trusting.check_existing = false;
  const auto third = WriteChunks(Emitting(image), domain, store, NoRepair, trusting);
  EXPECT_EQ(third->stats.unchecked_chunks, first->chunks.size());
  EXPECT_EQ(store.gets(), first->chunks.size());
}

TEST(ChunkWriterTest, AnotherDomainSharesNothing) {
  const Bytes image = Image(1000);
  FakeChunkStore store;
  const store::SealingDomain domain = Domain(1);
  const store::SealingDomain other = Domain(2);
  ASSERT_TRUE(WriteChunks(Emitting(image), domain, store, NoRepair, {}).ok());
  const auto second = WriteChunks(Emitting(image), other, store, NoRepair, {});
  EXPECT_EQ(second->stats.reused_chunks, 0u);
}

TEST(ChunkWriterTest, DamagedChunksAreRepaired) {
  const store::SealingDomain domain = Domain();
  const Bytes image = Image(1000);
  FakeChunkStore store;
  const auto first = WriteChunks(Emitting(image), domain, store, NoRepair, {});
  const store::ChunkId victim = first->chunks[1].id;
  store.Corrupt(victim);
  std::vector<store::ChunkId> repaired;
  const RepairChunk repair = [&](const VerifiedSealed& chunk) {
    repaired.push_back(chunk.id());
    return absl::OkStatus();
  };
  const auto second = WriteChunks(Emitting(image), domain, store, repair, {});
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(repaired, std::vector<store::ChunkId>{victim});
  EXPECT_EQ(second->stats.repaired_chunks, 1u);
  EXPECT_EQ(second->stats.reused_chunks, first->chunks.size());
  const auto failed = WriteChunks(Emitting(image), domain, store, NoRepair, {});
  EXPECT_EQ(failed.status().code(), absl::StatusCode::kInternal);
  EXPECT_NE(failed.status().message().find(victim.ToHex()), std::string::npos);
}

TEST(ChunkWriterTest, DeniedReadsAreCountedAsUnchecked) {
  const store::SealingDomain domain = Domain();
  const Bytes image = Image(16, 5);  // one chunk
  FakeChunkStore store;
  ASSERT_TRUE(WriteChunks(Emitting(image), domain, store, NoRepair, {}).ok());
  store.Hold();
  ChunkWriterOptions options;
  absl::StatusOr<WrittenChunks> written = absl::UnknownError("");
  std::thread writer(
      [&] { written = WriteChunks(Emitting(image), domain, store, NoRepair, options); });
  while (store.held() == 0) std::this_thread::yield();  // the put
  store.ReleaseOne();
  while (store.held() == 0) std::this_thread::yield();  // the get that checks
  store.FailNext(1, absl::PermissionDeniedError("may not read"));
  store.Release();
  writer.join();
  ASSERT_TRUE(written.ok()) << written.status();
  EXPECT_EQ(written->stats.unchecked_chunks, 1u);
}

TEST(ChunkWriterTest, TheFirstErrorStopsEverythingAndIsTheAnswer) {
  const store::SealingDomain domain = Domain();
  const Bytes image = Image(20000);
  FakeChunkStore store;
  store.FailNext(1, absl::ResourceExhaustedError("disk full"));
  const auto written = WriteChunks(Emitting(image), domain, store, NoRepair, {});
  EXPECT_EQ(written.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(written.status().message(), "disk full");
  EXPECT_LT(store.size(), 100u);  // of about 300: the rest was not even tried
}

TEST(ChunkWriterTest, AnErrorOfTheImageComesBackUnchanged) {
  const store::SealingDomain domain = Domain();
  const Bytes image = Image(1000);
  FakeChunkStore store;
  const EmitImage broken = [&](erofs::ImageSink& sink) -> absl::Status {
    FLOE_RETURN_IF_ERROR(Emitting(image)(sink));
    return absl::DataLossError("the spool is gone");
  };
  const auto written = WriteChunks(broken, domain, store, NoRepair, {});
  EXPECT_EQ(written.status(), absl::DataLossError("the spool is gone"));
}

TEST(ChunkWriterTest, CancellingEndsItWithNothingInFlight) {
  const store::SealingDomain domain = Domain();
  const Bytes image = Image(5000);
  FakeChunkStore store;
  CancelSource cancel;
  ChunkWriterOptions options;
  options.cancel = cancel.token();
  options.progress = [&](uint64_t at) {
    if (at > image.size() / 2) cancel.Cancel();
  };
  const auto written = WriteChunks(Emitting(image), domain, store, NoRepair, options);
  EXPECT_EQ(written.status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(store.held(), 0u);
  // What was put is found again.
  const auto again = WriteChunks(Emitting(image), domain, store, NoRepair, {});
  ASSERT_TRUE(again.ok());
  EXPECT_GT(again->stats.reused_chunks, 0u);
}

TEST(ChunkWriterTest, PutsInFlightAreBounded) {
  const store::SealingDomain domain = Domain();
  const Bytes image = Image(6000);
  FakeChunkStore store;
  store.Hold();
  ChunkWriterOptions options;
  options.threads = 2;
  options.puts_in_flight = 3;
  absl::StatusOr<WrittenChunks> written = absl::UnknownError("");
  size_t most = 0;
  std::thread writer(
      [&] { written = WriteChunks(Emitting(image), domain, store, NoRepair, options); });
  for (size_t released = 0; released < 20; ++released) {
    while (store.held() == 0) std::this_thread::yield();
    most = std::max(most, store.held());
    store.ReleaseOne();
  }
  store.Release();
  writer.join();
  ASSERT_TRUE(written.ok()) << written.status();
  EXPECT_LE(most, 3u);
}

TEST(ChunkWriterTest, WrongParametersAreRefused) {
  const store::SealingDomain domain = Domain();
  FakeChunkStore store;
  ChunkWriterOptions options;
  options.chunker.max_bytes = 8 << 20;
  EXPECT_EQ(WriteChunks(Emitting(Image(1)), domain, store, NoRepair, options).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(BlockHashOfDomainTest, DependsOnSecretAndDomain) {
  const Bytes block = Image(1);
  const auto hash = [&](const store::SealingDomain& domain) {
    return BlockHashOfDomain(domain).value()(block.data());
  };
  store::SealingDomain other_id = Domain(1);
  other_id.domain_id.fill(8);
  store::SealingDomain other_root = Domain(1);
  other_root.birth_root.fill(8);
  store::SealingDomain open;
  EXPECT_EQ(hash(Domain(1)), hash(other_root));  // boundaries outlive roots
  EXPECT_NE(hash(Domain(1)), hash(Domain(2)));
  EXPECT_NE(hash(Domain(1)), hash(other_id));
  EXPECT_NE(hash(Domain(1)), hash(open));
}

}  // namespace
}  // namespace floe::converter
