// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "oci/config.h"
#include "oci/digest.h"
#include "oci/manifest.h"
#include "oci/media_types.h"

namespace floe::oci {
namespace {

using nlohmann::json;

const std::string kDigest = "sha256:" + std::string(64, 'a');

json ConfigDescriptor() { return {{"mediaType", kOciConfig}, {"digest", kDigest}, {"size", 7}}; }

json Manifest() {
  return {{"schemaVersion", 2},
          {"mediaType", kOciManifest},
          {"config", ConfigDescriptor()},
          {"layers", json::array({{{"mediaType", kOciLayerGzip},
                                   {"digest", kDigest},
                                   {"size", 9},
                                   {"urls", {"https://example.test/x"}},
                                   {"annotations", {{"a", "b"}}}}})},
          {"annotations", {{"k", "v"}}},
          {"future", {1, 2}}};
}

absl::StatusOr<ImageManifest> Parse(const json& document, absl::string_view type = "") {
  return ParseManifest(AsBytes(document.dump()), type);
}

TEST(ManifestTest, KeepsEverythingWhenWrittenAgain) {
  const auto manifest = Parse(Manifest());
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_EQ(manifest->layers[0].size, 9u);
  EXPECT_EQ(manifest->annotations.at("k"), "v");
  EXPECT_EQ(json::parse(SerializeManifest(*manifest)), Manifest());
}

TEST(ManifestTest, Schema1IsRefusedWithTheRemedy) {
  const auto status = Parse({{"schemaVersion", 1}, {"fsLayers", json::array()}}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(status.message().find("schema 1"), std::string::npos);
  EXPECT_NE(status.message().find("skopeo"), std::string::npos);
  const auto signed_one = ParseManifest(AsBytes("{}"), kDockerSchema1Signed).status();
  EXPECT_EQ(signed_one.code(), absl::StatusCode::kFailedPrecondition);
}

TEST(ManifestTest, UnknownMediaTypeIsNamed) {
  json document = Manifest();
  document["mediaType"] = "application/vnd.example.thing";
  const auto status = Parse(document).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("application/vnd.example.thing"), std::string::npos);
}

TEST(ManifestTest, TypeComesFromTransportOrMembersWhenItIsMissing) {
  json document = Manifest();
  document.erase("mediaType");
  EXPECT_EQ(Parse(document)->media_type, kOciManifest);
  EXPECT_EQ(Parse(document, std::string(kDockerManifest) + "; charset=utf-8")->media_type,
            kDockerManifest);
  EXPECT_EQ(Parse(document, "application/json")->media_type, kOciManifest);
  document["config"]["mediaType"] = kDockerConfig;
  EXPECT_EQ(Parse(document)->media_type, kDockerManifest);
}

TEST(ManifestTest, ContradictionsAreRefused) {
  EXPECT_FALSE(Parse(Manifest(), kDockerManifest).ok());
  EXPECT_FALSE(Parse(Manifest(), kOciIndex).ok());
  json both = Manifest();
  both["manifests"] = json::array();
  EXPECT_FALSE(Parse(both).ok());
}

// One broken member each; the error names it.
TEST(ManifestTest, WrongMembersAreNamed) {
  struct Case {
    const char* pointer;
    json value;
    const char* named;
  };
  const Case cases[] = {
      {"/config", "x", "descriptor"},
      {"/config/digest", "sha256:xyz", "sha256:xyz"},
      {"/config/digest", "sha512:" + std::string(128, 'a'), "only algorithm"},
      {"/config/digest", "sha256:" + std::string(64, 'A'), "lower-case"},
      {"/layers", 3, "layers"},
      {"/layers/0/size", -1, "size"},
      {"/layers/0/size", 1.5, "size"},
      {"/layers/0/size", "9", "size"},
      {"/layers/0/mediaType", 1, "mediaType"},
      {"/layers/0/annotations", json::array(), "annotations"},
      {"/layers/0/annotations/a", 1, "annotations.a"},
      {"/layers/0/platform", 1, "platform"},
      {"/annotations/k", nullptr, "annotations.k"},
      {"/subject", 1, "descriptor"},
  };
  for (const Case& c : cases) {
    json document = Manifest();
    document[json::json_pointer(c.pointer)] = c.value;
    const auto status = Parse(document).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << c.pointer;
    EXPECT_NE(status.message().find(c.named), std::string::npos) << status;
  }
}

TEST(ManifestTest, GarbageIsRefused) {
  for (const char* text : {"", "[]", "{", "null", "{\"layers\":[]}", "\xff\xfe"}) {
    EXPECT_FALSE(ParseManifest(AsBytes(text), "").ok()) << text;
  }
}

TEST(ManifestTest, TooManyLayersAreRefused) {
  json document = Manifest();
  const json layer = document["layers"][0];
  document["layers"] = json::array();
  for (size_t i = 0; i <= kMaxLayers; ++i) document["layers"].push_back(layer);
  EXPECT_FALSE(Parse(document).ok());
}

TEST(IndexTest, KeepsPlatformsAndUnknownMembers) {
  json entry = ConfigDescriptor();
  entry["mediaType"] = kOciManifest;
  entry["platform"] = {{"os", "linux"}, {"architecture", "arm"}, {"variant", "v7"}};
  const json document = {
      {"schemaVersion", 2}, {"mediaType", kOciIndex}, {"manifests", {entry}}, {"x", true}};
  const auto index = ParseIndex(AsBytes(document.dump()), "");
  ASSERT_TRUE(index.ok()) << index.status();
  EXPECT_EQ(index->manifests[0].platform->ToString(), "linux/arm/v7");
  EXPECT_EQ(json::parse(SerializeIndex(*index)), document);
  EXPECT_FALSE(ParseIndex(AsBytes(Manifest().dump()), "").ok());
}

json Config() {
  return json::parse(R"({
    "os": "linux", "architecture": "amd64", "created": "2024-01-02T03:04:05Z",
    "config": {"Env": ["A=1"], "Image": "sha256:old", "Labels": {"l": "1"}, "X-Unknown": {"y": 1}},
    "container_config": {}, "docker_version": "20",
    "history": [{"created_by": "a"}, {"created_by": "b", "empty_layer": true, "z": 1}],
    "rootfs": {"type": "layers", "diff_ids": []}})");
}

absl::StatusOr<ImageConfig> ParseConfig(const json& document) {
  return ImageConfig::Parse(AsBytes(document.dump()));
}

TEST(ConfigTest, ChangesOnlyWhatItIsToldTo) {
  auto config = ParseConfig(Config());
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->platform().ToString(), "linux/amd64");
  config->SetDiffIds({kDigest});
  config->SetLabel("m", "2");
  config->EmptyHistory();
  config->AppendHistory({"", "c", "hint", false});
  config->DropLegacyMembers();
  json expected = Config();
  expected["config"].erase("Image");
  expected.erase("container_config");
  expected["config"]["Labels"]["m"] = "2";
  expected["rootfs"]["diff_ids"] = {kDigest};
  expected["history"][0]["empty_layer"] = true;
  expected["history"].push_back({{"created_by", "c"}, {"comment", "hint"}});
  EXPECT_EQ(json::parse(config->Serialize()), expected);
  config->RemoveHistory("c");
  config->RemoveLabel("m");
  config->RemoveLabel("l");
  EXPECT_EQ(config->history().size(), 2u);
  EXPECT_TRUE(config->labels().empty());
}

