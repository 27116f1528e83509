// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/directories.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "base/file.h"

namespace floe::snapshotter {
namespace {

using absl::StatusCode;

class DirectoriesTest : public testing::Test {
 protected:
  void SetUp() override {
    auto opened = Directories::Open(root_);
    ASSERT_TRUE(opened.ok()) << opened.status();
    directories_ = *std::move(opened);
  }
  absl::StatusOr<TempDir> temporary_ = TempDir::Create();
  const std::string root_ = temporary_->path() + "/root";
  std::unique_ptr<Directories> directories_;
};

TEST_F(DirectoriesTest, RootIsPrivate) {
  for (const std::string& path :
       {root_, directories_->SnapshotsPath(), directories_->ManifestsPath()}) {
    EXPECT_EQ(AttributesOf(path)->mode, 0700u) << path;
  }
}

TEST_F(DirectoriesTest, SecondUserIsRefusedUntilTheFirstEnds) {
  const auto second = Directories::Open(root_);
  EXPECT_EQ(second.status().code(), StatusCode::kFailedPrecondition);
  EXPECT_NE(second.status().message().find("--root"), absl::string_view::npos);
  directories_.reset();
  EXPECT_TRUE(Directories::Open(root_).ok());
}

TEST_F(DirectoriesTest, RootsThatOverlayCannotCarry) {
  for (const char* root : {"", "relative", "/a:b", "/a,b", "/a\\b"}) {
    EXPECT_EQ(Directories::Open(root).status().code(), StatusCode::kInvalidArgument) << root;
  }
}

TEST_F(DirectoriesTest, StagedBecomesASnapshot) {
  const mode_t before = umask(077);
  {
    auto staged = directories_->Stage({01775, 12, 34}, WorkDirectory::kYes);
    ASSERT_TRUE(staged.ok()) << staged.status();
    EXPECT_TRUE(directories_->ListSnapshots()->empty());  // in use: nobody's business
    ASSERT_TRUE(staged->Publish(7).ok());
    staged->Keep();
  }
  umask(before);
  const auto fs = AttributesOf(directories_->FilesPath(7));
  EXPECT_EQ(fs->mode, 01775u);
  EXPECT_EQ(fs->uid, 12u);
  EXPECT_EQ(fs->gid, 34u);
  EXPECT_EQ(AttributesOf(directories_->WorkPath(7))->mode, 0711u);
  EXPECT_EQ(AttributesOf(directories_->WorkPath(7))->uid, 12u);
  EXPECT_EQ(*directories_->ListSnapshots(), (std::set<std::string>{"7"}));
  ASSERT_TRUE(directories_->RemoveSnapshot(7).ok());
  EXPECT_TRUE(directories_->ListSnapshots()->empty());
}

TEST_F(DirectoriesTest, UnpublishedAndUnkeptAreGone) {
  { auto staged = directories_->Stage({}, WorkDirectory::kNo); }
  {
    auto staged = directories_->Stage({}, WorkDirectory::kNo);
    ASSERT_TRUE(staged->Publish(3).ok());
    EXPECT_TRUE(std::filesystem::exists(directories_->FilesPath(3)));
    EXPECT_FALSE(std::filesystem::exists(directories_->WorkPath(3)));
  }
  EXPECT_TRUE(std::filesystem::is_empty(directories_->SnapshotsPath()));
}

TEST_F(DirectoriesTest, LeftoverUnderTheIdMakesWay) {
  ASSERT_TRUE(MakeDirectories(directories_->FilesPath(9) + "/old").ok());
  auto staged = directories_->Stage({}, WorkDirectory::kNo);
  ASSERT_TRUE(staged->Publish(9).ok());
  staged->Keep();
  EXPECT_TRUE(std::filesystem::is_empty(directories_->FilesPath(9)));
}

TEST_F(DirectoriesTest, LeftoversOfACrashAreListedAndRemoved) {
  ASSERT_TRUE(MakeDirectories(directories_->SnapshotsPath() + "/new-abcdef/fs/x").ok());
  EXPECT_EQ(*directories_->ListSnapshots(), (std::set<std::string>{"new-abcdef"}));
  ASSERT_TRUE(directories_->RemoveLeftover("new-abcdef").ok());
  EXPECT_TRUE(directories_->ListSnapshots()->empty());
}

TEST_F(DirectoriesTest, Manifests) {
  ASSERT_TRUE(WriteFileAtomically(directories_->ManifestPath("abc"), AsBytes("x"), 0600,
                                  Replace::kNo, Durable::kNo)
                  .ok());
  EXPECT_EQ(*directories_->ListManifests(), (std::set<std::string>{"abc"}));
  ASSERT_TRUE(directories_->RemoveManifest("abc").ok());
  ASSERT_TRUE(directories_->RemoveManifest("abc").ok());
  EXPECT_TRUE(directories_->ListManifests()->empty());
}

}  // namespace
}  // namespace floe::snapshotter
