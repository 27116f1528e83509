// SPDX-License-Identifier: Apache-2.0
#include "converter/source/oci_layout.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "converter/source/layout_index.h"
#include "converter/source/select.h"
#include "oci/media_types.h"
#include "oci/verifying_stream.h"
#include "test/unit/converter/fake_images.h"

namespace floe::converter {
namespace {

namespace fs = std::filesystem;

class OciLayoutTest : public ::testing::Test {
 protected:
  OciLayoutTest() : temp_(*TempDir::Create()), dir_(temp_.path() + "/a/layout") {
    image_ = memory_.AddImage({"layer one", "layer two"});
    memory_.SetTop(image_);
  }

  // Copies the image in `memory_` into `destination`, all but the name.
  static absl::Status Put(ImageSource& source, ImageDestination& destination) {
    FLOE_ASSIGN_OR_RETURN(const Selection selection, SelectImages(source, {}));
    for (const SourceImage& image : selection.images) {
      for (const oci::Descriptor& layer : image.manifest.layers) {
        FLOE_ASSIGN_OR_RETURN(const auto stream, source.OpenBlob(layer));
        FLOE_RETURN_IF_ERROR(destination.PutBlobStream(layer, *stream));
      }
      FLOE_RETURN_IF_ERROR(destination.PutBlob(image.config_descriptor, image.config_bytes));
      FLOE_RETURN_IF_ERROR(destination.PutManifest(image.descriptor, image.manifest_bytes));
    }
    return absl::OkStatus();
  }
  absl::Status Save(const std::string& tag) {
    FLOE_ASSIGN_OR_RETURN(const auto destination, OpenOciLayoutDestination(dir_, tag));
    FLOE_RETURN_IF_ERROR(Put(memory_, *destination));
    return destination->Finish(image_);
  }
  std::string PathOf(const oci::Descriptor& descriptor) const {
    return absl::StrCat(dir_, "/", LayoutBlobPath(descriptor.digest));
  }
  size_t EntriesIn(const std::string& path) const {
    return static_cast<size_t>(
        std::distance(fs::directory_iterator(path), fs::directory_iterator()));
  }

