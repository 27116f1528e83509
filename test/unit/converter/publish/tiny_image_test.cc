// SPDX-License-Identifier: Apache-2.0
#include "converter/publish/tiny_image.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "converter/publish/tiny_layer.h"
#include "oci/digest.h"
#include "oci/media_types.h"
#include "test/unit/converter/fake_images.h"

namespace floe::converter {
namespace {

Bytes TextManifest() {
  const absl::string_view text = "FLOEMAN1 and some more";
  return Bytes(text.begin(), text.end());
}

class TinyImageTest : public ::testing::Test {
 protected:
  TinyImageTest() {
    memory_.SetTop(memory_.AddImage({"one", "two", "three"}));
    selection_.emplace(*SelectImages(memory_, {}));
  }
  const SourceImage& source() const { return selection_->images[0]; }
  TinyImage Build() const { return *BuildTinyImage(source(), TextManifest(), "1d", "c0"); }

  fake::MemorySource memory_;
  std::optional<Selection> selection_;
};

TEST_F(TinyImageTest, IsAnOrdinaryImageOfOneLayer) {
  const TinyImage image = Build();
  const auto manifest = oci::ParseManifest(image.manifest.bytes, oci::kOciManifest);
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  const auto config = oci::ImageConfig::Parse(image.config.bytes);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(manifest->config.digest, image.config.descriptor.digest);
  ASSERT_EQ(manifest->layers.size(), 1u);
  EXPECT_EQ(manifest->layers[0].digest, oci::DigestOf(image.layer.bytes));
  EXPECT_EQ(config->diff_ids(), std::vector<std::string>{image.diff_id});
  EXPECT_EQ(image.diff_id, oci::DigestOf(TinyLayerTar(TextManifest())));
  size_t with_layer = 0;
  for (const oci::HistoryEntry& entry : config->history()) with_layer += entry.empty_layer ? 0 : 1;
  EXPECT_EQ(with_layer, 1u);
  EXPECT_EQ(config->platform(), source().config.platform());
  EXPECT_TRUE(LooksConverted(*manifest));
  EXPECT_FALSE(LooksConverted(source().manifest));
}

TEST_F(TinyImageTest, SaysWhatItIsWherePeopleLook) {
  const TinyImage image = Build();
  const auto manifest = *oci::ParseManifest(image.manifest.bytes, oci::kOciManifest);
  const auto config = *oci::ImageConfig::Parse(image.config.bytes);
  const std::string digest = selection_->top.digest;
  EXPECT_EQ(manifest.annotations.at(kAnnotationSource), digest);
  EXPECT_EQ(manifest.annotations.at(kAnnotationConversion), "c0");
  EXPECT_EQ(manifest.annotations.at(kAnnotationManifestId), "1d");
  EXPECT_EQ(manifest.subject->digest, digest);
  EXPECT_EQ(manifest.subject->size, selection_->top.size);
  for (const std::string& text :
       {manifest.annotations.at(kAnnotationReadme), config.labels().at(kLabelReadme),
        config.history().back().comment}) {
    EXPECT_NE(text.find("--snapshotter floe"), std::string::npos);
    EXPECT_NE(text.find(digest), std::string::npos);
  }
}

TEST_F(TinyImageTest, SameInputSameBytes) {
  EXPECT_EQ(Build().manifest.bytes, Build().manifest.bytes);
  EXPECT_EQ(Build().config.bytes, Build().config.bytes);
}

TEST_F(TinyImageTest, ConvertingADescendantOfAConvertedImageLeavesOneHint) {
  SourceImage again = source();
  again.config = *oci::ImageConfig::Parse(Build().config.bytes);
  const TinyImage second = *BuildTinyImage(again, TextManifest(), "1d", "c0");
  const auto config = *oci::ImageConfig::Parse(second.config.bytes);
  size_t hints = 0;
  for (const auto& entry : config.history()) hints += entry.created_by == kHistoryCreatedBy;
  EXPECT_EQ(hints, 1u);
}

TEST_F(TinyImageTest, IndexKeepsPlatformsAndDropsTheRest) {
  const oci::Descriptor one = memory_.AddImage({"a"}, {"linux", "arm64", "", ""});
  const oci::Descriptor two = memory_.AddImage({"b"}, {"linux", "amd64", "", ""});
  oci::Descriptor attestation = memory_.AddImage({"c"});
  attestation.platform = oci::Platform{"unknown", "unknown", "", ""};
  memory_.SetTop(memory_.AddIndex({one, two, attestation}));
  const Selection all = *SelectImages(memory_, {{}, true});
  std::vector<TinyImage> images;
  for (const SourceImage& image : all.images) {
    images.push_back(*BuildTinyImage(image, TextManifest(), "1d", "c0"));
  }
  const Document document = BuildIndex(all, images);
  const auto index = oci::ParseIndex(document.bytes, oci::kOciIndex);
  ASSERT_TRUE(index.ok()) << index.status();
  ASSERT_EQ(index->manifests.size(), 2u);
  EXPECT_EQ(index->manifests[0].platform->ToString(), "linux/arm64");
  EXPECT_EQ(index->manifests[1].digest, images[1].manifest.descriptor.digest);
  EXPECT_EQ(index->subject->digest, all.top.digest);
  EXPECT_EQ(document.descriptor.digest, oci::DigestOf(document.bytes));
}

TEST_F(TinyImageTest, ManifestComesBackOutOfThePublishedImage) {
  const TinyImage image = Build();
  fake::MemorySource published;
  published.Add(oci::kOciLayerGzip, AsText(image.layer.bytes));
  const auto manifest = *oci::ParseManifest(image.manifest.bytes, oci::kOciManifest);
  EXPECT_EQ(*ReadFloeManifest(published, manifest), TextManifest());
  const auto ordinary = ReadFloeManifest(memory_, source().manifest).status();
  EXPECT_EQ(ordinary.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(ordinary.message().find("3 layers"), std::string::npos);
  published.Damage(image.layer.descriptor.digest, "short");
  EXPECT_FALSE(ReadFloeManifest(published, manifest).ok());
}

TEST_F(TinyImageTest, ExportTakesOutWhatFloePutIn) {
  const TinyImage tiny = Build();
  SourceImage published = source();
  published.manifest = *oci::ParseManifest(tiny.manifest.bytes, oci::kOciManifest);
  published.config = *oci::ImageConfig::Parse(tiny.config.bytes);
  published.descriptor = tiny.manifest.descriptor;
  const oci::Descriptor layer = oci::DescribeBytes(oci::kOciLayer, AsBytes("the tar"));
  const auto exported = BuildExportedImage(published, layer, layer.digest);
  ASSERT_TRUE(exported.ok()) << exported.status();
  const auto manifest = *oci::ParseManifest(exported->manifest.bytes, oci::kOciManifest);
  const auto config = *oci::ImageConfig::Parse(exported->config.bytes);
  EXPECT_EQ(manifest.layers[0].digest, layer.digest);
  EXPECT_EQ(config.diff_ids(), std::vector<std::string>{layer.digest});
  EXPECT_FALSE(manifest.subject);
  EXPECT_TRUE(manifest.annotations.empty());
  EXPECT_TRUE(config.labels().empty());
  EXPECT_EQ(AsText(exported->config.bytes).find("floe convert"), std::string::npos);
  EXPECT_NE(config.history().back().comment.find(selection_->top.digest), std::string::npos);
  const auto before = nlohmann::json::parse(source().config_bytes);
  const auto after = nlohmann::json::parse(exported->config.bytes);
  EXPECT_EQ(before["config"], after["config"]);
  EXPECT_FALSE(BuildExportedImage(published, layer, "md5:1").ok());
}

TEST_F(TinyImageTest, AnEmptyManifestIsRefused) {
  EXPECT_FALSE(BuildTinyImage(source(), {}, "", "").ok());
}

}  // namespace
}  // namespace floe::converter
