// SPDX-License-Identifier: Apache-2.0
#include "store/seal/seal.h"

#include <set>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "store/seal/cipher.h"
#include "store/seal/compress.h"

namespace floe::store {
namespace {

// Compressible, not trivial, the same on every machine.
Bytes Pattern(size_t size, uint32_t seed = 1) {
  Bytes bytes(size);
  uint32_t state = seed;
  for (size_t i = 0; i < size; ++i) {
    if (i % 7 == 0) state = state * 1664525 + 1013904223;
    bytes[i] = static_cast<uint8_t>(state >> 24);
  }
  return bytes;
}

Bytes Noise(size_t size) {
  Bytes bytes(size);
  uint64_t state = 88172645463325252u;
  for (uint8_t& byte : bytes) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    byte = static_cast<uint8_t>(state);
  }
  return bytes;
}

SealingDomain Domain(uint8_t fill = 0x11) {
  SealingDomain domain;
  domain.domain_id.fill(0x22);
  domain.birth_root.fill(0x33);
  domain.secret = Secret::Copy(Bytes(32, fill));
  return domain;
}

SealedChunk Sealed(ByteView raw, const SealingDomain& domain, CodecParameters codec = {}) {
  Sealer sealer(domain, codec);
  auto sealed = sealer.Seal(raw);
  EXPECT_TRUE(sealed.ok()) << sealed.status();
  return *std::move(sealed);
}

// Guards every id in every store: a change here means that converters of two versions no longer
// deduplicate. The values were computed once more by another program (doc/chunk.md, "Vectors").
TEST(SealGolden, IdsAndKeysStayWhatTheyAre) {
  const SealingDomain domain = Domain();
  const SealedChunk zstd = Sealed(Pattern(256 << 10), domain);
  EXPECT_EQ(zstd.ref.codec, Codec::kZstd);
  EXPECT_EQ(zstd.ref.sealed_length, 37581u);
  EXPECT_EQ(zstd.ref.id.ToHex(),
            "f53fa157c50e3ce229f3056b476bc057a2a57e31433d26c34dc397d598718837");
  EXPECT_EQ(ToHex(zstd.ref.key),
            "043d3f363d7f2b634dd46186e28a4adf2f31862c3db8e968548a67921ba9f4db");
  const SealedChunk none = Sealed(Pattern(4096), domain, {Codec::kNone, 3});
  EXPECT_EQ(none.ref.sealed_length, 4112u);
  EXPECT_EQ(none.ref.id.ToHex(),
            "b6c6906e41fb759889bb859bdb504a72c99d84984039dd69b9625c7194044f94");
  EXPECT_EQ(ToHex(none.ref.key),
            "a772d007518e5bb6a78ec6f71ae1dfc858c2c0ab8bc7036ff1a30edf44854938");
  SealingDomain open = Domain();
  open.domain_id = kPublicDomain;
  open.secret = Secret();
  EXPECT_EQ(Sealed(Pattern(4096), open, {Codec::kNone, 3}).ref.id.ToHex(),
            "4e6706a86f33e12d153784538b67fcf41b3cafc65dac12c34b6b25da697488f3");
}

TEST(Seal, OpensToWhatItWas) {
  const SealingDomain domain = Domain();
  Sealer sealer(domain, {});
  for (const size_t size : {size_t{1}, size_t{4096}, size_t{12288}, kMaxRawChunkBytes}) {
    for (const Bytes& raw : {Pattern(size), Noise(size), Bytes(size, 0)}) {
      auto sealed = sealer.Seal(raw);
      ASSERT_TRUE(sealed.ok());
      EXPECT_EQ(sealed->ref.sealed_length, sealed->sealed.bytes().size());
      EXPECT_LE(sealed->ref.sealed_length, raw.size() + 16);
      Bytes opened(size, 0xaa);
      ASSERT_TRUE(OpenChunk(sealed->sealed, sealed->ref, opened).ok());
      EXPECT_EQ(opened, raw);
    }
  }
}

TEST(Seal, StoresAsItIsWhatZstdDoesNotShrink) {
  EXPECT_EQ(Sealed(Noise(8192), Domain()).ref.codec, Codec::kNone);
  EXPECT_EQ(Sealed(Bytes(8192, 0), Domain()).ref.codec, Codec::kZstd);
}

TEST(Seal, RefusesEmptyAndTooLongChunks) {
  const SealingDomain domain = Domain();
  Sealer sealer(domain, {});
  EXPECT_TRUE(absl::IsInvalidArgument(sealer.Seal({}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(sealer.Seal(Bytes(kMaxRawChunkBytes + 1)).status()));
}

TEST(Seal, EveryPartOfTheDomainChangesKeyAndId) {
  const Bytes raw = Pattern(8192);
  std::set<std::string> ids, keys;
  SealingDomain root = Domain(), id = Domain(), secret = Domain(0x12), same = Domain(),
                again = Domain();
  root.birth_root[15] ^= 1;
  id.domain_id[0] ^= 1;
  for (const SealingDomain* domain : {&same, &root, &id, &secret, &again}) {
    const SealedChunk sealed = Sealed(raw, *domain);
    ids.insert(sealed.ref.id.ToHex());
    keys.insert(ToHex(sealed.ref.key));
  }
  EXPECT_EQ(ids.size(), 4u);  // `again` is `same`
  EXPECT_EQ(keys.size(), 4u);
}

TEST(Seal, TheOrderOfChunksChangesNothing) {
  const SealingDomain domain = Domain();
  Sealer sealer(domain, {});
  const SealedChunk first = *sealer.Seal(Pattern(65536, 5));
  ASSERT_TRUE(sealer.Seal(Noise(70000)).ok());
  EXPECT_EQ(sealer.Seal(Pattern(65536, 5))->ref.id, first.ref.id);
}

TEST(VerifyById, AcceptsTheRightBytesOnly) {
  const SealedChunk chunk = Sealed(Pattern(4096), Domain());
  EXPECT_TRUE(VerifyById(chunk.ref.id, chunk.sealed.shared()).ok());
  auto altered = std::make_shared<Bytes>(chunk.sealed.bytes().begin(), chunk.sealed.bytes().end());
  (*altered)[9] ^= 1;
  auto refused = VerifyById(chunk.ref.id, altered);
  EXPECT_TRUE(absl::IsDataLoss(refused.status()));
  EXPECT_THAT(std::string(refused.status().message()), testing::HasSubstr(chunk.ref.id.ToHex()));
  EXPECT_TRUE(absl::IsDataLoss(VerifyById(chunk.ref.id, std::make_shared<Bytes>()).status()));
}

class OpenChunkRefuses : public testing::TestWithParam<Codec> {
 protected:
  const SealedChunk chunk_ = Sealed(Pattern(16384), Domain(), {GetParam(), 3});
  Bytes raw_ = Bytes(16384, 0xaa);
};

TEST_P(OpenChunkRefuses, AnotherKeyAndLeavesNoByte) {
  ChunkRef ref = chunk_.ref;
  ref.key[0] ^= 1;
  EXPECT_TRUE(absl::IsDataLoss(OpenChunk(chunk_.sealed, ref, raw_)));
  EXPECT_NE(raw_, Pattern(16384));
}

TEST_P(OpenChunkRefuses, AnotherLength) {
  ChunkRef ref = chunk_.ref;
  ref.sealed_length += 1;
  EXPECT_TRUE(absl::IsDataLoss(OpenChunk(chunk_.sealed, ref, raw_)));
  ref = chunk_.ref;
  ref.raw_length = 12288;
  EXPECT_TRUE(absl::IsInvalidArgument(OpenChunk(chunk_.sealed, ref, raw_)));
  EXPECT_TRUE(absl::IsDataLoss(OpenChunk(chunk_.sealed, ref, MutableByteView(raw_).first(12288))));
  ref.raw_length = 20480;
  Bytes larger(20480);
  EXPECT_TRUE(absl::IsDataLoss(OpenChunk(chunk_.sealed, ref, larger)));
}

TEST_P(OpenChunkRefuses, AnotherCodec) {
  ChunkRef ref = chunk_.ref;
  ref.codec = GetParam() == Codec::kZstd ? Codec::kNone : Codec::kZstd;
  EXPECT_TRUE(absl::IsDataLoss(OpenChunk(chunk_.sealed, ref, raw_)));
  ref.codec = static_cast<Codec>(9);
  EXPECT_TRUE(absl::IsDataLoss(OpenChunk(chunk_.sealed, ref, raw_)));
}

TEST_P(OpenChunkRefuses, AnotherChunk) {
  ChunkRef ref = chunk_.ref;
  ref.id.bytes[0] ^= 1;
  EXPECT_EQ(OpenChunk(chunk_.sealed, ref, raw_).code(), absl::StatusCode::kInternal);
}

INSTANTIATE_TEST_SUITE_P(Codecs, OpenChunkRefuses, testing::Values(Codec::kNone, Codec::kZstd));

TEST(OpenChunk, RefusesSealedBytesShorterThanTheTag) {
  const VerifiedSealed tiny = NameSealed(std::make_shared<Bytes>(3, 1));
  ChunkRef ref;
  ref.id = tiny.id();
  ref.raw_length = 4096;
  ref.sealed_length = 3;
  Bytes raw(4096);
  EXPECT_TRUE(absl::IsDataLoss(OpenChunk(tiny, ref, raw)));
}

TEST(OpenChunk, RunsOnManyThreads) {
  const SealedChunk chunk = Sealed(Pattern(65536), Domain());
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      Bytes raw(65536);
      for (int i = 0; i < 20; ++i) {
        ASSERT_TRUE(OpenChunk(chunk.sealed, chunk.ref, raw).ok());
        ASSERT_EQ(raw, Pattern(65536));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(Decompress, RefusesWhatIsNoFrameOfThatLength) {
  Compressor compressor(3);
  const Bytes raw(4096, 7);
  const ByteView frame = *compressor.Compress(raw);
  Bytes out(4096);
  EXPECT_TRUE(Decompress(frame, out).ok());
  EXPECT_TRUE(absl::IsDataLoss(Decompress(frame, MutableByteView(out).first(4095))));
  Bytes longer(4097);
  EXPECT_TRUE(absl::IsDataLoss(Decompress(frame, longer)));
  EXPECT_TRUE(absl::IsDataLoss(Decompress(frame.first(frame.size() - 1), out)));
  EXPECT_TRUE(absl::IsDataLoss(Decompress(AsBytes("no frame"), out)));
}

}  // namespace
}  // namespace floe::store
