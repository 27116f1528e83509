// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "converter/containerd/gc_labels.h"
#include "converter/containerd/transport.h"
#include "converter/source/select.h"
#include "oci/digest.h"
#include "oci/manifest.h"
#include "oci/media_types.h"
#include "oci/verifying_stream.h"
#include "test/unit/converter_containerd/fake_containerd.h"

namespace floe::converter {
namespace {

std::string Pattern(size_t size) {
  std::string text(size, '\0');
  for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 2654435761u >> 13);
  return text;
}

// An image of one layer.
struct Made {
  std::string layer = "the layer";
  oci::Descriptor layer_descriptor = oci::DescribeBytes(oci::kOciLayer, AsBytes(layer));
  std::string config;
  oci::Descriptor config_descriptor;
  std::string manifest;
  oci::Descriptor top;

  Made() {
    config = absl::StrCat(
        "{\"os\":\"linux\",\"architecture\":\"amd64\",\"rootfs\":{\"type\":\"layers\",\"diff_"
        "ids\":",
        "[\"", layer_descriptor.digest, "\"]}}");
    config_descriptor = oci::DescribeBytes(oci::kOciConfig, AsBytes(config));
    oci::ImageManifest document;
    document.media_type = oci::kOciManifest;
    document.config = config_descriptor;
    document.layers = {layer_descriptor};
    manifest = oci::SerializeManifest(document);
    top = oci::DescribeBytes(oci::kOciManifest, AsBytes(manifest));
  }
};

class ContainerdTest : public ::testing::Test {
 protected:
  ContainerdTest() {
    options_.address = containerd_.socket();
    options_.name_space = "ns";
  }
  void AddImage(const std::string& name) {
    containerd_.AddBlob(made_.layer_descriptor, made_.layer);
    containerd_.AddBlob(made_.config_descriptor, made_.config);
    containerd_.AddBlob(made_.top, made_.manifest);
    containerd_.AddImage(name, made_.top);
  }
  absl::StatusOr<std::unique_ptr<ImageSource>> Source(const std::string& name) {
    return GrpcContainerd().OpenSource(name, options_);
  }
  std::unique_ptr<ImageDestination> Destination(const std::string& name = "dst") {
    auto destination = GrpcContainerd().OpenDestination(name, options_);
    EXPECT_TRUE(destination.ok()) << destination.status();
    return *std::move(destination);
  }
  absl::Status PutStream(const std::string& bytes, const oci::Descriptor& descriptor) {
    oci::MemoryStream stream(Bytes(bytes.begin(), bytes.end()));
    return Destination()->PutBlobStream(descriptor, stream);
  }
  fake::ContainerdState& state() { return containerd_.state(); }
  // What holds after every test: each call named the namespace and a lease, and no lease is left.
  void TearDown() override {
    MutexLock lock(state().mutex);
    EXPECT_TRUE(state().leases.empty());
    EXPECT_EQ(state().calls_without_lease, 0);
    if (state().leases_made > 0) {
      EXPECT_EQ(state().namespaces, std::set<std::string>{"ns"});
    }
  }

