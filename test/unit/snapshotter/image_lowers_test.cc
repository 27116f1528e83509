// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/image_lowers.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "mount/probe_image.h"
#include "test/unit/mount/daemon_fixture.h"

namespace floe::snapshotter {
namespace {

using mount::testing::In;
using mount::testing::ProcessesNaming;
using std::chrono::milliseconds;
using std::chrono::seconds;

// Real floe-keeper, fake floe-fusefs (test/unit/mount/fake_fusefs.h says what its manifests mean).
class ImageLowersTest : public ::testing::Test {
 protected:
  ImageLowersTest() {
    std::filesystem::create_directories(Root() + "/manifests");
    std::filesystem::create_directories(Root() + "/snapshots");
    Make();
  }
  ~ImageLowersTest() override {
    if (shut_down_) {
      EXPECT_TRUE(lowers_->Shutdown(In(seconds(20))).ok());
    }
    lowers_.reset();
    EXPECT_EQ(mount::testing::MountsBelow(temp_.path()), "");
    EXPECT_EQ(ProcessesNaming(temp_.path()), std::vector<std::string>());
  }
  std::string Root() const { return temp_.path() + "/root"; }
  // As a new process does: what ran and was mounted stays.
  void Make(const std::vector<std::string>& fusefs_flags = {}) {
    lowers_.reset();
    ImageLowersOptions options;
    options.root = Root();
    options.daemons = mount::testing::FakeDaemons(temp_.path(), fusefs_flags);
    options.mounter.backend = mount::Backend::kFile;
    options.mounter.refresh_interval = milliseconds(0);
    lowers_ = std::make_unique<ImageLowers>(options);
  }
  void WriteManifest(const std::string& name, const std::string& text) {
    std::ofstream(absl::StrCat(Root(), "/manifests/", name)) << text;
  }
  static LowerRequest Request(const std::string& manifest, const std::string& holder) {
    LowerRequest request;
    request.manifest = manifest;
    request.label = "shop:" + manifest;
    request.holder = holder;
    request.deadline = In(seconds(20));
    return request;
  }
  absl::Status Refusal(const std::string& manifest, const std::string& text) {
    WriteManifest(manifest, text);
    return lowers_->Acquire(Request(manifest, "a")).status();
  }
  static bool ShowsProbe(const std::string& path) {
    const auto data = ReadWholeFile(path + "/probe", 1 << 20);
    return data.ok() && *data == Bytes(mount::kProbeDataBytes, mount::kProbeByte);
  }

