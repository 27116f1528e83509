// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/diff/differ.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/file.h"
#include "base/process.h"
#include "base/sha256.h"
#include "snapshotter/diff/layer_pair.h"

namespace floe::snapshotter {
namespace {

using absl::StatusCode;

// Keeps the last committed blob.
class FakeStore : public LayerStore {
 public:
  absl::StatusOr<std::unique_ptr<LayerIngest>> Begin(const std::string& name_space,
                                                     const std::string& ref) override {
    FLOE_RETURN_IF_ERROR(begin_error);
    begun = absl::StrCat(name_space, " ", ref);
    return std::make_unique<Ingest>(*this);
  }
  absl::Status begin_error;
  absl::Status write_error;
  std::string begun;
  std::string blob;
  std::string digest;
  Labels labels;

 private:
  class Ingest : public LayerIngest {
   public:
    explicit Ingest(FakeStore& store) : store_(store) {}
    absl::Status Write(ByteView bytes) override {
      bytes_.append(AsText(bytes).data(), bytes.size());
      return store_.write_error;
    }
    absl::Status Commit(const std::string& digest, uint64_t size, const Labels& labels) override {
      EXPECT_EQ(size, bytes_.size());
      EXPECT_EQ(digest, absl::StrCat("sha256:", ToHex(Sha256::Of(AsBytes(bytes_)))));
      store_.blob = bytes_;
      store_.digest = digest;
      store_.labels = labels;
      return absl::OkStatus();
    }

   private:
    FakeStore& store_;
    std::string bytes_;
  };
};

class DifferTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(MakeDirectories(upper_).ok());
    request_.name_space = "default";
    request_.media_type = "application/vnd.oci.image.layer.v1.tar";
    request_.left = {{"bind", "/lower", "", {"ro", "rbind"}}};
    request_.right = {{"overlay",
                       "overlay",
                       "",
                       {"index=off", "workdir=" + snapshots_ + "/7/work", "upperdir=" + upper_,
                        "lowerdir=/lower"}}};
  }

  std::string Path(const std::string& name) { return upper_ + "/" + name; }
  void WriteText(const std::string& name, absl::string_view text, time_t mtime = 1000000000) {
    ASSERT_TRUE(
        WriteFileAtomically(Path(name), AsBytes(text), 0644, Replace::kYes, Durable::kNo).ok());
    const struct timespec times[2] = {{mtime, 5}, {mtime, 999999999}};
    ASSERT_EQ(utimensat(AT_FDCWD, Path(name).c_str(), times, 0), 0);
  }
  absl::StatusOr<LayerDescriptor> Diff() {
    return Differ(snapshots_, store_).Diff(request_, [this] { return cancelled_; });
  }
  // What GNU tar, an independent reader, sees in the blob.
  std::string Listing(const std::string& flags = "-tf") {
    auto result = RunCommand({"tar", flags, "-", "--full-time", "--numeric-owner"}, store_.blob);
    EXPECT_TRUE(result.ok() && result->exit_code == 0);
    return result.ok() ? result->output : "";
  }

  absl::StatusOr<TempDir> temporary_ = TempDir::Create();
  const std::string snapshots_ = temporary_->path() + "/snapshots";
  const std::string upper_ = snapshots_ + "/7/fs";
  FakeStore store_;
  DiffRequest request_;
  bool cancelled_ = false;
};

TEST_F(DifferTest, WhiteoutsOpaqueDirectoriesAndFiles) {
  WriteText("added", "hello");
  ASSERT_TRUE(MakeDirectories(Path("dir")).ok());
  WriteText("dir/inside", "x");
  ASSERT_EQ(mknod(Path("dir/deleted").c_str(), S_IFCHR, makedev(0, 0)), 0);
  ASSERT_EQ(mknod(Path("gone").c_str(), S_IFCHR, makedev(0, 0)), 0);
  ASSERT_TRUE(MakeDirectories(Path("opaque")).ok());
  WriteText("opaque/new", "x");
  if (setxattr(Path("opaque").c_str(), "trusted.overlay.opaque", "y", 1, 0) != 0) {
    GTEST_SKIP() << "this file system has no trusted xattrs";
  }
  const auto layer = Diff();
  ASSERT_TRUE(layer.ok()) << layer.status();
  EXPECT_EQ(Listing(),
            "added\ndir/\ndir/.wh.deleted\ndir/inside\n.wh.gone\nopaque/\nopaque/.wh..wh..opq\n"
            "opaque/new\n");
  EXPECT_EQ(layer->digest, layer->diff_id);  // no compression
  EXPECT_EQ(store_.labels.at(kUncompressedLabel), layer->diff_id);
  EXPECT_EQ(store_.begun, "default ");
}

