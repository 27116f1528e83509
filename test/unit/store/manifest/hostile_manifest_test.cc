// SPDX-License-Identifier: Apache-2.0
// Manifests that were cut, flipped, forged, or come from the future.
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "manifest_sample.h"
#include "store/manifest/format.h"
#include "store/manifest/keys.h"
#include "store/manifest/table.h"

namespace floe::store {
namespace {

using testing::HasSubstr;

absl::StatusOr<Manifest> Open(ByteView file) {
  return OpenManifest(file, TrustIn(SampleSigner()), SampleRing(0x55));
}

// The header of a valid file changed, body re-encrypted and signed again: what a trusted but
// careless or newer converter could write.
Bytes Forge(const ManifestHeader& header, const Secret& table, ByteView ids) {
  const Secret file_key = SampleSecret(0x77);
  ManifestHeader with_commit = header;
  with_commit.commit = DeriveCommit(file_key);
  LittleEndianWriter out;
  EncodeHeader(with_commit, out);
  out.PutBytes(ids);
  Bytes sealed(table.size() + kGcmTagBytes);
  GcmSealNonceZero(DeriveTableKey(file_key), out.view(), table.view(), sealed);
  out.PutBytes(sealed);
  const ManifestId id{Sha256(out.view())};
  EncodeSignatures({*SampleSigner().Sign(id)}, out);
  EXPECT_TRUE(EncodeRecipients({*SampleRecipient(0x55).Wrap(file_key)}, out).ok());
  out.Put(uint32_t{0});
  return out.Take();
}

struct Forgery {
  ManifestHeader header;
  Bytes ids;
  Secret table;
};

Forgery Sample() {
  const Manifest manifest = SampleManifest();
  const EncodedManifest encoded = SampleEncoded(manifest);
  Forgery forgery;
  forgery.header = *DecodeHeader(ByteView(encoded.file).first(kManifestHeaderBytes));
  const ByteView ids = ByteView(encoded.file).subspan(kManifestHeaderBytes, 96);
  forgery.ids.assign(ids.begin(), ids.end());
  forgery.table = EncodeTable(manifest);
  return forgery;
}

TEST(HostileManifest, TheUnchangedForgeryOpens) {
  const Forgery forgery = Sample();
  EXPECT_TRUE(Open(Forge(forgery.header, forgery.table, forgery.ids)).ok());
}

TEST(HostileManifest, IsRefusedWhenCutAtAnyLength) {
  const EncodedManifest encoded = SampleEncoded(SampleManifest());
  for (size_t length = 0; length < encoded.file.size(); ++length) {
    const ByteView cut = ByteView(encoded.file).first(length);
    const absl::Status status = Open(cut).status();
    EXPECT_FALSE(status.ok()) << length;
    EXPECT_FALSE(ParseManifestEnvelope(cut).ok()) << length;
  }
}

TEST(HostileManifest, IsRefusedWithBytesAfterItsEnd) {
  Bytes file = SampleEncoded(SampleManifest()).file;
  file.push_back(0);
  EXPECT_TRUE(absl::IsInvalidArgument(Open(file).status()));
}

// store.md: a flip in BODY, in the needed signature or in the own stanza is refused; any other flip
// may open and never changes what is read.
TEST(HostileManifest, NoFlippedBitChangesWhatIsRead) {
  const Manifest manifest = SampleManifest();
  const EncodedManifest encoded = SampleEncoded(manifest, {0x66, 0x55});
  const size_t body = BodyBytes(manifest, encoded);
  const size_t signatures_end = encoded.body_and_signatures.size();
  const RecipientStanza foreign = *SampleRecipient(0x66).Wrap(SampleSecret(1));
  const size_t own_stanza =
      signatures_end + 4 + 5 + foreign.scheme.size() + foreign.hint.size() + foreign.blob.size();
  const size_t own_end = encoded.file.size() - 4;
  size_t opened_anyway = 0;
  for (size_t bit = 0; bit < encoded.file.size() * 8; ++bit) {
    Bytes flipped = encoded.file;
    flipped[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    auto opened = Open(flipped);
    const size_t byte = bit / 8;
    const bool must_refuse = byte < signatures_end || (byte >= own_stanza && byte < own_end);
    EXPECT_FALSE(must_refuse && opened.ok()) << "byte " << byte << " of a body of " << body;
    if (!opened.ok()) continue;
    ++opened_anyway;
    EXPECT_TRUE(SameManifest(*opened, manifest)) << byte;
  }
  EXPECT_GT(opened_anyway, 0u);  // the other recipient's stanza is nobody's business here
}

TEST(HostileManifest, WithoutSignaturesTheTagStillGuardsTheBody) {
  const Manifest manifest = SampleManifest();
  const EncodedManifest encoded = SampleEncoded(manifest);
  const TrustPolicy unsigned_allowed{{}, true};
  for (size_t bit = 0; bit < BodyBytes(manifest, encoded) * 8; ++bit) {
    Bytes flipped = encoded.file;
    flipped[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    EXPECT_FALSE(OpenManifest(flipped, unsigned_allowed, SampleRing(0x55)).ok()) << bit / 8;
  }
}

TEST(HostileManifest, FromTheFutureIsRefusedWithTheRemedy) {
  const struct {
    size_t offset;
    uint8_t value;
    const char* text;
  } kCases[] = {{8, 2, "version 2"},   {12, 2, "critical flag"},  {15, 0x80, "critical flag"},
                {20, 2, "cipher"},     {21, 2, "key derivation"}, {22, 2, "file system"},
                {23, 16, "block size"}};
  for (const auto& test : kCases) {
    Bytes file = SampleEncoded(SampleManifest()).file;
    file[test.offset] = test.value;
    const absl::Status status = ParseManifestEnvelope(file).status();
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    EXPECT_THAT(std::string(status.message()),
                testing::AllOf(HasSubstr(test.text), HasSubstr("update floe")));
  }
}

TEST(HostileManifest, AnUnknownFlagThatIsNotCriticalIsIgnored) {
  Forgery forgery = Sample();
  forgery.header.flags = 0x80000001;
  EXPECT_TRUE(Open(Forge(forgery.header, forgery.table, forgery.ids)).ok());
}

TEST(HostileManifest, AnUnknownFactIsSkipped) {
  Forgery forgery = Sample();
  LittleEndianWriter table;
  table.PutBytes(forgery.table.view());
  table.Put(uint16_t{900});
  table.Put(uint16_t{3});
  table.PutBytes(AsBytes("new"));
  forgery.header.table_length = table.size();
  EXPECT_TRUE(Open(Forge(forgery.header, Secret::Copy(table.view()), forgery.ids)).ok());
}

// Headers that contradict themselves or the table, although signed and encrypted correctly.
TEST(HostileManifest, SignedContradictionsAreRefused) {
  const struct {
    void (*change)(Forgery&);
    const char* text;
  } kCases[] = {
      {[](Forgery& f) { f.header.max_raw = 4096; }, "disagree"},
      {[](Forgery& f) { f.header.max_raw = 1 << 21; }, "longer than 1 MiB"},
      {[](Forgery& f) { f.header.max_sealed = (1 << 20) + 17; }, "longer than 1 MiB"},
      {[](Forgery& f) { f.header.max_sealed += 1; }, "disagree"},
      {[](Forgery& f) { f.header.image_size = 4096; }, "ends after"},
      {[](Forgery& f) { f.header.image_size += 1; }, "number of blocks"},
      {[](Forgery& f) { f.header.image_size = uint64_t{1} << 62; }, "number of blocks"},
      {[](Forgery& f) { f.header.extents = 0; }, "facts"},
      {[](Forgery& f) { f.header.extents = 0xffffffff; }, "table's length"},
      {[](Forgery& f) { f.header.chunks = 0xffffffff; }, "table's length"},
      {[](Forgery& f) { f.header.table_length = 0; }, "table's length"},
      {[](Forgery& f) { f.header.table_length = uint64_t{1} << 63; }, "table's length"},
      {[](Forgery& f) { f.header.critical_flags = kCriticalPack; }, "names no manifest"},
      {[](Forgery& f) { f.header.of.bytes[0] = 1; }, "names no manifest"},
      {[](Forgery& f) {
         f.header.critical_flags = kCriticalPack;
         f.header.of.bytes[0] = 1;
       },
       "start pack"},
      {[](Forgery& f) { std::swap(f.ids[0], f.ids[32]), std::swap(f.ids[3], f.ids[35]); },
       "ascend"},
      {[](Forgery& f) { std::copy_n(f.ids.begin(), 32, f.ids.begin() + 32); }, "ascend"},
      {[](Forgery& f) { f.table.mutable_view()[32] = 1; }, "raw length"},
      {[](Forgery& f) { f.table.mutable_view()[39] = 7; }, "codec"},
      {[](Forgery& f) { f.table.mutable_view()[120] = 0xff; }, "ends after"},
      {[](Forgery& f) { f.table.mutable_view()[124] = 0xff; }, "names chunk"},
  };
  for (const auto& test : kCases) {
    Forgery forgery = Sample();
    test.change(forgery);
    const absl::Status status = Open(Forge(forgery.header, forgery.table, forgery.ids)).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << test.text << ": " << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(test.text));
  }
}

TEST(HostileManifest, MalformedFactsAreRefused) {
  const Manifest manifest = SampleManifest();
  const Forgery sample = Sample();
  const size_t entries = 3 * kChunkEntryBytes + 3 * kExtentBytes;
  const auto with_facts = [&](const Bytes& facts) {
    LittleEndianWriter table;
    table.PutBytes(sample.table.view().first(entries));
    table.PutBytes(facts);
    ManifestHeader header = sample.header;
    header.table_length = table.size();
    return Open(Forge(header, Secret::Copy(table.view()), sample.ids)).status();
  };
  EXPECT_TRUE(with_facts({}).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(with_facts({1})));                        // half a type
  EXPECT_TRUE(absl::IsInvalidArgument(with_facts({1, 0, 5, 0, 'a'})));          // too short
  EXPECT_TRUE(absl::IsInvalidArgument(with_facts({2, 0, 0, 0, 1, 0, 0, 0})));   // descending
  EXPECT_TRUE(absl::IsInvalidArgument(with_facts({1, 0, 0, 0, 1, 0, 0, 0})));   // twice
  EXPECT_TRUE(absl::IsInvalidArgument(with_facts({3, 0, 3, 0, 1, 0, 0})));      // not a number
  EXPECT_TRUE(absl::IsInvalidArgument(with_facts(Bytes(kMaxFactsBytes + 1))));  // too long
}

// The lists behind the body, each with a count or length out of bounds.
TEST(HostileManifest, ListsOutOfBoundsAreRefused) {
  const Manifest manifest = SampleManifest();
  const EncodedManifest encoded = SampleEncoded(manifest);
  const size_t signatures = BodyBytes(manifest, encoded);
  const size_t recipients = encoded.body_and_signatures.size();
  const size_t packs = encoded.file.size() - 4;
  const struct {
    size_t offset;
    uint8_t value;
  } kCases[] = {
      {signatures, 9},        {signatures + 3, 0xff}, {signatures + 6, 1},   {recipients, 33},
      {recipients + 3, 0xff}, {recipients + 4, 0},    {recipients + 4, 255}, {packs, 5},
      {packs + 3, 0xff}};
  for (const auto& test : kCases) {
    Bytes file = encoded.file;
    file[test.offset] = test.value;
    EXPECT_TRUE(absl::IsInvalidArgument(ParseManifestEnvelope(file).status())) << test.offset;
  }
  Bytes file = encoded.file;
  file[signatures + 4] = 2;  // another algorithm
  EXPECT_TRUE(absl::IsFailedPrecondition(ParseManifestEnvelope(file).status()));
}

// A start pack as a later floe will write it.
Bytes Pack(const ManifestHeader& manifest, const ManifestId& of) {
  ManifestHeader header = manifest;
  header.critical_flags = kCriticalPack;
  header.of = of;
  header.chunks = header.extents = header.max_raw = header.max_sealed = 0;
  header.table_length = 0;
  LittleEndianWriter out;
  EncodeHeader(header, out);
  out.PutZeros(kGcmTagBytes);
  EncodeSignatures({Signature{}}, out);
  return out.Take();
}

Bytes WithPacks(const Bytes& file, const std::vector<Bytes>& packs) {
  LittleEndianWriter out;
  out.PutBytes(ByteView(file).first(file.size() - 4));
  out.Put(static_cast<uint32_t>(packs.size()));
  for (const Bytes& pack : packs) {
    out.Put(static_cast<uint32_t>(pack.size()));
    out.PutBytes(pack);
  }
  return out.Take();
}

TEST(StartPacks, AreCountedAndChangeNothing) {
  const EncodedManifest encoded = SampleEncoded(SampleManifest());
  const Bytes pack = Pack(Sample().header, encoded.id);
  const Bytes file = WithPacks(encoded.file, {pack, pack});
  EXPECT_EQ(ParseManifestEnvelope(file)->packs, 2u);
  EXPECT_EQ(ParseManifestEnvelope(file)->id, encoded.id);
  auto opened = Open(file);
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_TRUE(SameManifest(*opened, SampleManifest()));
}

TEST(StartPacks, WrongOnesArePassedOver) {
  const EncodedManifest encoded = SampleEncoded(SampleManifest());
  const ManifestHeader header = Sample().header;
  ManifestHeader elsewhere = header;
  elsewhere.birth_root[0] ^= 1;
  Bytes longer = Pack(header, encoded.id);
  longer.push_back(0);
  Bytes newer = Pack(header, encoded.id);
  newer[8] = 9;
  const Bytes good = Pack(header, encoded.id);
  const Bytes cut(good.begin(), good.end() - 1);
  const Bytes foreign = Pack(header, ManifestId{{1}});
  for (const Bytes& pack : {longer, newer, cut, foreign, Pack(elsewhere, encoded.id), Bytes()}) {
    const Bytes file = WithPacks(encoded.file, {pack});
    auto envelope = ParseManifestEnvelope(file);
    ASSERT_TRUE(envelope.ok()) << envelope.status();
    EXPECT_EQ(envelope->packs, 0u);
    EXPECT_TRUE(Open(file).ok());
  }
}

TEST(StartPacks, AreBounded) {
  const EncodedManifest encoded = SampleEncoded(SampleManifest());
  EXPECT_FALSE(ParseManifestEnvelope(WithPacks(encoded.file, std::vector<Bytes>(5))).ok());
  Bytes file = WithPacks(encoded.file, {Bytes(10)});
  file[encoded.file.size() + 3] = 0x7f;  // its length
  EXPECT_FALSE(ParseManifestEnvelope(file).ok());
}

}  // namespace
}  // namespace floe::store
