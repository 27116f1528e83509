// SPDX-License-Identifier: Apache-2.0
#include "base/status.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <memory>

#include "base/file.h"
#include "base/process.h"
#include "base/unique_fd.h"

namespace floe {
namespace {

TEST(StatusTest, ErrnoBecomesACodeThatNamesTheThing) {
  struct Case {
    int error;
    absl::StatusCode code;
  };
  for (const auto& [error, code] : {Case{ENOENT, absl::StatusCode::kNotFound},
                                    Case{EACCES, absl::StatusCode::kPermissionDenied},
                                    Case{EEXIST, absl::StatusCode::kAlreadyExists},
                                    Case{ENOSPC, absl::StatusCode::kResourceExhausted},
                                    Case{EDQUOT, absl::StatusCode::kResourceExhausted},
                                    Case{EINVAL, absl::StatusCode::kInvalidArgument}}) {
    const absl::Status status = ErrnoStatus(error, "open /a/b");
    EXPECT_EQ(status.code(), code) << error;
    EXPECT_EQ(status.message().rfind("open /a/b: ", 0), 0U) << status;
  }
}

TEST(StatusTest, AnnotateKeepsTheCodeAndLeavesOkAlone) {
  EXPECT_TRUE(Annotate(absl::OkStatus(), "anything").ok());
  EXPECT_EQ(Annotate(absl::DataLossError("bad"), "chunk 7"), absl::DataLossError("chunk 7: bad"));
}

absl::StatusOr<std::unique_ptr<int>> Half(int number) {
  if (number % 2 != 0) return absl::InvalidArgumentError("odd");
  return std::make_unique<int>(number / 2);
}
absl::StatusOr<int> Quarter(int number) {
  FLOE_ASSIGN_OR_RETURN(const std::unique_ptr<int> half, Half(number));
  FLOE_RETURN_IF_ERROR(Half(*half));
  FLOE_RETURN_IF_ERROR(absl::OkStatus());
  return *half / 2;
}

TEST(StatusTest, MacrosPassErrorsOnAndMoveValues) {
  EXPECT_EQ(Quarter(8).value(), 2);
  EXPECT_EQ(Quarter(7).status(), absl::InvalidArgumentError("odd"));
  EXPECT_EQ(Quarter(6).status(), absl::InvalidArgumentError("odd"));
}

bool IsOpen(int fd) { return fcntl(fd, F_GETFD) >= 0; }

TEST(UniqueFdTest, ClosesWhatItOwnsAndNothingElse) {
  const int first = open("/dev/null", O_RDONLY | O_CLOEXEC);
  const int second = open("/dev/null", O_RDONLY | O_CLOEXEC);
  {
    UniqueFd a(first);
    UniqueFd b(second);
    a = std::move(b);
    EXPECT_FALSE(IsOpen(first));
    EXPECT_EQ(a.get(), second);
    EXPECT_FALSE(b.valid());  // NOLINT(bugprone-use-after-move)
    UniqueFd& same = a;
    a = std::move(same);
    EXPECT_TRUE(IsOpen(second));
    EXPECT_EQ(a.Release(), second);
  }
  EXPECT_TRUE(IsOpen(second));
  UniqueFd(second).Reset();
  EXPECT_FALSE(IsOpen(second));
}

TEST(ProcessTest, TooMuchOutputEndsTheCommand) {
  const auto result = RunCommand({"yes"}, "", kNoDeadline, 1 << 20);
  EXPECT_EQ(result.status(), absl::ResourceExhaustedError("yes: the command's output is too long"));
}

TEST(ProcessTest, ACommandThatReadsNothingIsNoError) {
  const auto result = RunCommand({"true"}, std::string(4 << 20, 'x'));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->exit_code, 0);
}

TEST(FileEdgesTest, WhatIsNotThereOrNoFileIsNamed) {
  const TempDir dir = TempDir::Create().value();
  const auto missing = OpenFile(dir.path() + "/none", O_RDONLY);
  EXPECT_TRUE(absl::IsNotFound(missing.status()));
  EXPECT_NE(missing.status().message().find(dir.path() + "/none"), std::string::npos);
  EXPECT_FALSE(SyncDirectory(dir.path() + "/none").ok());
  EXPECT_TRUE(SyncDirectory(dir.path()).ok());
  EXPECT_FALSE(ReadWholeFile(dir.path(), 100).ok());
  EXPECT_FALSE(TempDir::Create(dir.path() + "/none").ok());
  EXPECT_FALSE(FileSize(-1).ok());
}

TEST(FileEdgesTest, WritesLandWhereTheyAreToldTo) {
  const TempDir dir = TempDir::Create().value();
  const UniqueFd folder = OpenFile(dir.path(), O_RDONLY | O_DIRECTORY).value();
  const UniqueFd file = OpenFileAt(folder.get(), "f", O_CREAT | O_RDWR, 0600).value();
  ASSERT_TRUE(WriteFull(file.get(), AsBytes("0123")).ok());
  ASSERT_TRUE(WriteFull(file.get(), AsBytes("4567")).ok());
  ASSERT_TRUE(WriteFullAt(file.get(), AsBytes("ab"), 3).ok());
  EXPECT_EQ(FileSize(file.get()).value(), 8U);
  EXPECT_EQ(AsText(ReadWholeFd(file.get(), 100).value()), "012ab567");
}

}  // namespace
}  // namespace floe