TEST(ConfigTest, NullMembersAreLikeAbsentOnes) {
  json document = Config();
  document["config"] = nullptr;
  document["history"] = nullptr;
  document["rootfs"]["diff_ids"] = nullptr;
  auto config = ParseConfig(document);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_TRUE(config->diff_ids().empty());
  config->RemoveLabel("a");
  config->EmptyHistory();
  config->SetLabel("a", "b");
  config->AppendHistory({"t", "c", "", true});
  EXPECT_EQ(config->labels().at("a"), "b");
  EXPECT_TRUE(config->history()[0].empty_layer);
}

TEST(ConfigTest, WrongMembersAreNamed) {
  struct Case {
    const char* pointer;
    json value;
    const char* named;
  };
  const Case cases[] = {{"/rootfs", 1, "rootfs"},
                        {"/rootfs/type", "other", "other"},
                        {"/rootfs/diff_ids", 1, "diff_ids"},
                        {"/rootfs/diff_ids", {1}, "diff id"},
                        {"/rootfs/diff_ids", {"md5:1"}, "md5:1"},
                        {"/history", 1, "history"},
                        {"/history/0", 1, "history"},
                        {"/history/0/created_by", 1, "created_by"},
                        {"/config", 1, "config"},
                        {"/config/Labels", 1, "Labels"},
                        {"/os", 1, "os"}};
  for (const Case& c : cases) {
    json document = Config();
    document[json::json_pointer(c.pointer)] = c.value;
    const auto status = ParseConfig(document).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << c.pointer;
    EXPECT_NE(status.message().find(c.named), std::string::npos) << status;
  }
}

// What copies or writes a parsed document calls itself once a level.
TEST(ConfigTest, NestingThatNoDocumentHasIsRefused) {
  const auto nested = [](size_t levels) {
    return R"({"rootfs": {"type": "layers", "diff_ids": []}, "z": "\"[[[[\\", "x": )" +
           std::string(levels, '[') + std::string(levels, ']') + "}";
  };
  const auto fits = ImageConfig::Parse(AsBytes(nested(99)));
  ASSERT_TRUE(fits.ok()) << fits.status();
  EXPECT_FALSE(ImageConfig(*fits).Serialize().empty());
  for (const size_t levels : {size_t{100}, size_t{3'000'000}}) {
    const auto refused = ImageConfig::Parse(AsBytes(nested(levels)));
    ASSERT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument) << levels;
    EXPECT_NE(refused.status().message().find("nested"), std::string::npos) << refused.status();
  }
}

TEST(MediaTypesTest, CompressionOfLayers) {
  EXPECT_EQ(CompressionOf(kOciLayer), LayerCompression::kNone);
  EXPECT_EQ(CompressionOf(kOciLayerGzip), LayerCompression::kGzip);
  EXPECT_EQ(CompressionOf(kOciLayerZstd), LayerCompression::kZstd);
  EXPECT_EQ(CompressionOf(kDockerLayerGzip), LayerCompression::kGzip);
  EXPECT_EQ(CompressionOf("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"),
            LayerCompression::kGzip);
  EXPECT_EQ(CompressionOf("application/vnd.oci.image.layer.nondistributable.v1.tar+zstd"),
            LayerCompression::kZstd);
  EXPECT_EQ(CompressionOf("application/vnd.oci.image.layer.v1.tar+encrypted"),
            LayerCompression::kUnknown);
  EXPECT_EQ(CompressionOf(""), LayerCompression::kUnknown);
}

}  // namespace
}  // namespace floe::oci