TEST_F(DifferTest, OwnersModesTimesAndKinds) {
  WriteText("file", "content");
  ASSERT_EQ(chown(Path("file").c_str(), 3000000, 70000), 0);
  ASSERT_EQ(chmod(Path("file").c_str(), 04711), 0);
  std::filesystem::create_symlink("/some/where", Path("link"));
  ASSERT_EQ(mknod(Path("null").c_str(), S_IFCHR | 0666, makedev(1, 3)), 0);
  ASSERT_EQ(mkfifo(Path("pipe").c_str(), 0600), 0);
  ASSERT_EQ(mknod(Path("socket").c_str(), S_IFSOCK | 0600, 0), 0);
  ASSERT_TRUE(Diff().ok());
  const std::string listing = Listing("-tvf");
  EXPECT_TRUE(absl::StrContains(listing, "-rws--x--x 3000000/70000     7 2001-09-09 01:46:40 file"))
      << listing;
  EXPECT_TRUE(absl::StrContains(listing, "link -> /some/where"));
  EXPECT_TRUE(absl::StrContains(listing, "1,3"));
  EXPECT_TRUE(absl::StrContains(listing, "prw"));
  EXPECT_FALSE(absl::StrContains(listing, "socket"));
}

TEST_F(DifferTest, HardLinksAreLinks) {
  WriteText("b", std::string(100000, 'x'));
  std::filesystem::create_hard_link(Path("b"), Path("a"));
  ASSERT_TRUE(Diff().ok());
  EXPECT_TRUE(absl::StrContains(Listing("-tvf"), "b link to a"));
  EXPECT_LT(store_.blob.size(), 110000u);
}

