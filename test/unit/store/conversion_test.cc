// SPDX-License-Identifier: Apache-2.0
#include "store/conversion.h"

#include <set>

#include "gtest/gtest.h"

namespace floe::store {
namespace {

ConversionInputs Inputs() {
  return {"sha256:aa", "linux/amd64", 1, "cdc 1", "zstd 3", {"local:a", "local:b"}, {"k1", "k2"},
          ""};
}

TEST(Conversion, EveryInputChangesTheName) {
  const Secret secret = Secret::Copy(Bytes(32, 1));
  std::set<std::string> names = {ComputeConversionId(secret, Inputs()).ToHex(),
                                 ComputeConversionId(Secret(), Inputs()).ToHex()};
  void (*const changes[])(ConversionInputs&) = {
      [](ConversionInputs& i) { i.source_digest += "a"; },
      [](ConversionInputs& i) { i.platform = "linux/arm64"; },
      [](ConversionInputs& i) { i.layout_version = 2; },
      [](ConversionInputs& i) { i.chunker_parameters = "cdc 2"; },
      [](ConversionInputs& i) { i.codec_parameters = "zstd 4"; },
      [](ConversionInputs& i) { i.recipients.pop_back(); },
      [](ConversionInputs& i) { i.signers.push_back("k3"); },
      [](ConversionInputs& i) { i.profile = "sha256:bb"; },
      // The same text, cut elsewhere.
      [](ConversionInputs& i) { i.source_digest = "sha256:aalinux", i.platform = "/amd64"; },
  };
  for (const auto& change : changes) {
    ConversionInputs inputs = Inputs();
    change(inputs);
    names.insert(ComputeConversionId(secret, inputs).ToHex());
  }
  EXPECT_EQ(names.size(), 2 + std::size(changes));
}

TEST(Conversion, TheOrderOfRecipientsAndSignersDoesNot) {
  ConversionInputs turned = Inputs();
  std::swap(turned.recipients[0], turned.recipients[1]);
  std::swap(turned.signers[0], turned.signers[1]);
  EXPECT_EQ(ComputeConversionId(Secret(), Inputs()), ComputeConversionId(Secret(), turned));
}

ConversionRecord Record() {
  ConversionRecord record;
  record.manifest.bytes.fill(1);
  record.birth_root.fill(2);
  record.image_manifest = {'{', '}'};
  record.config = {'c'};
  record.layer = Bytes(1000, 7);
  return record;
}

TEST(ConversionRecord, ReadsWhatItWrote) {
  auto record = DecodeConversionRecord(EncodeConversionRecord(Record()));
  ASSERT_TRUE(record.ok());
  EXPECT_EQ(record->manifest, Record().manifest);
  EXPECT_EQ(record->birth_root, Record().birth_root);
  EXPECT_EQ(record->image_manifest, Record().image_manifest);
  EXPECT_EQ(record->config, Record().config);
  EXPECT_EQ(record->layer, Record().layer);
}

TEST(ConversionRecord, IsRefusedCutOrAltered) {
  const Bytes bytes = EncodeConversionRecord(Record());
  for (size_t i = 0; i < bytes.size(); ++i) {
    EXPECT_TRUE(absl::IsDataLoss(DecodeConversionRecord(ByteView(bytes).first(i)).status()));
    Bytes altered = bytes;
    altered[i] ^= 0x10;
    EXPECT_TRUE(absl::IsDataLoss(DecodeConversionRecord(altered).status())) << i;
  }
}

}  // namespace
}  // namespace floe::store
