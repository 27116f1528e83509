// SPDX-License-Identifier: Apache-2.0
#include "base/process.h"

#include <gtest/gtest.h>

namespace floe {
namespace {

TEST(ProcessTest, CommandGetsInputAndGivesOutput) {
  const auto result = RunCommand({"cat"}, "hello");
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->exit_code, 0);
  EXPECT_EQ(result->output, "hello");
}

TEST(ProcessTest, LargeInputAndOutputDoNotBlockEachOther) {
  const std::string text(8 << 20, 'x');
  const auto result = RunCommand({"cat"}, text);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->output, text);
}

TEST(ProcessTest, MissingProgramIsNamed) {
  const auto result = RunCommand({"/no/such/program"});
  EXPECT_EQ(result.status().code(), absl::StatusCode::kNotFound);
  EXPECT_NE(result.status().message().find("/no/such/program"), std::string::npos);
}

TEST(ProcessTest, CommandIsKilledAtItsDeadline) {
  const auto soon = std::chrono::steady_clock::now() + std::chrono::milliseconds(50);
  const auto result = RunCommand({"sleep", "1000"}, "", soon);
  EXPECT_EQ(result.status().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST(ProcessTest, DescriptorsArriveUnderTheirNumbers) {
  SpawnOptions options;
  options.arguments = {"sh", "-c", "test -e /proc/self/fd/7 && ! test -e /proc/self/fd/6"};
  options.descriptors = {{1, 7}};
  auto process = Process::Spawn(options);
  ASSERT_TRUE(process.ok()) << process.status();
  EXPECT_EQ(process->Wait().value(), 0);
}

TEST(ProcessTest, EnvironmentIsAddedToOrReplaced) {
  setenv("FLOE_TEST_KEPT", "kept", 1);
  setenv("FLOE_TEST_CHANGED", "old", 1);
  SpawnOptions options;
  options.arguments = {"sh", "-c",
                       "test $FLOE_TEST_KEPT$FLOE_TEST_CHANGED$FLOE_TEST_NEW = keptnewmore"};
  options.environment = {"FLOE_TEST_CHANGED=new", "FLOE_TEST_NEW=more"};
  auto process = Process::Spawn(options);
  ASSERT_TRUE(process.ok()) << process.status();
  EXPECT_EQ(process->Wait().value(), 0);
}

TEST(ProcessTest, ExitBySignalIs128PlusSignal) {
  auto process = Process::Spawn({{"sleep", "1000"}, {}, {}, false});
  ASSERT_TRUE(process.ok());
  ASSERT_TRUE(process->Signal(15).ok());
  EXPECT_EQ(process->Wait().value(), 143);
}

}  // namespace
}  // namespace floe