TEST_F(DifferTest, XattrsThatTravel) {
  WriteText("file", "x");
  const std::string capability("\1\0\0\2\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
  ASSERT_EQ(setxattr(Path("file").c_str(), "security.capability", capability.data(), 20, 0), 0);
  ASSERT_EQ(setxattr(Path("file").c_str(), "user.note", "keep", 4, 0), 0);
  ASSERT_EQ(setxattr(Path("file").c_str(), "trusted.secret", "drop", 4, 0), 0);
  ASSERT_TRUE(Diff().ok());
  EXPECT_TRUE(absl::StrContains(store_.blob, "SCHILY.xattr.security.capability=" + capability));
  EXPECT_TRUE(absl::StrContains(store_.blob, "SCHILY.xattr.user.note=keep"));
  EXPECT_FALSE(absl::StrContains(store_.blob, "trusted.secret"));
  EXPECT_FALSE(absl::StrContains(store_.blob, "LIBARCHIVE"));
}

TEST_F(DifferTest, NamesAreBytes) {
  const std::string name = "umlaut-\xc3\xa4-latin-\xe4-" + std::string(180, 'n');
  WriteText(name, "x");
  ASSERT_TRUE(Diff().ok());
  EXPECT_TRUE(absl::StrContains(store_.blob, name));
}

TEST_F(DifferTest, CompressedLayersUnpackToTheSameTar) {
  WriteText("file", std::string(500000, 'z'));
  const auto plain = Diff();
  for (const auto& [suffix, program] : {std::pair("+gzip", "gzip"), std::pair("+zstd", "zstd")}) {
    request_.media_type = std::string("application/vnd.oci.image.layer.v1.tar") + suffix;
    const auto packed = Diff();
    ASSERT_TRUE(packed.ok()) << packed.status();
    EXPECT_EQ(packed->diff_id, plain->diff_id);
    EXPECT_NE(packed->digest, plain->digest);
    EXPECT_LT(packed->size, 50000u);
    const auto unpacked = RunCommand({program, "-dc"}, store_.blob);
    EXPECT_EQ(absl::StrCat("sha256:", ToHex(Sha256::Of(AsBytes(unpacked->output)))),
              plain->diff_id);
    EXPECT_EQ(Diff()->digest, packed->digest);  // again: the same bytes
  }
  request_.media_type.clear();
  EXPECT_EQ(Diff()->media_type, "application/vnd.oci.image.layer.v1.tar+gzip");
}

TEST_F(DifferTest, SourceDateEpochCapsTimes) {
  WriteText("new", "x", 2000000000);
  WriteText("old", "x", 1000000000);
  request_.source_date_epoch = 1500000000;
  ASSERT_TRUE(Diff().ok());
  EXPECT_TRUE(absl::StrContains(Listing("-tvf"), "2017-07-14 02:40:00 new"));
  EXPECT_TRUE(absl::StrContains(Listing("-tvf"), "2001-09-09 01:46:40 old"));
}

TEST_F(DifferTest, WhatATarCannotCarryGoesToTheWalkingDiffer) {
  ASSERT_TRUE(MakeDirectories(Path("moved")).ok());
  ASSERT_EQ(setxattr(Path("moved").c_str(), "trusted.overlay.redirect", "/old", 4, 0), 0);
  EXPECT_EQ(Diff().status().code(), StatusCode::kUnimplemented);
  EXPECT_EQ(store_.blob, "");
}

TEST_F(DifferTest, NamesThatReadAsWhiteouts) {
  WriteText(".wh.trap", "x");
  const auto layer = Diff();
  EXPECT_EQ(layer.status().code(), StatusCode::kFailedPrecondition);
  EXPECT_TRUE(absl::StrContains(layer.status().message(), "rename"));
}

TEST_F(DifferTest, ErrorsOnTheWay) {
  WriteText("file", std::string(3 << 20, 'x'));
  store_.write_error = absl::ResourceExhaustedError("disk full");
  EXPECT_EQ(Diff().status().code(), StatusCode::kResourceExhausted);
  store_.write_error = absl::OkStatus();
  cancelled_ = true;
  EXPECT_EQ(Diff().status().code(), StatusCode::kCancelled);
  cancelled_ = false;
  store_.begin_error = absl::UnavailableError("nobody there");
  EXPECT_EQ(Diff().status().code(), StatusCode::kUnimplemented);
  store_.begin_error = absl::PermissionDeniedError("no");
  EXPECT_EQ(Diff().status().code(), StatusCode::kPermissionDenied);
  request_.media_type = "application/x-unknown";
  EXPECT_EQ(Diff().status().code(), StatusCode::kUnimplemented);
}

TEST(LayerPair, OursAndOthers) {
  const std::string s = "/r/snapshots";
  const auto overlay = [](std::vector<std::string> options) {
    return std::vector<Mount>{{"overlay", "overlay", "", std::move(options)}};
  };
  const auto bind = [](const std::string& source) {
    return std::vector<Mount>{{"bind", source, "", {"rbind"}}};
  };
  const auto on_two = overlay({"upperdir=/r/snapshots/9/fs", "workdir=/w", "lowerdir=/b:/a"});
  EXPECT_EQ(*LayerBetween(overlay({"lowerdir=/b:/a"}), on_two, s), "/r/snapshots/9/fs");
  EXPECT_EQ(*LayerBetween({}, bind("/r/snapshots/1/fs"), s), "/r/snapshots/1/fs");
  // A committed layer through views of it and of its parent.
  EXPECT_EQ(
      *LayerBetween(bind("/r/mounts/1"), overlay({"lowerdir=/r/snapshots/3/fs:/r/mounts/1"}), s),
      "/r/snapshots/3/fs");
  const auto code = [&](const std::vector<Mount>& left, const std::vector<Mount>& right) {
    return LayerBetween(left, right, s).status().code();
  };
  EXPECT_EQ(code(bind("/a"), on_two), StatusCode::kUnimplemented);
  EXPECT_EQ(code({}, on_two), StatusCode::kUnimplemented);
  EXPECT_EQ(code({}, {}), StatusCode::kUnimplemented);
  EXPECT_EQ(code({}, bind("/r/mounts/1")), StatusCode::kUnimplemented);
  EXPECT_EQ(code({}, bind("/r/snapshots/../1/fs")), StatusCode::kUnimplemented);
  EXPECT_EQ(code({}, bind("/r/snapshots/1x/fs")), StatusCode::kUnimplemented);
  EXPECT_EQ(code({}, bind("/r/snapshots//fs")), StatusCode::kUnimplemented);
  EXPECT_EQ(code({}, {{"erofs", "/x", "", {}}}), StatusCode::kUnimplemented);
  EXPECT_EQ(code({}, {{"bind", "/r/snapshots/1/fs", "/below", {}}}), StatusCode::kUnimplemented);
  EXPECT_EQ(code({}, {{"bind", "/a", "", {}}, {"bind", "/b", "", {}}}), StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace floe::snapshotter
