// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/mounts.h"

#include <gtest/gtest.h>

#include "snapshotter/id_mapping.h"
#include "snapshotter/usage_cache.h"

namespace floe::snapshotter {
namespace {

MountInputs Inputs(Kind kind, std::vector<std::string> lowers) {
  return {kind, "/r/snapshots/5/fs", "/r/snapshots/5/work", std::move(lowers), {"index=off"}};
}

TEST(Mounts, WithoutParents) {
  EXPECT_EQ(BuildMounts(Inputs(Kind::kActive, {})),
            (std::vector<Mount>{{"bind", "/r/snapshots/5/fs", "", {"rw", "rbind"}}}));
  EXPECT_EQ(BuildMounts(Inputs(Kind::kView, {})),
            (std::vector<Mount>{{"bind", "/r/snapshots/5/fs", "", {"ro", "rbind"}}}));
}

TEST(Mounts, ViewOfOneLayerIsABind) {
  EXPECT_EQ(BuildMounts(Inputs(Kind::kView, {"/r/mounts/1"})),
            (std::vector<Mount>{{"bind", "/r/mounts/1", "", {"ro", "rbind"}}}));
}

TEST(Mounts, Overlay) {
  EXPECT_EQ(BuildMounts(Inputs(Kind::kActive, {"/r/snapshots/2/fs", "/r/mounts/1"})),
            (std::vector<Mount>{
                {"overlay",
                 "overlay",
                 "",
                 {"index=off", "workdir=/r/snapshots/5/work", "upperdir=/r/snapshots/5/fs",
                  "lowerdir=/r/snapshots/2/fs:/r/mounts/1"}}}));
  // Read-only: no upper directory.
  EXPECT_EQ(BuildMounts(Inputs(Kind::kView, {"/b", "/a"})),
            (std::vector<Mount>{{"overlay", "overlay", "", {"index=off", "lowerdir=/b:/a"}}}));
}

TEST(IdMapping, FromLabels) {
  EXPECT_FALSE(MappingFromLabels({{"other", "x"}})->has_value());
  const auto mapping = MappingFromLabels(
      {{kUidMappingLabel, "0:100000:1000,1000:300000:10"}, {kGidMappingLabel, "0:200000:65536"}});
  ASSERT_TRUE(mapping.ok()) << mapping.status();
  ASSERT_TRUE(mapping->has_value());
  EXPECT_EQ(*ToHost((*mapping)->uids, 0), 100000u);
  EXPECT_EQ(*ToHost((*mapping)->uids, 1005), 300005u);
  EXPECT_EQ(*ToHost((*mapping)->gids, 65535), 265535u);
  EXPECT_EQ(ToHost((*mapping)->uids, 1010).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(IdMapping, BadLabels) {
  const auto code = [](const Labels& labels) { return MappingFromLabels(labels).status().code(); };
  EXPECT_EQ(code({{kUidMappingLabel, "0:1:1"}}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code({{kGidMappingLabel, "0:1:1"}}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code({{kUidMappingLabel, "0:1"}, {kGidMappingLabel, "0:1:1"}}),
            absl::StatusCode::kInvalidArgument);
}

TEST(UsageCache, MeasuresAgainOnlyAfterAWhile) {
  FakeClock clock;
  UsageCache cache(clock);
  int measured = 0;
  std::chrono::seconds takes(0);
  const auto measure = [&]() -> absl::StatusOr<Usage> {
    clock.Advance(takes);
    return Usage{++measured, 1};
  };
  EXPECT_EQ(cache.Get(1, measure)->bytes, 1);
  clock.Advance(std::chrono::seconds(4));
  EXPECT_EQ(cache.Get(1, measure)->bytes, 1);
  EXPECT_EQ(cache.Get(2, measure)->bytes, 2);
  clock.Advance(std::chrono::seconds(2));
  takes = std::chrono::seconds(3);
  EXPECT_EQ(cache.Get(1, measure)->bytes, 3);
  clock.Advance(std::chrono::seconds(59));  // twenty times three seconds
  EXPECT_EQ(cache.Get(1, measure)->bytes, 3);
  clock.Advance(std::chrono::seconds(2));
  EXPECT_EQ(cache.Get(1, measure)->bytes, 4);
  cache.Forget(1);
  EXPECT_EQ(cache.Get(1, measure)->bytes, 5);
}

TEST(UsageCache, ErrorsAreNotKept) {
  FakeClock clock;
  UsageCache cache(clock);
  EXPECT_FALSE(cache.Get(1, [] { return absl::AbortedError("moved"); }).ok());
  EXPECT_TRUE(cache.Get(1, [] { return Usage{1, 1}; }).ok());
}

}  // namespace
}  // namespace floe::snapshotter
