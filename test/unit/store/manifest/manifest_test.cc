// SPDX-License-Identifier: Apache-2.0
// What a manifest is: round trip, determinism, rules, sizes.
#include "store/manifest.h"

#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "manifest_sample.h"

namespace floe::store {
namespace {

using testing::HasSubstr;

TEST(Manifest, OpensToWhatItWas) {
  for (const uint32_t chunks : {0u, 1u, 3u, 300u}) {
    const Manifest manifest = SampleManifest(chunks);
    const EncodedManifest encoded = SampleEncoded(manifest);
    Secret file_key;
    auto opened = OpenManifest(encoded.file, TrustIn(SampleSigner()), SampleRing(0x55), &file_key);
    ASSERT_TRUE(opened.ok()) << opened.status();
    EXPECT_TRUE(SameManifest(*opened, manifest));
    auto again = OpenManifestWithFileKey(encoded.file, TrustIn(SampleSigner()), file_key);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_TRUE(SameManifest(*again, manifest));
  }
}

TEST(Manifest, TheEnvelopeTellsWhatNeedsNoKey) {
  const Manifest manifest = SampleManifest();
  const EncodedManifest encoded = SampleEncoded(manifest, {0x55, 0x66});
  auto envelope = ParseManifestEnvelope(encoded.file);
  ASSERT_TRUE(envelope.ok()) << envelope.status();
  EXPECT_EQ(envelope->id, encoded.id);
  EXPECT_EQ(envelope->version, 1);
  EXPECT_EQ(envelope->image_size, manifest.image_size);
  EXPECT_EQ(envelope->birth_root, manifest.birth_root);
  EXPECT_EQ(envelope->domain_id, manifest.domain_id);
  EXPECT_EQ(envelope->ids.size(), 3u);
  EXPECT_EQ(envelope->ids[1], manifest.chunks[1].id);
  ASSERT_EQ(envelope->signatures.size(), 1u);
  EXPECT_EQ(envelope->signatures[0].key_id, SampleSigner().verifying_key().id);
  ASSERT_EQ(envelope->recipients.size(), 2u);
  EXPECT_EQ(envelope->recipients[0].scheme, "local");
  EXPECT_EQ(envelope->packs, 0u);
}

TEST(Manifest, TheRecordIsTheFileWithoutRecipients) {
  const EncodedManifest encoded = SampleEncoded(SampleManifest());
  auto record = ParseManifestRecord(encoded.body_and_signatures);
  ASSERT_TRUE(record.ok()) << record.status();
  EXPECT_EQ(record->id, encoded.id);
  EXPECT_FALSE(ParseManifestRecord(encoded.file).ok());
  EXPECT_FALSE(ParseManifestEnvelope(encoded.body_and_signatures).ok());
}

TEST(Manifest, TheSameContentGivesTheSameBytes) {
  EXPECT_EQ(SampleEncoded(SampleManifest()).file, SampleEncoded(SampleManifest()).file);
}

TEST(Manifest, OtherContentGivesAnotherFileKey) {
  std::set<std::string> keys;
  const auto add = [&](const Manifest& manifest, uint8_t secret) {
    const SigningKey signer = SampleSigner();
    std::vector<Recipient> recipients;
    recipients.push_back(SampleRecipient(0x55));
    const EncodedManifest encoded =
        *EncodeManifest(manifest, SampleSecret(secret), {&signer}, recipients);
    Secret key;
    ASSERT_TRUE(OpenManifest(encoded.file, TrustIn(signer), SampleRing(0x55), &key).ok());
    keys.insert(ToHex(key.view()));
  };
  Manifest changed = SampleManifest();
  add(changed, 0x11);
  add(changed, 0x12);
  changed.chunks[1].key[5] ^= 1;
  add(changed, 0x11);
  changed = SampleManifest();
  changed.facts.platform = "linux/arm64";
  add(changed, 0x11);
  changed = SampleManifest();
  changed.birth_root[0] ^= 1;
  add(changed, 0x11);
  EXPECT_EQ(keys.size(), 5u);
}

// Guards manifest ids: the same image in the same domain must give them in every build. Computed
// once more by another program from doc/manifest.md alone.
TEST(ManifestGolden, TheBytesStayWhatTheyAre) {
  const EncodedManifest encoded = SampleEncoded(SampleManifest());
  EXPECT_EQ(encoded.id.ToHex(), "8e2800933eef35fc6de3fce7d1bd347789a68a7890a84e78c6f470bc9774428f");
  EXPECT_EQ(ToHex(Sha256(encoded.file)),
            "c57ab5007aaffb44e198924ef53429ca09e34272bdb0dd802cad1ecb0a87cc64");
}

TEST(Manifest, NeedsAtMost96BytesAChunk) {
  const EncodedManifest encoded = SampleEncoded(SampleManifest(1000), {0x55, 0x66});
  EXPECT_LE(encoded.file.size(), 96u * 1000);
  EXPECT_LE(SampleEncoded(SampleManifest(100000)).file.size(), 81u * 100000);
}

TEST(Manifest, EachOfTwoRecipientsOpensIt) {
  const EncodedManifest encoded = SampleEncoded(SampleManifest(), {0x55, 0x66});
  for (const uint8_t fill : {0x55, 0x66}) {
    EXPECT_TRUE(OpenManifest(encoded.file, TrustIn(SampleSigner()), SampleRing(fill)).ok());
  }
  EXPECT_EQ(encoded.id, SampleEncoded(SampleManifest(), {0x55}).id);
}

TEST(Manifest, AForeignKeyIsRefusedWithTheRemedy) {
  const EncodedManifest encoded = SampleEncoded(SampleManifest());
  const KeyRing foreign = SampleRing(0x66);
  const KeyRing empty;
  for (const KeyRing* ring : {&foreign, &empty}) {
    const absl::Status status = OpenManifest(encoded.file, TrustIn(SampleSigner()), *ring).status();
    EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
    EXPECT_THAT(std::string(status.message()),
                testing::AllOf(HasSubstr(encoded.id.ToHex()), HasSubstr("floe key import"),
                               HasSubstr("local:" + LocalKeyId(SampleSecret(0x55)))));
  }
}

TEST(Manifest, AWrongFileKeyIsRefused) {
  const EncodedManifest encoded = SampleEncoded(SampleManifest());
  for (const size_t size : {32, 16, 0}) {
    EXPECT_TRUE(absl::IsDataLoss(
        OpenManifestWithFileKey(encoded.file, TrustIn(SampleSigner()), Secret(size)).status()));
  }
}

TEST(Manifest, AnUntrustedSignerIsRefusedUnlessUnsignedIsAllowed) {
  const EncodedManifest encoded = SampleEncoded(SampleManifest());
  const TrustPolicy strangers = TrustIn(SampleSigner(0x45));
  const absl::Status status = OpenManifest(encoded.file, strangers, SampleRing(0x55)).status();
  EXPECT_TRUE(absl::IsPermissionDenied(status));
  EXPECT_THAT(std::string(status.message()),
              testing::AllOf(HasSubstr(ToHex(SampleSigner().verifying_key().id)),
                             HasSubstr("floe key trust")));
  EXPECT_TRUE(OpenManifest(encoded.file, {{}, true}, SampleRing(0x55)).ok());
}

TEST(Manifest, AnUnsignedOneIsRefusedUnlessAllowed) {
  std::vector<Recipient> recipients;
  recipients.push_back(SampleRecipient(0x55));
  auto encoded = EncodeManifest(SampleManifest(), SampleSecret(0x11), {}, recipients);
  ASSERT_TRUE(encoded.ok());
  const absl::Status status =
      OpenManifest(encoded->file, TrustIn(SampleSigner()), SampleRing(0x55)).status();
  EXPECT_TRUE(absl::IsPermissionDenied(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("not signed"));
  EXPECT_TRUE(OpenManifest(encoded->file, {{}, true}, SampleRing(0x55)).ok());
}

// Each broken rule, and what its error says.
TEST(Manifest, EncodingRefusesWhatBreaksARule) {
  const struct {
    void (*change)(Manifest&);
    const char* text;
  } kCases[] = {
      {[](Manifest& m) { m.image_size += 1; }, "number of blocks"},
      {[](Manifest& m) { m.image_size = uint64_t{1} << 60; }, "number of blocks"},
      {[](Manifest& m) { std::swap(m.chunks[0], m.chunks[1]); }, "does not ascend"},
      {[](Manifest& m) { m.chunks[1].id = m.chunks[0].id; }, "does not ascend"},
      {[](Manifest& m) { m.chunks[0].raw_length = 0; }, "raw length"},
      {[](Manifest& m) { m.chunks[0].raw_length = 4097; }, "raw length"},
      {[](Manifest& m) { m.chunks[0].raw_length = 2 << 20; }, "raw length"},
      {[](Manifest& m) { m.chunks[0].sealed_length = 15; }, "sealed length"},
      {[](Manifest& m) { m.chunks[0].sealed_length = 8192 + 17; }, "sealed length"},
      {[](Manifest& m) { m.chunks[0].codec = Codec::kNone; }, "sealed length"},
      {[](Manifest& m) { m.chunks[0].codec = static_cast<Codec>(3); }, "codec"},
      {[](Manifest& m) { m.extents[0].chunk = 3; }, "names chunk 3 of 3"},
      {[](Manifest& m) { std::swap(m.extents[0], m.extents[1]); }, "overlaps"},
      {[](Manifest& m) { m.extents[1].first_block = 2; }, "overlaps"},
      {[](Manifest& m) { m.extents[2].first_block = 9; }, "ends after"},
      {[](Manifest& m) { m.facts.platform = std::string(5000, 'x'); }, "longer than 4096"},
  };
  for (const auto& test : kCases) {
    Manifest manifest = SampleManifest();
    test.change(manifest);
    const absl::Status status = EncodeManifest(manifest, SampleSecret(0x11), {}, {}).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << test.text;
    EXPECT_THAT(std::string(status.message()), HasSubstr(test.text));
  }
}

TEST(Manifest, EncodingRefusesTooManyOfAnything) {
  const Manifest manifest = SampleManifest();
  const SigningKey signer = SampleSigner();
  EXPECT_TRUE(absl::IsInvalidArgument(
      EncodeManifest(manifest, SampleSecret(1), std::vector<const SigningKey*>(9, &signer), {})
          .status()));
  std::vector<Recipient> recipients;
  for (uint8_t i = 0; i < 33; ++i) recipients.push_back(SampleRecipient(i));
  EXPECT_TRUE(
      absl::IsInvalidArgument(EncodeManifest(manifest, SampleSecret(1), {}, recipients).status()));
  recipients.clear();
  recipients.push_back(Recipient::Local("short", Secret(16)));
  EXPECT_TRUE(
      absl::IsInvalidArgument(EncodeManifest(manifest, SampleSecret(1), {}, recipients).status()));
  recipients.clear();
  recipients.push_back(Recipient::Local(std::string(1025, 'h'), Secret(32)));
  EXPECT_TRUE(
      absl::IsInvalidArgument(EncodeManifest(manifest, SampleSecret(1), {}, recipients).status()));
}

TEST(Manifest, OnlyThePublicDomainHasNoSecret) {
  Manifest manifest = SampleManifest();
  EXPECT_TRUE(absl::IsInvalidArgument(EncodeManifest(manifest, Secret(), {}, {}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(EncodeManifest(manifest, Secret(31), {}, {}).status()));
  manifest.domain_id = kPublicDomain;
  EXPECT_TRUE(EncodeManifest(manifest, Secret(), {}, {}).ok());
}

TEST(Manifest, MovesKeysAndLeavesNone) {
  Manifest from = SampleManifest();
  Manifest to = SampleManifest(1);
  to = std::move(from);
  EXPECT_EQ(to.chunks.size(), 3u);
  EXPECT_TRUE(SameManifest(to, SampleManifest()));
}

}  // namespace
}  // namespace floe::store
