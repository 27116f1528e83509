// SPDX-License-Identifier: Apache-2.0
#include "absl/strings/str_cat.h"
#include "base/codec.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "oci/digest.h"
#include "oci/media_types.h"
#include "store/origin/store_layout.h"
#include "store/registry/address.h"
#include "store/registry/artifacts.h"
#include "store/registry/pack_index.h"

namespace floe::store {
namespace {

using testing::HasSubstr;

TEST(RegistryAddressTest, TakesItsSettings) {
  const auto address = ParseRegistryAddress(
      "registry:reg.test:5000/team/images?plain-http=true&ca=/a.pem&cert=/c.pem&key=/k.pem&hosts=/"
      "h&"
      "config=/etc/floe/registry&pack=8MiB");
  ASSERT_TRUE(address.ok()) << address.status();
  EXPECT_EQ(address->repository.host, "reg.test:5000");
  EXPECT_EQ(address->repository.repository, "team/images");
  EXPECT_TRUE(address->options.plain_http);
  EXPECT_EQ(address->options.ca_file, "/a.pem");
  EXPECT_EQ(address->options.client_certificate, "/c.pem");
  EXPECT_EQ(address->options.client_key, "/k.pem");
  EXPECT_EQ(address->options.hosts_dir, "/h");
  EXPECT_EQ(address->options.docker_config_dir, "/etc/floe/registry");
  EXPECT_EQ(address->pack_bytes, 8u << 20);
  const auto plain = ParseRegistryAddress("registry:reg.test/images");
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_FALSE(plain->options.plain_http);
  EXPECT_EQ(plain->pack_bytes, 32u << 20);
}

TEST(RegistryAddressTest, OthersAreRefusedWithTheForm) {
  for (const char* wrong :
       {"registry:", "registry:host", "registry:h.test/a:v1", "registry:h.test/a@sha256:00",
        "registry:h.test/A", "registry:h.test/a?plain-http=yes", "registry:h.test/a?ca=relative",
        "registry:h.test/a?pack=1", "registry:h.test/a?pack=9TiB", "registry:h.test/a?user=ann",
        "registry:h.test/a?config", "registry:h.test/"}) {
    const auto address = ParseRegistryAddress(wrong);
    ASSERT_TRUE(absl::IsInvalidArgument(address.status())) << wrong;
    EXPECT_THAT(std::string(address.status().message()), HasSubstr("registry:HOST/REPOSITORY"));
  }
  EXPECT_FALSE(ParseRegistryAddress("folder:/a").ok());
  EXPECT_TRUE(IsRegistryAddress("registry:h/a"));
  EXPECT_FALSE(IsRegistryAddress("/registry:"));
}

ChunkId Id(uint8_t first) {
  ChunkId id;
  id.bytes[0] = first;
  return id;
}

PackIndex Sample() {
  PackIndex index;
  index.manifest.bytes.fill(7);
  index.packs = {{Sha256::Of(AsBytes("a")), 100}, {Sha256::Of(AsBytes("b")), 50}};
  index.chunks = {{Id(1), 0, 0, 60}, {Id(2), 1, 10, 40}, {Id(3), 0, 60, 40}};
  return index;
}

TEST(PackIndexTest, ComesBackAsItWas) {
  const PackIndex index = Sample();
  const Bytes bytes = EncodePackIndex(index);
  const auto decoded = DecodePackIndex(bytes);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(EncodePackIndex(*decoded), bytes);
  EXPECT_EQ(decoded->manifest, index.manifest);
  ASSERT_EQ(decoded->chunks.size(), 3u);
  EXPECT_EQ(decoded->chunks[1].id, Id(2));
  EXPECT_EQ(decoded->chunks[1].offset, 10u);
  EXPECT_EQ(decoded->packs[1].size, 50u);
  EXPECT_TRUE(DecodePackIndex(EncodePackIndex({})).ok());
}

TEST(PackIndexTest, TheGrammarDoesNotMove) {
  const Bytes bytes = EncodePackIndex(Sample());
  EXPECT_EQ(bytes.size(), 48u + 2 * 40 + 3 * 44);
  EXPECT_EQ(ToHex(Sha256::Of(bytes)),
            "93047b836654d629046b4d7f03df1754b3c9e58b069998b16d38b7333f8a827c");
}

TEST(PackIndexTest, WhatIsNotInOrderIsRefused) {
  const auto refused = [](const std::function<void(PackIndex&)>& change) {
    PackIndex index = Sample();
    change(index);
    return absl::IsDataLoss(DecodePackIndex(EncodePackIndex(index)).status());
  };
  EXPECT_FALSE(refused([](PackIndex&) {}));
  EXPECT_TRUE(refused([](PackIndex& index) { std::swap(index.chunks[0], index.chunks[1]); }));
  EXPECT_TRUE(refused([](PackIndex& index) { index.chunks[1].id = index.chunks[0].id; }));
  EXPECT_TRUE(refused([](PackIndex& index) { index.chunks[0].pack = 2; }));
  EXPECT_TRUE(refused([](PackIndex& index) { index.chunks[0].length = 0; }));
  EXPECT_TRUE(refused([](PackIndex& index) { index.chunks[0].length = 101; }));
  EXPECT_TRUE(refused([](PackIndex& index) { index.chunks[2].offset = UINT32_MAX; }));
  EXPECT_TRUE(refused([](PackIndex& index) { index.packs[0].size = 0; }));
  EXPECT_TRUE(refused([](PackIndex& index) { index.packs[0].size = uint64_t{1} << 32; }));
  EXPECT_TRUE(refused([](PackIndex& index) { index.packs.resize(kMaxPackBlobs + 1, {{}, 1}); }));
  EXPECT_TRUE(refused([](PackIndex& index) {
    index.packs[0].size = 4 << 20;
    index.chunks[0].length = 2 << 20;
  }));
}

TEST(PackIndexTest, EveryCutAndEveryLongerTextIsRefused) {
  const Bytes bytes = EncodePackIndex(Sample());
  for (size_t length = 0; length < bytes.size(); ++length) {
    ASSERT_FALSE(DecodePackIndex(ByteView(bytes).first(length)).ok()) << length;
  }
  Bytes longer = bytes;
  longer.push_back(0);
  EXPECT_FALSE(DecodePackIndex(longer).ok());
  Bytes other = bytes;
  other[0] ^= 1;
  EXPECT_FALSE(DecodePackIndex(other).ok());
}

oci::ImageManifest Parsed(const registry::StoredManifest& stored) {
  return *oci::ParseManifest(stored.bytes, stored.descriptor.media_type);
}

IndexArtifact SampleArtifact() {
  IndexArtifact artifact;
  artifact.manifest.bytes.fill(9);
  artifact.index = oci::DescribeBytes("", AsBytes("index"));
  artifact.record = oci::DescribeBytes("", AsBytes("record"));
  artifact.packs = {DescribePack(Sample().packs[0])};
  return artifact;
}

TEST(IndexArtifactTest, ComesBackAsItWas) {
  IndexArtifact artifact = SampleArtifact();
  artifact.subject = oci::DescribeBytes(oci::kOciManifest, AsBytes("image"));
  const auto decoded = DecodeIndexArtifact(Parsed(EncodeIndexArtifact(artifact)));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->manifest, artifact.manifest);
  EXPECT_EQ(decoded->index.digest, artifact.index.digest);
  EXPECT_EQ(decoded->record.size, artifact.record.size);
  ASSERT_EQ(decoded->packs.size(), 1u);
  EXPECT_EQ(decoded->packs[0].digest, oci::DigestString(Sample().packs[0].digest));
  EXPECT_EQ(decoded->subject->digest, artifact.subject->digest);
  EXPECT_FALSE(decoded->shared);
  artifact.shared = true;
  EXPECT_TRUE(DecodeIndexArtifact(Parsed(EncodeIndexArtifact(artifact)))->shared);
}

TEST(IndexArtifactTest, OtherManifestsAreNone) {
  const oci::ImageManifest good = Parsed(EncodeIndexArtifact(SampleArtifact()));
  const auto refused = [&](const std::function<void(oci::ImageManifest&)>& change) {
    oci::ImageManifest manifest = good;
    change(manifest);
    return absl::IsDataLoss(DecodeIndexArtifact(manifest).status());
  };
  EXPECT_FALSE(refused([](oci::ImageManifest&) {}));
  EXPECT_TRUE(refused([](oci::ImageManifest& m) { m.artifact_type = "x"; }));
  EXPECT_TRUE(refused([](oci::ImageManifest& m) { m.annotations.clear(); }));
  EXPECT_TRUE(refused([](oci::ImageManifest& m) { m.annotations[kManifestAnnotation] = "00"; }));
  EXPECT_TRUE(refused([](oci::ImageManifest& m) { m.layers.resize(1); }));
  EXPECT_TRUE(refused([](oci::ImageManifest& m) { std::swap(m.layers[0], m.layers[1]); }));
}

TEST(ObjectArtifactTest, HoldsOneObject) {
  const registry::StoredManifest stored = EncodeObjectArtifact("floe.json", AsBytes("{}"));
  EXPECT_EQ(DecodeObjectArtifact(Parsed(stored))->digest, oci::DigestOf(AsBytes("{}")));
  EXPECT_FALSE(DecodeObjectArtifact(Parsed(EncodeIndexArtifact(SampleArtifact()))).ok());
}

TEST(RegistryNameTest, EveryNameHasItsTag) {
  const std::string hex(64, 'a');
  const std::string root(32, 'b');
  const struct {
    std::string name;
    ObjectKind kind;
    std::string tag;
  } cases[] = {
      {"floe.json", ObjectKind::kSmall, "floe-store"},
      {"log/0000000001", ObjectKind::kSmall, "floe-log-0000000001"},
      {absl::StrCat("x/", hex), ObjectKind::kConversion, absl::StrCat("floe-x-", hex)},
      {absl::StrCat("r/", root, "/m/", hex), ObjectKind::kRecord, absl::StrCat("floe-", hex)},
  };
  for (const auto& [name, kind, tag] : cases) {
    const auto parsed = ParseRegistryName(name);
    ASSERT_TRUE(parsed) << name;
    EXPECT_EQ(parsed->kind, kind) << name;
    EXPECT_EQ(parsed->tag, tag);
    EXPECT_LE(tag.size(), 128u) << "the longest tag a registry takes";
    const auto back = ParseTag(tag);
    ASSERT_TRUE(back) << tag;
    EXPECT_EQ(NameOfTag(*back, root), name);
  }
  const auto chunk = ParseRegistryName(absl::StrCat("r/", root, "/c/aa/", hex));
  ASSERT_TRUE(chunk);
  EXPECT_EQ(chunk->kind, ObjectKind::kChunk);
  EXPECT_EQ(chunk->chunk.ToHex(), hex);
  for (const char* none :
       {"", "x/1", "log/", "log/x", "log/1/2", "r/1/m/2", "r/1/c/2", "live/a/b"}) {
    EXPECT_FALSE(ParseRegistryName(none)) << none;
  }
  for (const char* none :
       {"", "latest", "floe-", "floe-x-1", "floe-log-", "floe-abc", "sha256-00"}) {
    EXPECT_FALSE(ParseTag(none)) << none;
  }
}

}  // namespace
}  // namespace floe::store
