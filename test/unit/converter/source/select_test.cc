// SPDX-License-Identifier: Apache-2.0
#include "converter/source/select.h"

#include <gtest/gtest.h>

#include "oci/media_types.h"
#include "test/unit/converter/fake_images.h"

namespace floe::converter {
namespace {

oci::Platform Of(const char* text) { return *oci::ParsePlatform(text); }

class SelectTest : public ::testing::Test {
 protected:
  oci::Descriptor Entry(const char* platform, bool say = true) {
    oci::Descriptor entry = source_.AddImage({std::string("layer of ") + platform}, Of(platform));
    if (say) entry.platform = Of(platform);
    return entry;
  }
  void SetIndex(const std::vector<oci::Descriptor>& entries) {
    source_.SetTop(source_.AddIndex(entries));
  }
  std::vector<std::string> Chosen(const PlatformChoice& choice) {
    const auto selection = SelectImages(source_, choice);
    EXPECT_TRUE(selection.ok()) << selection.status();
    std::vector<std::string> platforms;
    if (!selection.ok()) return platforms;
    for (const SourceImage& image : selection->images) {
      platforms.push_back(image.platform.ToString());
    }
    return platforms;
  }
  using Names = std::vector<std::string>;

  fake::MemorySource source_;
};

TEST_F(SelectTest, ASingleImageIsTakenWhateverItsPlatform) {
  source_.SetTop(source_.AddImage({"a", "b"}, Of("linux/s390x")));
  const auto selection = SelectImages(source_, {});
  ASSERT_TRUE(selection.ok()) << selection.status();
  EXPECT_FALSE(selection->index);
  ASSERT_EQ(selection->images.size(), 1u);
  EXPECT_EQ(selection->images[0].manifest.layers.size(), 2u);
  EXPECT_EQ(selection->images[0].platform.ToString(), "linux/s390x");
}

TEST_F(SelectTest, ASingleImageMustFitAPlatformAskedFor) {
  source_.SetTop(source_.AddImage({"a"}, Of("linux/s390x")));
  const auto status = SelectImages(source_, {{Of("linux/amd64")}, false}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(status.message().find("linux/s390x"), std::string::npos);
}

TEST_F(SelectTest, IndexGivesHostThoseAskedForOrAll) {
  SetIndex({Entry("linux/arm64"), Entry("linux/amd64"), Entry("linux/arm/v6")});
  EXPECT_EQ(Chosen({{Of("linux/amd64")}, false}), Names({"linux/amd64"}));
  EXPECT_EQ(Chosen({{Of("linux/arm/v7"), Of("linux/arm64")}, false}),
            Names({"linux/arm64", "linux/arm/v6"}));
  EXPECT_EQ(Chosen({{}, true}), Names({"linux/arm64", "linux/amd64", "linux/arm/v6"}));
  EXPECT_EQ(Chosen({}), Names({oci::HostPlatform().ToString()}));
}

TEST_F(SelectTest, MissingPlatformListsThoseThereAre) {
  SetIndex({Entry("linux/arm64"), Entry("linux/ppc64le")});
  const auto status = SelectImages(source_, {{Of("linux/amd64")}, false}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(status.message().find("linux/arm64, linux/ppc64le"), std::string::npos) << status;
  EXPECT_NE(status.message().find("--platform"), std::string::npos);
}

TEST_F(SelectTest, AttestationsAndArtifactsAreNoImages) {
  oci::Descriptor attestation = Entry("linux/amd64");
  attestation.platform = oci::Platform{"unknown", "unknown", "", ""};
  attestation.annotations["vnd.docker.reference.type"] = "attestation-manifest";
  oci::Descriptor artifact = Entry("linux/amd64");
  artifact.artifact_type = "application/vnd.example.sbom";
  oci::Descriptor other = source_.Add("application/vnd.example.other", "{}");
  SetIndex({attestation, artifact, other, Entry("linux/riscv64")});
  EXPECT_EQ(Chosen({{}, true}), Names({"linux/riscv64"}));
  const auto platforms = ListPlatforms(source_);
  ASSERT_TRUE(platforms.ok()) << platforms.status();
  EXPECT_EQ(platforms->size(), 1u);
  SetIndex({attestation});
  EXPECT_EQ(SelectImages(source_, {{}, true}).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(SelectTest, EntriesWithoutPlatformAreAskedThemselves) {
  SetIndex({Entry("linux/arm64", false), Entry("linux/amd64", false)});
  EXPECT_EQ(Chosen({{Of("linux/amd64")}, false}), Names({"linux/amd64"}));
}

TEST_F(SelectTest, AnImageListedTwiceIsConvertedOnce) {
  const oci::Descriptor entry = Entry("linux/amd64");
  SetIndex({entry, entry});
  EXPECT_EQ(Chosen({{}, true}), Names({"linux/amd64"}));
}

oci::ImageManifest ManifestOver(fake::MemorySource& source, const std::string& layer_type) {
  oci::ImageManifest manifest;
  manifest.media_type = oci::kOciManifest;
  manifest.layers = {source.Add(layer_type, "layer")};
  manifest.config =
      source.Add(oci::kOciConfig,
                 "{\"os\":\"linux\",\"architecture\":\"amd64\",\"rootfs\":{\"type\":\"layers\","
                 "\"diff_ids\":[\"" +
                     manifest.layers[0].digest + "\"]}}");
  return manifest;
}

TEST_F(SelectTest, UnknownLayerTypeIsNamed) {
  const oci::ImageManifest manifest = ManifestOver(source_, "application/vnd.erofs.layer.v1");
  source_.SetTop(source_.Add(oci::kOciManifest, oci::SerializeManifest(manifest)));
  const auto status = SelectImages(source_, {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("application/vnd.erofs.layer.v1"), std::string::npos);
}

TEST_F(SelectTest, UnknownConfigTypeIsNamed) {
  oci::ImageManifest manifest = ManifestOver(source_, oci::kOciLayer);
  manifest.config.media_type = "application/vnd.oci.empty.v1+json";
  source_.SetTop(source_.Add(oci::kOciManifest, oci::SerializeManifest(manifest)));
  const auto status = SelectImages(source_, {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("application/vnd.oci.empty.v1+json"), std::string::npos);
}

TEST_F(SelectTest, LayersAndDiffIdsMustBeAsMany) {
  oci::ImageManifest manifest = ManifestOver(source_, oci::kOciLayer);
  manifest.layers.push_back(manifest.layers[0]);
  source_.SetTop(source_.Add(oci::kOciManifest, oci::SerializeManifest(manifest)));
  const auto status = SelectImages(source_, {}).status();
  EXPECT_NE(status.message().find("2 layers, but the config has 1"), std::string::npos) << status;
}

TEST_F(SelectTest, DamagedDocumentsAreNoticed) {
  const oci::Descriptor image = source_.AddImage({"a"});
  source_.SetTop(image);
  source_.Damage(image.digest, std::string(image.size, 'x'));
  EXPECT_EQ(SelectImages(source_, {}).status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(SelectTest, NothingUnderTheNameIsNotFound) {
  EXPECT_EQ(SelectImages(source_, {}).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ListPlatforms(source_).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace floe::converter