  const Made made_;
  fake::Containerd containerd_;
  ContainerdOptions options_;
};

TEST_F(ContainerdTest, AnImageIsReadAndPinned) {
  AddImage("docker.io/library/a:latest");
  for (const char* name : {"docker.io/library/a:latest", "a"}) {
    const auto source = Source(name);
    ASSERT_TRUE(source.ok()) << source.status();
    EXPECT_EQ((*source)->Name(), "containerd://docker.io/library/a:latest");
    const auto selection = SelectImages(**source, {});
    ASSERT_TRUE(selection.ok()) << selection.status();
    EXPECT_EQ(selection->top.digest, made_.top.digest);
    EXPECT_EQ(AsText(*(*source)->ReadBlob(made_.layer_descriptor, 99)), made_.layer);
  }
  MutexLock lock(state().mutex);
  EXPECT_EQ(state().pinned.count(made_.top.digest), 1u);
}

TEST_F(ContainerdTest, LeasesEndByThemselves) {
  const auto destination = Destination();
  MutexLock lock(state().mutex);
  ASSERT_EQ(state().leases.size(), 1u);
  absl::Time end;
  std::string error;
  ASSERT_TRUE(absl::ParseTime(absl::RFC3339_sec, state().leases.begin()->second, &end, &error));
  EXPECT_GT(end, absl::Now() + absl::Hours(23));
  EXPECT_LT(end, absl::Now() + absl::Hours(25));
}

TEST_F(ContainerdTest, MissingImagesAndBlobsAreNamed) {
  const auto missing = Source("none").status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(missing.message().find("namespace \"ns\""), std::string::npos) << missing;
  AddImage("a");
  {
    MutexLock lock(state().mutex);
    state().blobs.erase(made_.layer_descriptor.digest);
  }
  const auto source = Source("a");
  const auto blob = (*source)->OpenBlob(made_.layer_descriptor).status();
  EXPECT_EQ(blob.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(blob.message().find("discard_unpacked_layers"), std::string::npos) << blob;
}

TEST_F(ContainerdTest, LongBlobsComeInManyMessages) {
  AddImage("a");
  const std::string bytes = Pattern(5'000'001);
  const oci::Descriptor descriptor = oci::DescribeBytes(oci::kOciLayer, AsBytes(bytes));
  containerd_.AddBlob(descriptor, bytes);
  const auto source = Source("a");
  const auto read = (*source)->ReadBlob(descriptor, 6'000'000);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(AsText(*read) == bytes);
  // A stream left early harms nothing.
  const auto stream = *(*source)->OpenBlob(descriptor);
  Bytes some(10);
  EXPECT_EQ(*stream->Read(some), 10u);
}

TEST_F(ContainerdTest, DamagedContentIsNoticed) {
  AddImage("a");
  containerd_.AddBlob(made_.layer_descriptor, "THE LAYER");
  EXPECT_EQ((*Source("a"))->ReadBlob(made_.layer_descriptor, 99).status().code(),
            absl::StatusCode::kDataLoss);
}

TEST_F(ContainerdTest, AnImageIsWrittenWithItsReferences) {
  {
    const auto destination = Destination();
    EXPECT_FALSE(*destination->HasBlob(made_.layer_descriptor));
    ASSERT_TRUE(destination->PutBlob(made_.layer_descriptor, AsBytes(made_.layer)).ok());
    ASSERT_TRUE(destination->PutBlob(made_.config_descriptor, AsBytes(made_.config)).ok());
    const auto status = destination->PutManifest(made_.top, AsBytes(made_.manifest));
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_TRUE(*destination->HasBlob(made_.top));
    {
      MutexLock lock(state().mutex);
      EXPECT_TRUE(state().images.empty());
    }
    ASSERT_TRUE(destination->Finish(made_.top).ok());
  }
  MutexLock lock(state().mutex);
  EXPECT_EQ(state().images.at("dst").target().digest(), made_.top.digest);
  const auto& labels = state().blobs.at(made_.top.digest).labels;
  EXPECT_EQ(labels.at("containerd.io/gc.ref.content.config"), made_.config_descriptor.digest);
  EXPECT_EQ(labels.at("containerd.io/gc.ref.content.l.0"), made_.layer_descriptor.digest);
  EXPECT_EQ(state().blobs.at(made_.layer_descriptor.digest).labels.at(kUncompressedLabel),
            made_.layer_descriptor.digest);
}

TEST_F(ContainerdTest, AnImageThatIsThereGetsTheNewTargetAndKeepsItsLabels) {
  AddImage("dst");
  const oci::Descriptor other = oci::DescribeBytes(oci::kOciManifest, AsBytes("other"));
  ASSERT_TRUE(Destination()->Finish(other).ok());
  MutexLock lock(state().mutex);
  EXPECT_EQ(state().images.at("dst").target().digest(), other.digest);
  EXPECT_EQ(state().images.at("dst").labels().at("mine"), "1");
}

TEST_F(ContainerdTest, ABlobThatIsThereGetsTheLabels) {
  containerd_.AddBlob(made_.top, made_.manifest);
  containerd_.AddBlob(made_.config_descriptor, made_.config);
  containerd_.AddBlob(made_.layer_descriptor, made_.layer);
  ASSERT_TRUE(Destination()->PutManifest(made_.top, AsBytes(made_.manifest)).ok());
  MutexLock lock(state().mutex);
  EXPECT_EQ(state().blobs.at(made_.top.digest).labels.size(), 2u);
}

TEST_F(ContainerdTest, ABlobOfAnotherNamespaceIsNotSentAgain) {
  const std::string bytes = Pattern(3'000'000);
  const oci::Descriptor descriptor = oci::DescribeBytes(oci::kOciLayer, AsBytes(bytes));
  {
    MutexLock lock(state().mutex);
    state().shared[descriptor.digest] = bytes;
  }
  const auto status = PutStream(bytes, descriptor);
  ASSERT_TRUE(status.ok()) << status;
  MutexLock lock(state().mutex);
  EXPECT_EQ(state().longest_message, 0u);
  EXPECT_TRUE(state().blobs.at(descriptor.digest).bytes == bytes);
}

TEST_F(ContainerdTest, LongBlobsGoInMessagesThatContainerdTakes) {
  const std::string bytes = Pattern(9'000'001);
  const oci::Descriptor descriptor = oci::DescribeBytes(oci::kOciLayer, AsBytes(bytes));
  const auto status = PutStream(bytes, descriptor);
  ASSERT_TRUE(status.ok()) << status;
  MutexLock lock(state().mutex);
  EXPECT_LE(state().longest_message, size_t{8} << 20);
  EXPECT_TRUE(state().blobs.at(descriptor.digest).bytes == bytes);
}

TEST_F(ContainerdTest, EmptyBlobsAreBlobs) {
  EXPECT_TRUE(PutStream("", oci::DescribeBytes(oci::kOciLayer, {})).ok());
  MutexLock lock(state().mutex);
  EXPECT_EQ(state().blobs.size(), 1u);
}

TEST_F(ContainerdTest, AWrongStreamIsNeverCommitted) {
  const auto status = PutStream("wrong", oci::DescribeBytes(oci::kOciLayer, AsBytes("right")));
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  MutexLock lock(state().mutex);
  EXPECT_TRUE(state().blobs.empty());
}

TEST_F(ContainerdTest, NobodyOnTheSocketIsSaidWithTheRemedy) {
  options_.address = containerd_.socket() + ".none";
  const auto status = Source("a").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(status.message().find("--address"), std::string::npos) << status;
  options_.name_space = "";
  EXPECT_EQ(Source("a").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(ContainerdTest, CancellingEndsReading) {
  AddImage("a");
  CancelSource cancel;
  options_.cancel = cancel.token();
  const auto source = Source("a");
  const auto stream = *(*source)->OpenBlob(made_.layer_descriptor);
  cancel.Cancel();
  Bytes out(100);
  EXPECT_EQ(stream->Read(out).status().code(), absl::StatusCode::kCancelled);
}

TEST(GcLabelsTest, IndexesNameTheirManifests) {
  oci::ImageIndex index;
  index.media_type = oci::kOciIndex;
  index.manifests = {oci::DescribeBytes(oci::kOciManifest, AsBytes("1")),
                     oci::DescribeBytes(oci::kOciManifest, AsBytes("2"))};
  const auto labels = GcLabels(oci::kOciIndex, AsBytes(oci::SerializeIndex(index)));
  ASSERT_TRUE(labels.ok()) << labels.status();
  EXPECT_EQ(labels->size(), 2u);
  EXPECT_EQ(labels->at("containerd.io/gc.ref.content.m.1"), index.manifests[1].digest);
  EXPECT_FALSE(GcLabels(oci::kOciIndex, AsBytes("[]")).ok());
  EXPECT_FALSE(GcLabels("other", AsBytes("nonsense")).ok());
}

}  // namespace
}  // namespace floe::converter
