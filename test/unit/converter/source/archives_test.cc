// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/process.h"
#include "converter/source/docker_archive.h"
#include "converter/source/oci_archive.h"
#include "converter/source/select.h"
#include "converter/source/tar_file.h"
#include "oci/digest.h"
#include "oci/media_types.h"
#include "oci/verifying_stream.h"
#include "test/unit/converter/fake_images.h"

namespace floe::converter {
namespace {

namespace fs = std::filesystem;

std::string Pattern(size_t size) {
  std::string text(size, '\0');
  for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 2654435761u >> 11);
  return text;
}

class ArchivesTest : public ::testing::Test {
 protected:
  ArchivesTest() : temp_(*TempDir::Create()), file_(temp_.path() + "/image.tar") {
    image_ = memory_.AddImage({Pattern(300'000), "layer two"});
    memory_.SetTop(image_);
  }

  absl::Status Put(ImageDestination& destination) {
    FLOE_ASSIGN_OR_RETURN(const Selection selection, SelectImages(memory_, {}));
    const SourceImage& image = selection.images[0];
    for (const oci::Descriptor& layer : image.manifest.layers) {
      FLOE_ASSIGN_OR_RETURN(const auto stream, memory_.OpenBlob(layer));
      FLOE_RETURN_IF_ERROR(destination.PutBlobStream(layer, *stream));
      // Twice is as good as once.
      FLOE_ASSIGN_OR_RETURN(const auto again, memory_.OpenBlob(layer));
      FLOE_RETURN_IF_ERROR(destination.PutBlobStream(layer, *again));
    }
    FLOE_RETURN_IF_ERROR(destination.PutBlob(image.config_descriptor, image.config_bytes));
    return destination.PutManifest(image.descriptor, image.manifest_bytes);
  }
  absl::Status Save(absl::StatusOr<std::unique_ptr<ImageDestination>> destination) {
    FLOE_RETURN_IF_ERROR(destination.status());
    FLOE_RETURN_IF_ERROR(Put(**destination));
    return (*destination)->Finish(image_);
  }
  // In an empty directory; `script` makes files, and $1 is the archive.
  void Shell(const std::string& script) {
    const auto result = RunCommand(
        {"sh", "-ec", absl::StrCat("d=$(mktemp -d); trap 'rm -rf $d' EXIT; cd $d; ", script), "sh",
         file_});
    ASSERT_TRUE(result.ok()) << result.status();
    ASSERT_EQ(result->exit_code, 0) << script;
  }
  absl::StatusOr<std::shared_ptr<const TarFile>> OpenTar() {
    return TarFile::Open(file_, temp_.path(), "tar");
  }
  size_t FilesLeft() const {
    return static_cast<size_t>(
        std::distance(fs::directory_iterator(temp_.path()), fs::directory_iterator()));
  }
  // Every blob of what `source` names, checked by its streams.
  static absl::Status ReadEverything(absl::StatusOr<std::unique_ptr<ImageSource>> source) {
    FLOE_RETURN_IF_ERROR(source.status());
    FLOE_ASSIGN_OR_RETURN(const Selection selection, SelectImages(**source, {}));
    for (const oci::Descriptor& layer : selection.images[0].manifest.layers) {
      FLOE_RETURN_IF_ERROR((*source)->ReadBlob(layer, 1 << 20));
    }
    return absl::OkStatus();
  }

  const TempDir temp_;
  const std::string file_;
  fake::MemorySource memory_;
  oci::Descriptor image_;
};

TEST_F(ArchivesTest, MembersAreReadInPlace) {
  Shell(
      "mkdir -p a/b; printf 1 > a/one; head -c 100000 /dev/zero > a/b/zeros; printf x > "
      "$(printf 'n%.0s' $(seq 200)); ln -s b/zeros a/soft; ln a/one a/b/hard; ln -s loop loop; "
      "ln -s ../../etc/passwd a/out; tar cf $1 .");
  const auto tar = OpenTar();
  ASSERT_TRUE(tar.ok()) << tar.status();
  EXPECT_EQ(AsText(*(*tar)->ReadMember("a/one", 10)), "1");
  EXPECT_EQ(AsText(*(*tar)->ReadMember("./a/b/hard", 10)), "1");
  EXPECT_EQ((*tar)->ReadMember("a/soft", 1 << 20)->size(), 100'000u);
  EXPECT_EQ(AsText(*(*tar)->ReadMember(std::string(200, 'n'), 10)), "x");
  EXPECT_FALSE((*tar)->Has("a"));
  EXPECT_FALSE((*tar)->Has("loop"));
  EXPECT_EQ((*tar)->ReadMember("a/out", 10).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ((*tar)->ReadMember("a/soft", 10).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(ArchivesTest, EveryFormAndCompressionIsRead) {
  for (const char* make : {"tar cf $1 .", "tar --format=gnu -cf $1 .", "tar --format=pax -cf $1 .",
                           "tar --format=v7 -cf $1 .", "tar czf $1 .", "tar cJf $1 .",
                           "tar cjf $1 .", "tar c . | zstd -q -f -o $1"}) {
    Shell(absl::StrCat("head -c 70000 /dev/urandom > r; sha256sum < r | cut -c-64 | tr -d '\\n' > ",
                       "sum; ", make));
    const auto tar = OpenTar();
    ASSERT_TRUE(tar.ok()) << make << tar.status();
    const auto bytes = (*tar)->ReadMember("r", 1 << 20);
    ASSERT_TRUE(bytes.ok()) << make << bytes.status();
    EXPECT_EQ(ToHex(Sha256::Of(*bytes)), AsText(*(*tar)->ReadMember("sum", 100))) << make;
  }
  EXPECT_EQ(FilesLeft(), 1u);
}

TEST_F(ArchivesTest, WhatIsNoTarIsRefused) {
  EXPECT_EQ(OpenTar().status().code(), absl::StatusCode::kNotFound);
  for (const char* make :
       {"echo nonsense > $1", "head -c 5000 /dev/urandom > $1", "echo x | gzip > $1", "mkdir $1"}) {
    Shell(absl::StrCat("rm -rf $1; ", make));
    EXPECT_FALSE(OpenTar().ok()) << make;
  }
  Shell("rm -rf $1; head -c 100000 /dev/urandom > r; tar czf t.gz r; head -c 50000 t.gz > $1");
  EXPECT_EQ(OpenTar().status().code(), absl::StatusCode::kDataLoss);
  Shell("rm -f $1; mkfifo $1");
  EXPECT_FALSE(OpenTar().ok());
}

TEST_F(ArchivesTest, OciArchiveReadsBack) {
  ASSERT_TRUE(Save(OpenOciArchiveDestination(file_, "v1")).ok());
  const auto source = OpenOciArchiveSource(file_, "v1", temp_.path());
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_EQ((*source)->Resolve()->digest, image_.digest);
  EXPECT_TRUE(ReadEverything(OpenOciArchiveSource(file_, "", temp_.path())).ok());
  EXPECT_EQ(OpenOciArchiveSource(file_, "v2", "").status().code(), absl::StatusCode::kNotFound);
  struct stat info {};
  ASSERT_EQ(stat(file_.c_str(), &info), 0);
  EXPECT_NE(info.st_mode & 0044, 0u);
}

TEST_F(ArchivesTest, ArchivesAreAllOrNothing) {
  Shell("echo old > $1");
  {
    const auto destination = OpenOciArchiveDestination(file_, "v1");
    ASSERT_TRUE(Put(**destination).ok());
    EXPECT_TRUE(*(*destination)->HasBlob(image_));
  }
  {
    const auto destination = OpenDockerArchiveDestination(file_, "r.test/a:1");
    ASSERT_TRUE(Put(**destination).ok());
  }
  EXPECT_EQ(AsText(*ReadWholeFile(file_, 100)), "old\n");
  EXPECT_EQ(FilesLeft(), 1u);
  EXPECT_FALSE(OpenOciArchiveDestination("/nonexistent/x", "").ok());
}

TEST_F(ArchivesTest, AWrongBlobLosesTheArchive) {
  const auto destination = OpenOciArchiveDestination(file_, "v1");
  oci::MemoryStream wrong(Bytes(5, 'x'));
  const oci::Descriptor blob = oci::DescribeBytes(oci::kOciLayer, AsBytes("right"));
  EXPECT_EQ((*destination)->PutBlobStream(blob, wrong).code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ((*destination)->Finish(blob).code(), absl::StatusCode::kDataLoss);
  EXPECT_FALSE(fs::exists(file_));
}

TEST_F(ArchivesTest, DockerArchiveReadsBack) {
  ASSERT_TRUE(Save(OpenDockerArchiveDestination(file_, "alpine:3")).ok());
  for (const char* reference : {"", "alpine:3", "docker.io/library/alpine:3"}) {
    const absl::Status status = ReadEverything(OpenDockerArchiveSource(file_, reference, ""));
    EXPECT_TRUE(status.ok()) << status;
  }
  const auto missing = OpenDockerArchiveSource(file_, "other", "").status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(missing.message().find("docker.io/library/alpine:3"), std::string::npos) << missing;
}

TEST_F(ArchivesTest, TheWrongKindIsNamed) {
  ASSERT_TRUE(Save(OpenDockerArchiveDestination(file_, "a:1")).ok());
  const auto oci = OpenOciArchiveSource(file_, "", "").status();
  EXPECT_NE(oci.message().find("write docker-archive:"), std::string::npos) << oci;
  ASSERT_TRUE(Save(OpenOciArchiveDestination(file_, "a")).ok());
  const auto docker = OpenDockerArchiveSource(file_, "", "").status();
  EXPECT_NE(docker.message().find("write oci-archive:"), std::string::npos) << docker;
}

TEST_F(ArchivesTest, DockerArchiveHoldsOnePlatformAndATag) {
  const auto destination = OpenDockerArchiveDestination(file_, "a:1");
  const oci::Descriptor index = memory_.AddIndex({image_});
  const auto status = (*destination)->Finish(index);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("--platform"), std::string::npos);
  EXPECT_FALSE(OpenDockerArchiveDestination(file_, "a@sha256:" + std::string(64, 'a')).ok());
  EXPECT_FALSE(OpenDockerArchiveDestination(file_, "A B").ok());
  EXPECT_EQ((*destination)->Finish(image_).code(), absl::StatusCode::kInternal);
}

// As docker save writes: layers in folders, a layer used twice as a symbolic link, gzip beside
// plain.
class DockerSaveTest : public ArchivesTest {
 protected:
  void Make(const std::string& manifest, const std::string& more = "") {
    Shell(absl::StrCat(
        "mkdir -p one two three; printf plain > one/layer.tar; ln -s ../one/layer.tar "
        "two/layer.tar; printf zipped | gzip -n > three/layer.tar; p=$(sha256sum < one/layer.tar | "
        "cut -c-64); z=$(printf zipped | sha256sum | cut -c-64); cat > c.json <<X\n"
        "{\"os\":\"linux\",\"architecture\":\"amd64\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":"
        "[\"sha256:$p\",\"sha256:$p\",\"sha256:$z\"]}}\nX\n",
        "cat > manifest.json <<'X'\n", manifest, "\nX\n", more, "\ntar cf $1 ."));
  }
  static constexpr char kGood[] =
      R"([{"Config":"c.json","RepoTags":["a:1","b:2"],)"
      R"("Layers":["one/layer.tar","two/layer.tar","three/layer.tar"]}])";
};

TEST_F(DockerSaveTest, LayersAreDescribedAsTheyLie) {
  Make(kGood);
  auto source = OpenDockerArchiveSource(file_, "b:2", "");
  ASSERT_TRUE(source.ok()) << source.status();
  const auto selection = SelectImages(**source, {});
  ASSERT_TRUE(selection.ok()) << selection.status();
  const auto& layers = selection->images[0].manifest.layers;
  ASSERT_EQ(layers.size(), 3u);
  EXPECT_EQ(layers[0].media_type, oci::kDockerLayer);
  EXPECT_EQ(layers[1].digest, oci::DigestOf(AsBytes("plain")));
  EXPECT_EQ(layers[2].media_type, oci::kDockerLayerGzip);
  EXPECT_EQ(AsText(*(*source)->ReadBlob(layers[1], 99)), "plain");
  EXPECT_EQ((*source)->ReadBlob(layers[2], 99)->at(0), 0x1f);
  EXPECT_EQ((*source)->ReadBlob(oci::DescribeBytes("t", {}), 9).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(DockerSaveTest, AnAlteredLayerIsNoticed) {
  Make(kGood, "printf other > one/layer.tar");
  auto source = OpenDockerArchiveSource(file_, "", "");
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_EQ(ReadEverything(std::move(source)).code(), absl::StatusCode::kDataLoss);
}

TEST_F(DockerSaveTest, BrokenManifestsAreRefused) {
  const std::pair<const char*, const char*> cases[] = {
      {"{}", "not a list"},
      {"nonsense", "not a list"},
      {"[]", "no image"},
      {R"([{"Config":"none.json","Layers":[]}])", "none.json"},
      {R"([{"Config":1}])", "Config"},
      {R"([{"Config":"c.json","Layers":[1]}])", "Layers"},
      {R"([{"Config":"c.json","Layers":["one/layer.tar"]}])", "1 layers, but the config has 3"},
      {R"([{"Config":"c.json","Layers":["x","y","z"]}])", "\"x\" is not in the archive"},
      {R"([{"Config":"one/layer.tar","Layers":[]}])", "JSON"},
      {R"([{"RepoTags":["a:1"]},{"RepoTags":["b:1"]}])", "a:1, b:1"}};
  for (const auto& [manifest, named] : cases) {
    Make(manifest);
    const auto status = OpenDockerArchiveSource(file_, "", "").status();
    EXPECT_FALSE(status.ok()) << manifest;
    EXPECT_NE(status.message().find(named), std::string::npos) << status;
  }
}

}  // namespace
}  // namespace floe::converter
