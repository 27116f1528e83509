// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/mapped_layers.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "base/file.h"
#include "mount/syscalls.h"

namespace floe::snapshotter {
namespace {

class MappedLayersTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(MakeDirectories(layers_ + "/1/fs").ok());
    const auto probe = mount::CloneIdmapped(layers_, mapping_, Soon());
    if (!probe.ok()) GTEST_SKIP() << "no idmapped clones here: " << probe.status();
  }
  void TearDown() override { EXPECT_TRUE(mapped_.Detach(MappedLayers::Keep::kNothing).ok()); }

  static SteadyTime Soon() { return Clock::Real().Now() + std::chrono::seconds(30); }
  static uid_t OwnerOf(const std::string& path) {
    struct stat st = {};
    EXPECT_EQ(stat(path.c_str(), &st), 0) << path;
    return st.st_uid;
  }
  size_t Clones() {
    size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(directory_)) {
      count += *mount::IsMountPoint(entry.path().string()) ? 1 : 0;
    }
    return count;
  }

  absl::StatusOr<TempDir> temporary_ = TempDir::Create();
  const std::string layers_ = temporary_->path() + "/snapshots";
  const std::string directory_ = temporary_->path() + "/mapped";
  const mount::IdMapping mapping_ = *mount::ParseIdMapping("0:100000:65536", "0:100000:65536");
  const mount::IdMapping other_ = *mount::ParseIdMapping("0:300000:65536", "0:300000:65536");
  MappedLayers mapped_{layers_, directory_};
};

TEST_F(MappedLayersTest, OwnersAreSeenThroughTheMapping) {
  const auto path = mapped_.Acquire(mapping_, "layer-1", Soon());
  ASSERT_TRUE(path.ok()) << path.status();
  EXPECT_EQ(OwnerOf(*path + "/1/fs"), 100000u);
  EXPECT_EQ(OwnerOf(layers_ + "/1/fs"), 0u);
  // Layers that come later are there too.
  ASSERT_TRUE(MakeDirectories(layers_ + "/2/fs").ok());
  EXPECT_EQ(OwnerOf(*path + "/2/fs"), 100000u);
}

TEST_F(MappedLayersTest, OneCloneForEachMappingUntilItsLastHolderGoes) {
  const auto first = mapped_.Acquire(mapping_, "a", Soon());
  EXPECT_EQ(*mapped_.Acquire(mapping_, "a", Soon()), *first);
  EXPECT_EQ(*mapped_.Acquire(mapping_, "b", Soon()), *first);
  EXPECT_NE(*mapped_.Acquire(other_, "b", Soon()), *first);
  EXPECT_EQ(Clones(), 2u);
  ASSERT_TRUE(mapped_.Release("a").ok());
  EXPECT_EQ(Clones(), 2u);
  ASSERT_TRUE(mapped_.Release("b").ok());
  ASSERT_TRUE(mapped_.Release("nobody").ok());
  EXPECT_TRUE(std::filesystem::is_empty(directory_));
}

TEST_F(MappedLayersTest, RestartKeepsWhatIsHeldAndDetachesTheRest) {
  const std::string kept = *mapped_.Acquire(mapping_, "a", Soon());
  ASSERT_TRUE(mapped_.Acquire(other_, "b", Soon()).ok());
  MappedLayers next(layers_, directory_);
  ASSERT_TRUE(next.Recover(mapping_, "a").ok());
  ASSERT_TRUE(next.Detach(MappedLayers::Keep::kHeld).ok());
  EXPECT_EQ(Clones(), 1u);
  EXPECT_EQ(*next.Acquire(mapping_, "a", Soon()), kept);
  ASSERT_TRUE(next.Release("a").ok());
  EXPECT_EQ(Clones(), 0u);
}

TEST_F(MappedLayersTest, RecoveringWhatIsNotMountedHoldsNothing) {
  ASSERT_TRUE(mapped_.Recover(mapping_, "a").ok());
  ASSERT_TRUE(MakeDirectories(directory_).ok());
  EXPECT_EQ(Clones(), 0u);
}

TEST_F(MappedLayersTest, MissingLayersAreAnError) {
  MappedLayers none(temporary_->path() + "/nothing", directory_);
  EXPECT_FALSE(none.Acquire(mapping_, "a", Soon()).ok());
}

}  // namespace
}  // namespace floe::snapshotter