  const TempDir temp_;
  const std::string dir_;
  fake::MemorySource memory_;
  oci::Descriptor image_;
};

TEST_F(OciLayoutTest, WhatIsWrittenReadsBack) {
  ASSERT_TRUE(Save("v1").ok());
  const auto source = OpenOciLayoutSource(dir_, "v1");
  ASSERT_TRUE(source.ok()) << source.status();
  const auto selection = SelectImages(**source, {});
  ASSERT_TRUE(selection.ok()) << selection.status();
  EXPECT_EQ(selection->top.digest, image_.digest);
  const oci::Descriptor& layer = selection->images[0].manifest.layers[1];
  const auto bytes = (*source)->ReadBlob(layer, 100);
  EXPECT_EQ(AsText(*bytes), "layer two");
  EXPECT_EQ(EntriesIn(dir_), 3u);  // blobs, index.json, oci-layout
  EXPECT_TRUE(OpenOciLayoutSource(dir_, "").ok());
}

TEST_F(OciLayoutTest, NothingIsLeftWithoutFinish) {
  {
    const auto destination = OpenOciLayoutDestination(dir_, "v1");
    ASSERT_TRUE(destination.ok()) << destination.status();
    ASSERT_TRUE(Put(memory_, **destination).ok());
    EXPECT_TRUE(*(*destination)->HasBlob(image_));
    EXPECT_EQ(OpenOciLayoutSource(dir_, "v1").status().code(), absl::StatusCode::kNotFound);
  }
  EXPECT_FALSE(fs::exists(temp_.path() + "/a"));
}

TEST_F(OciLayoutTest, AnOldImageStaysWhenANewOneFails) {
  ASSERT_TRUE(Save("v1").ok());
  const oci::Descriptor old = image_;
  {
    fake::MemorySource other;
    other.SetTop(other.AddImage({"new"}));
    const auto destination = OpenOciLayoutDestination(dir_, "v1");
    ASSERT_TRUE(Put(other, **destination).ok());
  }
  EXPECT_EQ((*OpenOciLayoutSource(dir_, "v1"))->Resolve()->digest, old.digest);
  EXPECT_EQ(EntriesIn(dir_ + "/blobs/sha256"), 4u);
}

TEST_F(OciLayoutTest, NamesAreReplacedAndOthersKept) {
  ASSERT_TRUE(Save("v1").ok());
  ASSERT_TRUE(Save("v2").ok());
  const oci::Descriptor old = image_;
  image_ = memory_.AddImage({"third"});
  memory_.SetTop(image_);
  ASSERT_TRUE(Save("v2").ok());
  EXPECT_EQ((*OpenOciLayoutSource(dir_, "v1"))->Resolve()->digest, old.digest);
  EXPECT_EQ((*OpenOciLayoutSource(dir_, "v2"))->Resolve()->digest, image_.digest);
  const auto ambiguous = OpenOciLayoutSource(dir_, "").status();
  EXPECT_EQ(ambiguous.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(ambiguous.message().find("\"v1\", \"v2\""), std::string::npos) << ambiguous;
  const auto missing = OpenOciLayoutSource(dir_, "v3").status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(missing.message().find("\"v1\", \"v2\""), std::string::npos);
}

TEST_F(OciLayoutTest, ManyWritersLoseNothing) {
  std::vector<std::thread> threads;
  std::vector<absl::Status> results(8);
  for (size_t i = 0; i < results.size(); ++i) {
    threads.emplace_back([&, i] {
      fake::MemorySource source;
      const oci::Descriptor top = source.AddImage({"shared", absl::StrCat("own ", i)});
      source.SetTop(top);
      auto destination = OpenOciLayoutDestination(dir_, absl::StrCat("t", i));
      results[i] = destination.status();
      if (results[i].ok()) results[i] = Put(source, **destination);
      if (results[i].ok()) results[i] = (*destination)->Finish(top);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (size_t i = 0; i < results.size(); ++i) {
    ASSERT_TRUE(results[i].ok()) << results[i];
    const auto source = OpenOciLayoutSource(dir_, absl::StrCat("t", i));
    ASSERT_TRUE(source.ok()) << source.status();
    EXPECT_TRUE(SelectImages(**source, {}).ok());
  }
  EXPECT_EQ(EntriesIn(dir_), 3u);
}

TEST_F(OciLayoutTest, WrongBytesAreRefusedAndNotKept) {
  const auto destination = OpenOciLayoutDestination(dir_, "v1");
  ASSERT_TRUE(destination.ok());
  const oci::Descriptor blob = oci::DescribeBytes("t", AsBytes("right"));
  EXPECT_EQ((*destination)->PutBlob(blob, AsBytes("wrong")).code(), absl::StatusCode::kDataLoss);
  EXPECT_FALSE(*(*destination)->HasBlob(blob));
}

TEST_F(OciLayoutTest, ADamagedBlobThatIsThereIsReplaced) {
  ASSERT_TRUE(Save("v1").ok());
  ASSERT_TRUE(
      WriteFileAtomically(PathOf(image_), AsBytes("damaged"), 0644, Replace::kYes, Durable::kNo)
          .ok());
  auto source = OpenOciLayoutSource(dir_, "v1");
  EXPECT_EQ(SelectImages(**source, {}).status().code(), absl::StatusCode::kDataLoss);
  ASSERT_TRUE(Save("v1").ok());
  EXPECT_TRUE(SelectImages(**source, {}).ok());
}

TEST_F(OciLayoutTest, MissingBlobsAndLayoutsAreNamed) {
  EXPECT_EQ(OpenOciLayoutSource(dir_, "").status().code(), absl::StatusCode::kNotFound);
  ASSERT_TRUE(Save("v1").ok());
  ASSERT_EQ(unlink(PathOf(image_).c_str()), 0);
  const auto source = OpenOciLayoutSource(dir_, "v1");
  const auto status = SelectImages(**source, {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(status.message().find(image_.digest), std::string::npos);
}

TEST_F(OciLayoutTest, AFifoInTheBlobsPlaceDoesNotHold) {
  ASSERT_TRUE(Save("v1").ok());
  ASSERT_EQ(unlink(PathOf(image_).c_str()), 0);
  ASSERT_EQ(mkfifo(PathOf(image_).c_str(), 0600), 0);
  const auto source = OpenOciLayoutSource(dir_, "v1");
  EXPECT_EQ(SelectImages(**source, {}).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(OciLayoutTest, OtherVersionsAndForeignDirectoriesAreRefused) {
  ASSERT_TRUE(Save("v1").ok());
  ASSERT_TRUE(WriteFileAtomically(dir_ + "/oci-layout", AsBytes("{\"imageLayoutVersion\":\"2.0\"}"),
                                  0644, Replace::kYes, Durable::kNo)
                  .ok());
  EXPECT_EQ(OpenOciLayoutSource(dir_, "v1").status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(OpenOciLayoutDestination(dir_, "v1").status().code(),
            absl::StatusCode::kFailedPrecondition);
  ASSERT_EQ(unlink((dir_ + "/oci-layout").c_str()), 0);
  EXPECT_EQ(OpenOciLayoutDestination(dir_, "v1").status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(LayoutIndexTest, ContainerdNamesCountAndForeignMembersStay) {
  const oci::Descriptor top = oci::DescribeBytes(oci::kOciManifest, AsBytes("{}"));
  const nlohmann::json entry = {
      {"mediaType", oci::kOciManifest},
      {"digest", "sha256:" + std::string(64, 'b')},
      {"size", 1},
      {"annotations", {{"io.containerd.image.name", "docker.io/library/a:1"}}}};
  const nlohmann::json old = {{"schemaVersion", 2}, {"manifests", {entry}}, {"mine", 1}};
  EXPECT_TRUE(PickFromLayout(AsBytes(old.dump()), "docker.io/library/a:1", "x").ok());
  const auto text = AddToLayout(AsBytes(old.dump()), "new", top, "x");
  ASSERT_TRUE(text.ok()) << text.status();
  const nlohmann::json now = nlohmann::json::parse(*text);
  EXPECT_EQ(now["mine"], 1);
  EXPECT_EQ(now["manifests"].size(), 2u);
  EXPECT_EQ(PickFromLayout(AsBytes(*text), "new", "x")->digest, top.digest);
  EXPECT_FALSE(AddToLayout(AsBytes("nonsense"), "new", top, "x").ok());
  EXPECT_FALSE(PickFromLayout(AsBytes("[]"), "", "x").ok());
}

TEST(LayoutIndexTest, OneNameForTwoImagesIsAmbiguous) {
  const oci::Descriptor one = oci::DescribeBytes(oci::kOciManifest, AsBytes("1"));
  const oci::Descriptor two = oci::DescribeBytes(oci::kOciManifest, AsBytes("2"));
  oci::ImageIndex index;
  index.media_type = oci::kOciIndex;
  index.manifests = {one, two};
  for (oci::Descriptor& entry : index.manifests) entry.annotations[kRefNameAnnotation] = "t";
  const auto status = PickFromLayout(AsBytes(oci::SerializeIndex(index)), "t", "x").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  const auto empty = PickFromLayout(AsBytes("{\"manifests\":[]}"), "", "x").status();
  EXPECT_EQ(empty.code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace floe::converter
