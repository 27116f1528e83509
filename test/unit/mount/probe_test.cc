// SPDX-License-Identifier: Apache-2.0
#include "mount/probe.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/process.h"
#include "mount/probe_image.h"
#include "test/unit/mount/tiny_server.h"

namespace floe::mount {
namespace {

using std::chrono::milliseconds;

TEST(ProbeImageTest, FsckFindsItClean) {
  const TempDir temp = TempDir::Create().value();
  const std::string path = temp.path() + "/image";
  ASSERT_TRUE(WriteFileAtomically(path, MakeProbeImage(), 0600, Replace::kYes, Durable::kNo).ok());
  const auto checked = RunCommand({"fsck.erofs", path});
  ASSERT_TRUE(checked.ok()) << checked.status();
  EXPECT_EQ(checked->exit_code, 0) << checked->output;
}

TEST(ProbeTest, LoopReportsShortReads) {
  const auto effect = ProbeShortReads(Backend::kLoop, testing::In(milliseconds(20000)));
  ASSERT_TRUE(effect.ok()) << effect.status();
  EXPECT_NE(*effect, ShortReadEffect::kZeros);
}

// Not an assertion about this kernel, but about the choice: what the probe saw decides.
TEST(ProbeTest, ChoosesFileExactlyWhenItIsSound) {
  const auto file = ProbeShortReads(Backend::kFile, testing::In(milliseconds(20000)));
  const auto chosen = ChooseBackend(testing::In(milliseconds(20000)));
  ASSERT_TRUE(chosen.ok()) << chosen.status();
  const bool sound = file.ok() && *file != ShortReadEffect::kZeros;
  EXPECT_EQ(chosen->backend, sound ? Backend::kFile : Backend::kLoop) << chosen->reason;
  RecordProperty("reason", chosen->reason);
}

TEST(ProbeTest, NothingIsLeft) {
  const auto before = ListFuseConnections();
  ASSERT_TRUE(ChooseBackend(testing::In(milliseconds(20000))).ok());
  EXPECT_EQ(testing::MountsBelow("/proc/self/fd"), "");
  EXPECT_TRUE(before.ok());
}

TEST(ProbeTest, DeadlineIsKept) {
  const auto chosen = ChooseBackend(testing::In(milliseconds(0)));
  EXPECT_FALSE(chosen.ok());
}

}  // namespace
}  // namespace floe::mount
