// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/tree_walk.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>

#include <filesystem>
#include <functional>

#include "base/file.h"
#include "snapshotter/disk_usage.h"

namespace floe::snapshotter {
namespace {

void WriteText(const std::string& path, absl::string_view text) {
  ASSERT_TRUE(WriteFileAtomically(path, AsBytes(text), 0644, Replace::kYes, Durable::kNo).ok());
}

class Recorder : public TreeVisitor {
 public:
  absl::StatusOr<Descend> Enter(const TreeEntry& entry) override {
    log += "+" + entry.path;
    if (on_enter) on_enter(entry);
    return entry.name == "skip" ? Descend::kNo : Descend::kYes;
  }
  absl::Status Leave(const TreeEntry& entry) override {
    log += "-" + entry.path;
    return absl::OkStatus();
  }
  std::string log;
  std::function<void(const TreeEntry&)> on_enter;
};

class TreeWalkTest : public testing::Test {
 protected:
  std::string Path(const std::string& name) { return directory_->path() + "/" + name; }
  absl::Status Walk(TreeVisitor& visitor) {
    FLOE_ASSIGN_OR_RETURN(const UniqueFd root, OpenFile(directory_->path(), O_RDONLY));
    return WalkTree(root.get(), visitor);
  }
  absl::StatusOr<TempDir> directory_ = TempDir::Create();
};

TEST_F(TreeWalkTest, OrderAndDescent) {
  ASSERT_TRUE(MakeDirectories(Path("b/c")).ok());
  ASSERT_TRUE(MakeDirectories(Path("skip/inside")).ok());
  WriteText(Path("b/c/file"), "x");
  WriteText(Path("b.txt"), "x");
  WriteText(Path("a"), "x");
  std::filesystem::create_symlink("/", Path("link"));
  Recorder recorder;
  ASSERT_TRUE(Walk(recorder).ok());
  EXPECT_EQ(recorder.log, "+a+b+b/c+b/c/file-b/c-b+b.txt+link+skip");
}

TEST_F(TreeWalkTest, EntriesThatVanishAreSkipped) {
  ASSERT_TRUE(MakeDirectories(Path("a")).ok());
  WriteText(Path("b"), "x");
  Recorder recorder;
  recorder.on_enter = [this](const TreeEntry& entry) {
    if (entry.name == "a")
      std::filesystem::remove_all(Path("a")), std::filesystem::remove(Path("b"));
  };
  EXPECT_TRUE(Walk(recorder).ok());
  EXPECT_EQ(recorder.log, "+a");
}

TEST_F(TreeWalkTest, MovedDirectoryEndsTheWalk) {
  ASSERT_TRUE(MakeDirectories(Path("a/b")).ok());
  ASSERT_TRUE(MakeDirectories(Path("z")).ok());
  WriteText(Path("a/b/file"), "x");
  Recorder recorder;
  recorder.on_enter = [this](const TreeEntry& entry) {
    if (entry.name == "file") std::filesystem::rename(Path("a/b"), Path("z/b"));
  };
  EXPECT_EQ(Walk(recorder).code(), absl::StatusCode::kAborted);
}

TEST_F(TreeWalkTest, AnErrorOfTheVisitorEndsTheWalk) {
  class Refuser : public TreeVisitor {
    absl::StatusOr<Descend> Enter(const TreeEntry&) override { return absl::DataLossError("no"); }
  } refuser;
  WriteText(Path("a"), "x");
  EXPECT_EQ(Walk(refuser).code(), absl::StatusCode::kDataLoss);
}

// Deeper than there are descriptors, and than a path may be long.
TEST_F(TreeWalkTest, VeryDeepTreesAreMeasuredAndRemoved) {
  constexpr int kDepth = 1500;
  UniqueFd current = *OpenFile(directory_->path(), O_RDONLY | O_DIRECTORY);
  ASSERT_EQ(mkdirat(current.get(), "deep", 0755), 0);
  current = *OpenFileAt(current.get(), "deep", O_RDONLY | O_DIRECTORY);
  for (int i = 0; i < kDepth; ++i) {
    ASSERT_EQ(mkdirat(current.get(), "dd", 0755), 0);
    current = *OpenFileAt(current.get(), "dd", O_RDONLY | O_DIRECTORY);
  }
  const auto usage = MeasureUsage(Path("deep"));
  ASSERT_TRUE(usage.ok()) << usage.status();
  EXPECT_EQ(usage->inodes, kDepth + 1);
  ASSERT_TRUE(RemoveTree(directory_->path(), "deep").ok());
  EXPECT_FALSE(std::filesystem::exists(Path("deep")));
}

TEST_F(TreeWalkTest, RemovingFollowsNoLink) {
  ASSERT_TRUE(MakeDirectories(Path("outside")).ok());
  WriteText(Path("outside/precious"), "x");
  ASSERT_TRUE(MakeDirectories(Path("victim")).ok());
  std::filesystem::create_symlink(Path("outside"), Path("victim/link"));
  ASSERT_TRUE(RemoveTree(directory_->path(), "victim").ok());
  std::filesystem::create_symlink(Path("outside"), Path("link"));
  ASSERT_TRUE(RemoveTree(directory_->path(), "link").ok());
  EXPECT_FALSE(std::filesystem::is_symlink(Path("link")));
  EXPECT_TRUE(std::filesystem::exists(Path("outside/precious")));
  EXPECT_TRUE(RemoveTree(directory_->path(), "nothing").ok());
}

TEST_F(TreeWalkTest, RemovingLeavesMountedFileSystemsAlone) {
  ASSERT_TRUE(MakeDirectories(Path("victim/mnt")).ok());
  if (::mount("tmpfs", Path("victim/mnt").c_str(), "tmpfs", 0, nullptr) != 0) {
    GTEST_SKIP() << "mount(2) is not allowed here";
  }
  WriteText(Path("victim/mnt/precious"), "x");
  EXPECT_FALSE(RemoveTree(directory_->path(), "victim").ok());
  EXPECT_TRUE(std::filesystem::exists(Path("victim/mnt/precious")));
  ASSERT_EQ(umount(Path("victim/mnt").c_str()), 0);
  EXPECT_TRUE(RemoveTree(directory_->path(), "victim").ok());
}

TEST_F(TreeWalkTest, UsageCountsHardLinksOnceAndHolesNot) {
  WriteText(Path("file"), std::string(10000, 'x'));
  const auto before = MeasureUsage(directory_->path());
  std::filesystem::create_hard_link(Path("file"), Path("again"));
  const UniqueFd sparse = *OpenFile(Path("sparse"), O_WRONLY | O_CREAT, 0600);
  ASSERT_EQ(ftruncate(sparse.get(), 1 << 30), 0);
  const auto after = MeasureUsage(directory_->path());
  EXPECT_EQ(after->inodes, before->inodes + 1);
  EXPECT_LT(after->bytes, before->bytes + 65536);
  EXPECT_GE(before->bytes, 10000);
  EXPECT_FALSE(MeasureUsage(Path("nothing")).ok());
}

}  // namespace
}  // namespace floe::snapshotter