  const TempDir temp_ = TempDir::Create().value();
  std::unique_ptr<ImageLowers> lowers_;
  bool shut_down_ = true;  // at the end; it takes daemons that start
};

TEST_F(ImageLowersTest, OneMountForAllHoldersUntilTheLastGoes) {
  WriteManifest("m1", "probe");
  const auto first = lowers_->Acquire(Request("m1", "a"));
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_TRUE(ShowsProbe(*first));
  EXPECT_EQ(lowers_->Acquire(Request("m1", "b")).value(), *first);
  ASSERT_EQ(lowers_->Mounted().size(), 1U);
  EXPECT_EQ(lowers_->Mounted()[0].holders, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(lowers_->Release("a").ok());
  EXPECT_TRUE(lowers_->Release("nobody").ok());
  EXPECT_TRUE(ShowsProbe(*first));
  EXPECT_TRUE(lowers_->Release("b").ok());
  EXPECT_TRUE(lowers_->Mounted().empty());
}

TEST_F(ImageLowersTest, NothingStartsBeforeTheFirstImage) {
  shut_down_ = false;
  EXPECT_TRUE(lowers_->Recover({}).ok());
  EXPECT_TRUE(lowers_->Release("nobody").ok());
  EXPECT_TRUE(lowers_->Mounted().empty());
  EXPECT_EQ(lowers_->Acquire(Request("", "a")).status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(ProcessesNaming(temp_.path()), std::vector<std::string>());
}

TEST_F(ImageLowersTest, StartMayBeCalledAgain) {
  ASSERT_TRUE(lowers_->Start().ok());
  EXPECT_TRUE(lowers_->Start().ok());
  EXPECT_EQ(ProcessesNaming(temp_.path()).size(), 2U);
}

TEST_F(ImageLowersTest, WhatReachesTheUserNamesImageReasonAndRemedy) {
  const absl::Status bad = Refusal("m1", "bad no trusted key signed it; run floe key trust");
  EXPECT_TRUE(absl::IsFailedPrecondition(bad)) << bad;
  EXPECT_TRUE(absl::StrContains(bad.message(), "shop:m1")) << bad;
  EXPECT_TRUE(absl::StrContains(bad.message(), "run floe key trust")) << bad;
  const absl::Status lost = lowers_->Acquire(Request("gone", "a")).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(lost)) << lost;
  EXPECT_TRUE(absl::StrContains(lost.message(), "shop:gone: its manifest is lost")) << lost;
  EXPECT_TRUE(absl::StrContains(lost.message(), "pull it again")) << lost;
  EXPECT_TRUE(lowers_->Mounted().empty());
}

TEST_F(ImageLowersTest, AnImageThatIsNamedAlreadyIsNotNamedTwice) {
  const absl::Status bad = Refusal("m1", "bad image shop:m1: damaged");
  EXPECT_EQ(bad.message().find("shop:m1"), bad.message().rfind("shop:m1")) << bad;
}

TEST_F(ImageLowersTest, WhatMayPassIsUnavailableAndSaysSo) {
  WriteManifest("m1", "block");
  LowerRequest request = Request("m1", "a");
  request.deadline = In(milliseconds(200));
  const absl::Status late = lowers_->Acquire(request).status();
  EXPECT_TRUE(absl::IsUnavailable(late)) << late;
  EXPECT_TRUE(absl::StrContains(late.message(), "shop:m1")) << late;
  EXPECT_TRUE(absl::StrContains(late.message(), "try again")) << late;
}

TEST_F(ImageLowersTest, ADataPlaneThatDoesNotStartIsTriedAgainWithTheNextImage) {
  Make({"--exit", "3"});
  WriteManifest("m1", "probe");
  const absl::Status failed = lowers_->Acquire(Request("m1", "a")).status();
  EXPECT_TRUE(absl::IsUnavailable(failed)) << failed;
  EXPECT_TRUE(absl::StrContains(failed.message(), "data plane does not start")) << failed;
  EXPECT_FALSE(lowers_->Start().ok());
  EXPECT_TRUE(lowers_->Mounted().empty());
  EXPECT_TRUE(lowers_->Release("a").ok());
  Make();
  EXPECT_TRUE(lowers_->Acquire(Request("m1", "a")).ok());
}

TEST_F(ImageLowersTest, ARestartTakesOverWhatIsHeldAndUnmountsTheRest) {
  WriteManifest("m1", "probe");
  WriteManifest("m2", "probe");
  const auto kept = lowers_->Acquire(Request("m1", "a"));
  ASSERT_TRUE(kept.ok()) << kept.status();
  const auto dropped = lowers_->Acquire(Request("m2", "b"));
  ASSERT_TRUE(dropped.ok()) << dropped.status();
  Make();
  ASSERT_TRUE(lowers_->Recover({Request("m1", "a"), Request("never mounted", "c")}).ok());
  EXPECT_TRUE(lowers_->Mounted().empty());  // not before it starts
  ASSERT_TRUE(lowers_->Start().ok());
  ASSERT_EQ(lowers_->Mounted().size(), 1U);
  EXPECT_EQ(lowers_->Mounted()[0].path, *kept);
  EXPECT_EQ(lowers_->Mounted()[0].holders, std::vector<std::string>{"a"});
  EXPECT_TRUE(ShowsProbe(*kept));
  EXPECT_FALSE(std::filesystem::exists(*dropped));
}

TEST_F(ImageLowersTest, WhatIsReleasedBeforeTheStartIsNotHeldAgain) {
  WriteManifest("m1", "probe");
  ASSERT_TRUE(lowers_->Acquire(Request("m1", "a")).ok());
  Make();
  ASSERT_TRUE(lowers_->Recover({Request("m1", "a")}).ok());
  EXPECT_TRUE(lowers_->Release("a").ok());
  ASSERT_TRUE(lowers_->Start().ok());
  EXPECT_TRUE(lowers_->Mounted().empty());
}

TEST_F(ImageLowersTest, AMappingGetsItsOwnCloneThatARestartTakesOverToo) {
  WriteManifest("m1", "probe");
  LowerRequest mapped = Request("m1", "a");
  mapped.mapping = mount::ParseIdMapping("0:100000:65536", "0:100000:65536").value();
  const auto clone = lowers_->Acquire(mapped);
  ASSERT_TRUE(clone.ok()) << clone.status();
  struct stat st = {};
  ASSERT_EQ(::stat(clone->c_str(), &st), 0);
  EXPECT_EQ(st.st_uid, 100000U);
  Make();
  ASSERT_TRUE(lowers_->Recover({mapped}).ok());
  ASSERT_TRUE(lowers_->Start().ok());
  EXPECT_EQ(lowers_->Acquire(mapped).value(), *clone);
  EXPECT_TRUE(lowers_->Release("a").ok());
  EXPECT_TRUE(lowers_->Mounted().empty());
}

TEST_F(ImageLowersTest, ShutdownEndsTheDaemonsOfAnEarlierProcessToo) {
  WriteManifest("m1", "probe");
  ASSERT_TRUE(lowers_->Acquire(Request("m1", "a")).ok());
  Make();
  EXPECT_TRUE(lowers_->Shutdown(In(seconds(20))).ok());
  EXPECT_EQ(ProcessesNaming(temp_.path()), std::vector<std::string>());
  shut_down_ = false;
}

}  // namespace
}  // namespace floe::snapshotter
