// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/image_lowers.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"

namespace floe::snapshotter {
namespace {

using absl::StatusCode;

// What both fakes tell the test.
struct World {
  int starts = 0, shutdowns = 0, unmounted_all = 0, dropped_unheld = 0;
  absl::Status start_error, mount_error;
  std::vector<mount::MountInfo> mounts;  // as an earlier process left them, or as made
  mount::MountRequest last;
};

class FakeDaemons : public mount::DaemonSupervisor {
 public:
  explicit FakeDaemons(World& world) : world_(world) {}
  absl::Status Shutdown(SteadyTime) override {
    ++world_.shutdowns;
    return absl::OkStatus();
  }
  const mount::FusefsClient& fusefs() const override { return client_; }
  std::shared_ptr<const mount::FuseMount> fuse() const override { return nullptr; }
  mount::DaemonState keeper_state() const override { return {}; }
  mount::DaemonState fusefs_state() const override { return {}; }

 private:
  World& world_;
  mount::FusefsClient client_{"/nowhere"};
};

class FakeMounter : public mount::ImageMounter {
 public:
  explicit FakeMounter(World& world) : world_(world) {}

  absl::StatusOr<std::string> Mount(const mount::MountRequest& request) override {
    return Hold(request, "");
  }
  absl::StatusOr<std::string> MountIdmapped(const mount::MountRequest& request,
                                            const mount::IdMapping& mapping) override {
    return Hold(request, mount::FormatIdMapping(mapping));
  }
  absl::Status Release(const std::string& key, const std::string& holder, SteadyTime) override {
    for (mount::MountInfo& info : world_.mounts) {
      if (info.key == key) std::erase(info.holders, holder);
    }
    std::erase_if(world_.mounts, [](const auto& info) { return info.holders.empty(); });
    return absl::OkStatus();
  }
  absl::Status DropUnheld(SteadyTime) override {
    ++world_.dropped_unheld;
    std::erase_if(world_.mounts, [](const auto& info) { return info.holders.empty(); });
    return absl::OkStatus();
  }
  absl::Status UnmountAll(SteadyTime) override {
    ++world_.unmounted_all;
    world_.mounts.clear();
    return absl::OkStatus();
  }
  absl::Status CheckAlive(const std::string&) const override { return absl::OkStatus(); }
  std::vector<mount::MountInfo> List() const override { return world_.mounts; }
  absl::Status RefreshReadahead() override { return absl::OkStatus(); }
  mount::Backend backend() const override { return mount::Backend::kFile; }

 private:
  absl::StatusOr<std::string> Hold(const mount::MountRequest& request, const std::string& mapping) {
    world_.last = request;
    FLOE_RETURN_IF_ERROR(world_.mount_error);
    const auto same = [&](const mount::MountInfo& info) {
      return info.key == request.key && info.mapping == mapping;
    };
    auto found = std::find_if(world_.mounts.begin(), world_.mounts.end(), same);
    if (found == world_.mounts.end()) {
      mount::MountInfo made;
      made.key = request.key;
      made.mapping = mapping;
      made.path = absl::StrCat("/mounts/", world_.mounts.size());
      found = world_.mounts.insert(found, made);
    }
    if (std::count(found->holders.begin(), found->holders.end(), request.holder) == 0) {
      found->holders.push_back(request.holder);
    }
    return found->path;
  }

  World& world_;
};

class ImageLowersTest : public testing::Test {
 protected:
  void SetUp() override {
    ImageLowersOptions options;
    options.root = temporary_->path();
    options.start_daemons = [this](const mount::SupervisorOptions&)
        -> absl::StatusOr<std::unique_ptr<mount::DaemonSupervisor>> {
      ++world_.starts;
      FLOE_RETURN_IF_ERROR(world_.start_error);
      return std::make_unique<FakeDaemons>(world_);
    };
    options.create_mounter =
        [this](const mount::MounterOptions& mounter,
               mount::DaemonSupervisor&) -> absl::StatusOr<std::unique_ptr<mount::ImageMounter>> {
      EXPECT_EQ(mounter.root, temporary_->path());
      return std::make_unique<FakeMounter>(world_);
    };
    lowers_ = std::make_unique<ImageLowers>(options);
  }

  static LowerRequest Request(const std::string& manifest, const std::string& holder) {
    return {manifest, "ns/2/sha256:abc", holder, std::nullopt, kNoDeadline};
  }

