// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/snapshotter.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "base/file.h"

namespace floe::snapshotter {
namespace {

using absl::StatusCode;

// Images are directories of the test; counts who holds what.
class FakeLowers : public LowerProvider {
 public:
  explicit FakeLowers(std::string directory) : directory_(std::move(directory)) {}

  absl::StatusOr<std::string> Acquire(const LowerRequest& request) override {
    MutexLock lock(mutex_);
    ++acquired;
    deadline = request.deadline;
    if (!error.ok()) return error;
    if (request.may_refuse && !refusal.ok()) return refusal;
    if (request.manifest.empty()) return directory_ + "/mapped-layers";
    const std::string path =
        directory_ + (request.mapping ? "/mapped-" : "/image-") + request.manifest.substr(0, 8);
    FLOE_RETURN_IF_ERROR(MakeDirectories(path));
    held_[request.holder].insert(path);
    if (on_acquire) on_acquire();
    return path;
  }
  absl::Status Release(const std::string& holder) override {
    MutexLock lock(mutex_);
    FLOE_RETURN_IF_ERROR(release_error);
    held_.erase(holder);
    return absl::OkStatus();
  }
  absl::Status Recover(const std::vector<LowerRequest>& held) override {
    recovered = held;
    return absl::OkStatus();
  }
  std::map<std::string, std::set<std::string>> held() {
    MutexLock lock(mutex_);
    return held_;
  }
  size_t DistinctPaths() {
    std::set<std::string> paths;
    for (const auto& [holder, held] : held()) paths.insert(held.begin(), held.end());
    return paths.size();
  }

  absl::Status error;
  absl::Status release_error;
  absl::Status refusal;  // of what may be refused
  SteadyTime deadline;
  std::function<void()> on_acquire;
  int acquired = 0;
  std::vector<LowerRequest> recovered;

 private:
  const std::string directory_;
  Mutex mutex_;
  std::map<std::string, std::set<std::string>> held_ FLOE_GUARDED_BY(mutex_);
};

class SnapshotterTest : public testing::Test {
 protected:
  void SetUp() override { Reopen(); }

  void Reopen() {
    snapshotter_.reset();
    SnapshotterOptions options;
    options.root = root_;
    options.overlay_options = {"index=off"};
    auto opened = Snapshotter::Open(options, lowers_, clock_);
    ASSERT_TRUE(opened.ok()) << opened.status();
    snapshotter_ = *std::move(opened);
  }

  std::string FilesOf(const std::vector<Mount>& mounts) {
    for (const std::string& option : mounts[0].options) {
      if (absl::StartsWith(option, "upperdir=")) return option.substr(9);
    }
    return mounts[0].source;
  }

  void Ordinary(const std::string& name, const std::string& parent = "") {
    const auto mounts = snapshotter_->Prepare("extract " + name, parent, {});
    ASSERT_TRUE(mounts.ok()) << mounts.status();
    ASSERT_TRUE(MakeDirectories(FilesOf(*mounts) + "/dir").ok());
    ASSERT_TRUE(snapshotter_->Commit(name, "extract " + name, "", {}).ok());
  }

  void Floe(const std::string& name, absl::string_view manifest = "FLOEMAN1 one") {
    const auto mounts = snapshotter_->Prepare("extract " + name, "", {});
    ASSERT_TRUE(mounts.ok()) << mounts.status();
    const std::string floe = FilesOf(*mounts) + "/.floe";
    ASSERT_TRUE(MakeDirectories(floe).ok());
    ASSERT_TRUE(WriteFileAtomically(floe + "/manifest", AsBytes(manifest), 0644, Replace::kYes,
                                    Durable::kNo)
                    .ok());
    ASSERT_TRUE(snapshotter_->Commit(name, "extract " + name, "", {}).ok());
  }

  size_t Entries(const std::string& below) {
    size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(root_ + below)) {
      count += entry.exists() ? 1 : 0;
    }
    return count;
  }