  absl::StatusOr<TempDir> temporary_ = TempDir::Create();
  World world_;
  std::unique_ptr<ImageLowers> lowers_;
};

TEST_F(ImageLowersTest, DaemonsStartWithTheFirstImageAndOnce) {
  ASSERT_TRUE(lowers_->Recover({}).ok());
  ASSERT_TRUE(lowers_->Release("layer-1").ok());
  EXPECT_EQ(world_.starts, 0);
  const auto path = lowers_->Acquire(Request("m1", "layer-1"));
  ASSERT_TRUE(path.ok()) << path.status();
  EXPECT_EQ(world_.last.manifest_path, temporary_->path() + "/manifests/m1");
  EXPECT_EQ(world_.last.key, "m1");
  EXPECT_EQ(world_.last.label, "ns/2/sha256:abc");
  EXPECT_EQ(*lowers_->Acquire(Request("m1", "layer-2")), *path);
  ASSERT_TRUE(lowers_->Start().ok());
  EXPECT_EQ(world_.starts, 1);
}

TEST_F(ImageLowersTest, FailedStartIsTriedAgain) {
  world_.start_error = absl::NotFoundError("no floe-keeper");
  EXPECT_FALSE(lowers_->Start().ok());
  const auto refused = lowers_->Acquire(Request("m1", "layer-1"));
  EXPECT_EQ(refused.status().code(), StatusCode::kUnavailable);
  EXPECT_TRUE(absl::StrContains(refused.status().message(), "no floe-keeper"));
  world_.start_error = absl::OkStatus();
  EXPECT_TRUE(lowers_->Acquire(Request("m1", "layer-1")).ok());
}

TEST_F(ImageLowersTest, ReleaseTakesTheHolderFromEverythingItHolds) {
  ASSERT_TRUE(lowers_->Acquire(Request("m1", "layer-1")).ok());
  ASSERT_TRUE(lowers_->Acquire(Request("m2", "layer-1")).ok());
  ASSERT_TRUE(lowers_->Acquire(Request("m2", "layer-2")).ok());
  ASSERT_TRUE(lowers_->Release("layer-1").ok());
  ASSERT_EQ(world_.mounts.size(), 1u);
  EXPECT_EQ(world_.mounts[0].holders, (std::vector<std::string>{"layer-2"}));
}

TEST_F(ImageLowersTest, RestartHoldsAgainWhatIsMountedAndNothingElse) {
  const mount::IdMapping mapping = *mount::ParseIdMapping("0:1000:10", "0:1000:10");
  mount::MountInfo plain, clone, forgotten;
  plain.key = clone.key = "m1";
  clone.mapping = mount::FormatIdMapping(mapping);
  forgotten.key = "m9";
  world_.mounts = {plain, clone, forgotten};
  LowerRequest mapped = Request("m1", "layer-3");
  mapped.mapping = mapping;
  ASSERT_TRUE(lowers_
                  ->Recover({Request("m1", "layer-1"), Request("m2", "layer-2"), mapped,
                             Request("m1", "layer-4")})
                  .ok());
  ASSERT_TRUE(lowers_->Release("layer-4").ok());  // removed before the daemons were there
  ASSERT_TRUE(lowers_->Start().ok());
  EXPECT_EQ(world_.dropped_unheld, 1);
  ASSERT_EQ(world_.mounts.size(), 2u);
  EXPECT_EQ(world_.mounts[0].holders, (std::vector<std::string>{"layer-1"}));
  EXPECT_EQ(world_.mounts[1].holders, (std::vector<std::string>{"layer-3"}));
}

TEST_F(ImageLowersTest, ErrorsBecomeWhatTheUserShallRead) {
  struct Case {
    absl::Status from;
    StatusCode to;
    const char* holds;
  };
  for (const Case& c :
       {Case{absl::FailedPreconditionError("not signed"), StatusCode::kFailedPrecondition,
             "floe image ns/2/sha256:abc: not signed"},
        Case{absl::PermissionDeniedError("no key"), StatusCode::kFailedPrecondition, "no key"},
        Case{absl::DataLossError("tag"), StatusCode::kFailedPrecondition, "tag"},
        Case{absl::InvalidArgumentError("short"), StatusCode::kFailedPrecondition, "short"},
        Case{absl::NotFoundError("manifests/m1"), StatusCode::kFailedPrecondition, "pull it again"},
        Case{absl::DeadlineExceededError("slow"), StatusCode::kUnavailable, "try again"},
        Case{absl::UnavailableError("image ns/2/sha256:abc: gone"), StatusCode::kUnavailable,
             "floe: image ns/2/sha256:abc: gone; try again"},
        Case{absl::ResourceExhaustedError("full"), StatusCode::kResourceExhausted, "full"}}) {
    world_.mount_error = c.from;
    const auto path = lowers_->Acquire(Request("m1", "layer-1"));
    EXPECT_EQ(path.status().code(), c.to) << c.from;
    EXPECT_TRUE(absl::StrContains(path.status().message(), c.holds)) << path.status();
  }
}

TEST_F(ImageLowersTest, OrdinaryLayersNeedAMapping) {
  EXPECT_EQ(lowers_->Acquire(Request("", "layer-1")).status().code(), StatusCode::kInternal);
}

TEST_F(ImageLowersTest, ShutdownUnmountsThenEndsTheDaemons) {
  ASSERT_TRUE(lowers_->Acquire(Request("m1", "layer-1")).ok());
  ASSERT_TRUE(lowers_->Shutdown(kNoDeadline).ok());
  EXPECT_EQ(world_.unmounted_all, 1);
  EXPECT_EQ(world_.shutdowns, 1);
  EXPECT_EQ(world_.starts, 1);
  // It adopts what runs, when it did not start it itself.
  ASSERT_TRUE(lowers_->Shutdown(kNoDeadline).ok());
  EXPECT_EQ(world_.starts, 2);
}

}  // namespace
}  // namespace floe::snapshotter