  absl::StatusOr<TempDir> temporary_ = TempDir::Create();
  const std::string root_ = temporary_->path() + "/root";
  FakeLowers lowers_{temporary_->path()};
  FakeClock clock_;
  std::unique_ptr<Snapshotter> snapshotter_;
};

TEST_F(SnapshotterTest, OnlyNewContainersAreRefusedWhileTheOriginCannotKeepUp) {
  Floe("image");
  ASSERT_TRUE(snapshotter_->Prepare("before", "image", {}).ok());
  lowers_.refusal = absl::UnavailableError("floe image: the origin cannot keep up");
  const absl::Status refused = snapshotter_->Prepare("new", "image", {}).status();
  EXPECT_EQ(refused.code(), StatusCode::kUnavailable);
  EXPECT_TRUE(absl::StrContains(refused.message(), "cannot keep up"));
  EXPECT_EQ(snapshotter_->Stat("new").status().code(), StatusCode::kNotFound);
  EXPECT_TRUE(snapshotter_->Mounts("before").ok());
  EXPECT_TRUE(snapshotter_->View("view", "image", {}).ok());
  EXPECT_TRUE(snapshotter_->Mounts("view").ok());
  Reopen();  // what was held comes back
  EXPECT_TRUE(snapshotter_->Mounts("before").ok());
  lowers_.refusal = absl::OkStatus();
  EXPECT_TRUE(snapshotter_->Prepare("new", "image", {}).ok());
}

TEST_F(SnapshotterTest, OrdinaryChain) {
  Ordinary("base");
  Ordinary("top", "base");
  const auto mounts = snapshotter_->Prepare("c", "top", {});
  ASSERT_TRUE(mounts.ok()) << mounts.status();
  ASSERT_EQ(mounts->size(), 1u);
  EXPECT_EQ((*mounts)[0].type, "overlay");
  EXPECT_EQ((*mounts)[0].options.back(),
            "lowerdir=" + root_ + "/snapshots/2/fs:" + root_ + "/snapshots/1/fs");
  EXPECT_EQ(*snapshotter_->Mounts("c"), *mounts);
  EXPECT_EQ(lowers_.acquired, 0);
}

TEST_F(SnapshotterTest, RootDirectoryLooksLikeTheParents) {
  const auto base = snapshotter_->Prepare("b", "", {});
  EXPECT_EQ(AttributesOf(FilesOf(*base))->mode, 0755u);
  ASSERT_EQ(chmod(FilesOf(*base).c_str(), 01711), 0);
  ASSERT_EQ(chown(FilesOf(*base).c_str(), 5, 6), 0);
  ASSERT_TRUE(snapshotter_->Commit("base", "b", "", {}).ok());
  const auto child = AttributesOf(FilesOf(*snapshotter_->Prepare("c", "base", {})));
  EXPECT_EQ(child->mode, 01711u);
  EXPECT_EQ(child->uid, 5u);
  EXPECT_EQ(child->gid, 6u);
}

TEST_F(SnapshotterTest, CodesOfEachOperation) {
  Ordinary("base");
  ASSERT_TRUE(snapshotter_->Prepare("active", "base", {}).ok());
  ASSERT_TRUE(snapshotter_->View("view", "base", {}).ok());
  EXPECT_EQ(snapshotter_->Prepare("x", "no", {}).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(snapshotter_->View("x", "view", {}).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(snapshotter_->View("active", "base", {}).status().code(), StatusCode::kAlreadyExists);
  EXPECT_EQ(snapshotter_->Mounts("base").status().code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(snapshotter_->Mounts("no").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(snapshotter_->Commit("base", "active", "", {}).code(), StatusCode::kAlreadyExists);
  EXPECT_EQ(snapshotter_->Commit("new", "no", "", {}).code(), StatusCode::kNotFound);
  EXPECT_EQ(snapshotter_->Commit("new", "view", "", {}).code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(snapshotter_->Remove("base").code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(snapshotter_->Remove("no").code(), StatusCode::kNotFound);
  EXPECT_EQ(snapshotter_->Stat("no").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(snapshotter_->UsageOf("no").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(snapshotter_->Prepare("x", "base", {{kUidMappingLabel, "0:1:1"}}).status().code(),
            StatusCode::kInvalidArgument);
  // None of the refused calls left a directory.
  EXPECT_EQ(Entries("/snapshots"), 3u);
}

TEST_F(SnapshotterTest, UpdateTakesOnlyLabels) {
  ASSERT_TRUE(snapshotter_->Prepare("a", "", {{"l1", "1"}, {"l2", "2"}}).ok());
  Info info;
  info.name = "a";
  info.labels = {{"l1", "x"}, {"l3", "y"}};
  EXPECT_EQ(snapshotter_->Update(info, {"labels.l1", "labels.l2"})->labels, (Labels{{"l1", "x"}}));
  EXPECT_EQ(snapshotter_->Update(info, {"labels"})->labels, info.labels);
  EXPECT_EQ(snapshotter_->Update(info, {})->labels, info.labels);
  EXPECT_EQ(snapshotter_->Update(info, {"labels.l1", "parent"}).status().code(),
            StatusCode::kInvalidArgument);
}

TEST_F(SnapshotterTest, ListFilters) {
  Ordinary("base");
  ASSERT_TRUE(snapshotter_->Prepare("a", "base", {{"x.y/z", "1"}}).ok());
  ASSERT_TRUE(snapshotter_->View("v", "base", {}).ok());
  const auto names = [this](std::vector<std::string> filters) {
    std::string all;
    EXPECT_TRUE(snapshotter_
                    ->List(filters,
                           [&](const Info& info) {
                             all += info.name + " ";
                             // No lock is held meanwhile.
                             EXPECT_EQ(*snapshotter_->Stat(info.name), info);
                             return absl::OkStatus();
                           })
                    .ok());
    return all;
  };
  EXPECT_EQ(names({}), "a base v ");
  EXPECT_EQ(names({"kind==view", "labels.\"x.y/z\"==1"}), "a v ");
  EXPECT_EQ(names({"parent==base,kind==active"}), "a ");
  EXPECT_EQ(names({"labels.nothing", "unknown==x"}), "");
  EXPECT_EQ(snapshotter_->List({"=="}, [](const Info&) { return absl::OkStatus(); }).code(),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(
      snapshotter_->List({}, [](const Info&) { return absl::CancelledError("enough"); }).code(),
      StatusCode::kCancelled);
}

TEST_F(SnapshotterTest, UsageOfActiveAndCommitted) {
  const auto mounts = snapshotter_->Prepare("a", "", {});
  const auto before = snapshotter_->UsageOf("a");
  ASSERT_TRUE(WriteFileAtomically(FilesOf(*mounts) + "/f", Bytes(100000, 1), 0644, Replace::kNo,
                                  Durable::kYes)
                  .ok());
  EXPECT_EQ(*snapshotter_->UsageOf("a"), *before);  // measured a moment ago
  clock_.Advance(std::chrono::minutes(1));
  EXPECT_GE(snapshotter_->UsageOf("a")->bytes, 100000);
  ASSERT_TRUE(snapshotter_->Commit("c", "a", "", {}).ok());
  EXPECT_EQ(snapshotter_->UsageOf("c")->inodes, 2);
}

TEST_F(SnapshotterTest, RemoveOnlyMarksAndCleanupDeletes) {
  Ordinary("base");
  ASSERT_TRUE(snapshotter_->Remove("base").ok());
  EXPECT_EQ(Entries("/snapshots"), 1u);
  ASSERT_TRUE(snapshotter_->Prepare("base", "", {}).ok());  // the key is free at once
  ASSERT_TRUE(snapshotter_->Cleanup().ok());
  EXPECT_EQ(Entries("/snapshots"), 1u);
  EXPECT_TRUE(std::filesystem::exists(root_ + "/snapshots/2/fs"));
}

TEST_F(SnapshotterTest, StartSweepsWhatACrashLeft) {
  Ordinary("base");
  ASSERT_TRUE(MakeDirectories(root_ + "/snapshots/new-xyz/fs/a").ok());
  ASSERT_TRUE(MakeDirectories(root_ + "/snapshots/77/fs").ok());
  ASSERT_TRUE(MakeDirectories(root_ + "/snapshots/garbage").ok());
  ASSERT_TRUE(
      WriteFileAtomically(root_ + "/manifests/abc", {}, 0600, Replace::kNo, Durable::kNo).ok());
  Reopen();
  EXPECT_EQ(Entries("/snapshots"), 1u);
  EXPECT_EQ(Entries("/manifests"), 0u);
}

TEST_F(SnapshotterTest, FloeLayerIsMountedForItsChildren) {
  Floe("image");
  EXPECT_EQ(lowers_.acquired, 0);  // a pull needs no mount
  const auto view = snapshotter_->View("v", "image", {});
  ASSERT_TRUE(view.ok()) << view.status();
  EXPECT_EQ((*view)[0].type, "bind");
  EXPECT_TRUE(absl::StrContains((*view)[0].source, "/image-"));
  Ordinary("commit", "image");
  const auto mounts = snapshotter_->Prepare("c", "commit", {});
  EXPECT_TRUE(absl::StrContains((*mounts)[0].options.back(),
                                root_ + "/snapshots/3/fs:" + temporary_->path() + "/image-"));
  EXPECT_EQ(lowers_.held().size(), 1u);  // one holder: the layer
}

TEST_F(SnapshotterTest, TinyLayerOnTopIsOrdinary) {
  Ordinary("base");
  const auto mounts = snapshotter_->Prepare("a", "base", {});
  ASSERT_TRUE(MakeDirectories(FilesOf(*mounts) + "/.floe").ok());
  ASSERT_TRUE(WriteFileAtomically(FilesOf(*mounts) + "/.floe/manifest", AsBytes("FLOEMAN1"), 0644,
                                  Replace::kYes, Durable::kNo)
                  .ok());
  ASSERT_TRUE(snapshotter_->Commit("top", "a", "", {}).ok());
  ASSERT_TRUE(snapshotter_->View("v", "top", {}).ok());
  EXPECT_EQ(lowers_.acquired, 0);
  EXPECT_EQ(Entries("/manifests"), 0u);
}

TEST_F(SnapshotterTest, UnusableImageFailsPrepareAndViewButNotCommit) {
  Floe("image");
  lowers_.error = absl::FailedPreconditionError("signed by nobody we trust; floe key trust");
  for (int round = 0; round < 2; ++round) {
    const auto prepared = snapshotter_->Prepare("c", "image", {});
    EXPECT_EQ(prepared.status(), lowers_.error);
    EXPECT_EQ(snapshotter_->View("v", "image", {}).status(), lowers_.error);
  }
  EXPECT_EQ(snapshotter_->Stat("c").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(Entries("/snapshots"), 1u);
  lowers_.error = absl::OkStatus();  // the cause is gone: a retry works
  EXPECT_TRUE(snapshotter_->Prepare("c", "image", {}).ok());
  lowers_.error = absl::UnavailableError("try again");
  EXPECT_EQ(snapshotter_->Mounts("c").status().code(), StatusCode::kUnavailable);
}

TEST_F(SnapshotterTest, DeadlineIsTheNearerOne) {
  Floe("image");
  ASSERT_TRUE(snapshotter_->Prepare("a", "image", {}).ok());
  EXPECT_EQ(lowers_.deadline, clock_.Now() + std::chrono::seconds(15));
  const SteadyTime soon = clock_.Now() + std::chrono::seconds(3);
  ASSERT_TRUE(snapshotter_->Mounts("a", soon).ok());
  EXPECT_EQ(lowers_.deadline, soon);
}

TEST_F(SnapshotterTest, HundredPreparesFromTwoNamespacesShareOneMount) {
  Floe("one/2/sha256:a");
  Floe("two/2/sha256:a");
  std::vector<std::thread> threads;
  std::atomic<int> good{0};
  for (int i = 0; i < 100; ++i) {
    threads.emplace_back([&, i] {
      const std::string parent = i % 2 == 0 ? "one/2/sha256:a" : "two/2/sha256:a";
      good += snapshotter_->Prepare("c" + std::to_string(i), parent, {}).ok() ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 100);
  EXPECT_EQ(lowers_.DistinctPaths(), 1u);
  EXPECT_EQ(Entries("/manifests"), 1u);
}

TEST_F(SnapshotterTest, CleanupReleasesAndForgetsTheManifest) {
  Floe("one");
  Floe("two");
  ASSERT_TRUE(snapshotter_->Prepare("c", "one", {}).ok());
  ASSERT_TRUE(snapshotter_->Remove("c").ok());
  ASSERT_TRUE(snapshotter_->Remove("one").ok());
  EXPECT_EQ(lowers_.held().size(), 1u);  // until Cleanup
  lowers_.release_error = absl::UnavailableError("busy");
  EXPECT_EQ(snapshotter_->Cleanup().code(), StatusCode::kUnavailable);
  lowers_.release_error = absl::OkStatus();
  ASSERT_TRUE(snapshotter_->Cleanup().ok());
  EXPECT_TRUE(lowers_.held().empty());
  EXPECT_EQ(Entries("/snapshots"), 1u);
  EXPECT_EQ(Entries("/manifests"), 1u);  // "two" still needs it
  ASSERT_TRUE(snapshotter_->Remove("two").ok());
  ASSERT_TRUE(snapshotter_->Cleanup().ok());
  EXPECT_EQ(Entries("/manifests"), 0u);
}

TEST_F(SnapshotterTest, RemovedWhileItsImageWasMountedForAChild) {
  Floe("image");
  lowers_.on_acquire = [this] {
    lowers_.on_acquire = nullptr;
    EXPECT_TRUE(snapshotter_->Remove("image").ok());
  };
  EXPECT_EQ(snapshotter_->Prepare("c", "image", {}).status().code(), StatusCode::kNotFound);
  EXPECT_TRUE(lowers_.held().empty());
}

TEST_F(SnapshotterTest, RestartTellsWhatIsHeld) {
  Floe("image");
  Ordinary("top", "image");
  const Labels mapped = {{kUidMappingLabel, "0:100000:65536"},
                         {kGidMappingLabel, "0:100000:65536"}};
  ASSERT_TRUE(snapshotter_->Prepare("c", "top", mapped).ok());
  Reopen();
  ASSERT_EQ(lowers_.recovered.size(), 3u);
  EXPECT_EQ(lowers_.recovered[0].holder, "layer-1");
  EXPECT_FALSE(lowers_.recovered[0].mapping.has_value());
  EXPECT_EQ(lowers_.recovered[1].holder, "layer-3");
  EXPECT_EQ(lowers_.recovered[1].manifest, "");
  EXPECT_EQ(lowers_.recovered[2].manifest, lowers_.recovered[0].manifest);
  EXPECT_TRUE(lowers_.recovered[2].mapping.has_value());
  EXPECT_TRUE(snapshotter_->Mounts("c").ok());
}

TEST_F(SnapshotterTest, MappedSnapshotStandsOnClonesAndBelongsToTheHost) {
  Floe("image");
  Ordinary("top", "image");
  const Labels mapped = {{kUidMappingLabel, "0:100000:65536"},
                         {kGidMappingLabel, "0:200000:65536"}};
  const auto mounts = snapshotter_->Prepare("c", "top", mapped);
  ASSERT_TRUE(mounts.ok()) << mounts.status();
  EXPECT_TRUE(absl::StrContains(
      (*mounts)[0].options.back(),
      "lowerdir=" + temporary_->path() + "/mapped-layers/2/fs:" + temporary_->path() + "/mapped-"));
  for (const char* name : {"/snapshots/3/fs", "/snapshots/3/work"}) {
    EXPECT_EQ(AttributesOf(root_ + name)->uid, 100000u);
    EXPECT_EQ(AttributesOf(root_ + name)->gid, 200000u);
  }
  EXPECT_EQ(lowers_.held().count("layer-3"), 1u);
  ASSERT_TRUE(snapshotter_->Remove("c").ok());
  ASSERT_TRUE(snapshotter_->Cleanup().ok());
  EXPECT_EQ(lowers_.held().count("layer-3"), 0u);
}

TEST_F(SnapshotterTest, FailureAfterTheRecordIsUndone) {
  Ordinary("top");
  const Labels mapped = {{kUidMappingLabel, "0:100000:65536"},
                         {kGidMappingLabel, "0:100000:65536"}};
  lowers_.error = absl::FailedPreconditionError("this kernel clones no mounts");
  EXPECT_EQ(snapshotter_->Prepare("c", "top", mapped).status(), lowers_.error);
  EXPECT_EQ(snapshotter_->Stat("c").status().code(), StatusCode::kNotFound);
}

TEST_F(SnapshotterTest, SecondInstanceIsRefused) {
  SnapshotterOptions options;
  options.root = root_;
  EXPECT_EQ(Snapshotter::Open(options, lowers_, clock_).status().code(),
            StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace floe::snapshotter
