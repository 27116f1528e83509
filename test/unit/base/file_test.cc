// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

namespace floe {
namespace {

class FileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto dir = TempDir::Create();
    ASSERT_TRUE(dir.ok()) << dir.status();
    dir_.emplace(std::move(dir).value());
  }
  std::string Path(const std::string& name) const { return dir_->path() + "/" + name; }
  size_t EntryCount() const {
    size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(dir_->path())) {
      (void)entry;
      ++count;
    }
    return count;
  }

  std::optional<TempDir> dir_;
};

TEST_F(FileTest, AtomicWriteReplacesAndLeavesNoTemporaryFile) {
  const std::string path = Path("a");
  ASSERT_TRUE(WriteFileAtomically(path, AsBytes("one"), 0600, Replace::kYes, Durable::kYes).ok());
  ASSERT_TRUE(WriteFileAtomically(path, AsBytes("two"), 0600, Replace::kYes, Durable::kNo).ok());
  EXPECT_EQ(AsText(ReadWholeFile(path, 100).value()), "two");
  EXPECT_EQ(EntryCount(), 1u);
}

TEST_F(FileTest, AtomicWriteWithoutReplaceKeepsTheFirst) {
  const std::string path = Path("a");
  ASSERT_TRUE(WriteFileAtomically(path, AsBytes("one"), 0600, Replace::kNo, Durable::kNo).ok());
  const absl::Status second =
      WriteFileAtomically(path, AsBytes("two"), 0600, Replace::kNo, Durable::kNo);
  EXPECT_EQ(second.code(), absl::StatusCode::kAlreadyExists) << second;
  EXPECT_EQ(AsText(ReadWholeFile(path, 100).value()), "one");
  EXPECT_EQ(EntryCount(), 1u);
}

TEST_F(FileTest, ErrorsNameTheThing) {
  const auto missing = ReadWholeFile(Path("missing"), 1);
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kNotFound);
  EXPECT_NE(missing.status().message().find(Path("missing")), absl::string_view::npos);
  const absl::Status no_directory =
      WriteFileAtomically(Path("x/y"), AsBytes("1"), 0600, Replace::kYes, Durable::kNo);
  EXPECT_EQ(no_directory.code(), absl::StatusCode::kNotFound);
}

TEST_F(FileTest, TooLongFileIsRefused) {
  ASSERT_TRUE(
      WriteFileAtomically(Path("a"), AsBytes("12345"), 0600, Replace::kYes, Durable::kNo).ok());
  EXPECT_EQ(ReadWholeFile(Path("a"), 4).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(FileTest, ReadPastTheEndIsOutOfRange) {
  ASSERT_TRUE(
      WriteFileAtomically(Path("a"), AsBytes("12345"), 0600, Replace::kYes, Durable::kNo).ok());
  const auto fd = OpenFile(Path("a"), O_RDONLY);
  ASSERT_TRUE(fd.ok());
  Bytes out(4);
  EXPECT_EQ(ReadFullAt(fd->get(), out, 2).code(), absl::StatusCode::kOutOfRange);
  EXPECT_TRUE(ReadFullAt(fd->get(), out, 1).ok());
  EXPECT_EQ(AsText(out), "2345");
}

TEST_F(FileTest, FullDiskIsResourceExhausted) {
  const auto fd = OpenFile("/dev/full", O_WRONLY);
  ASSERT_TRUE(fd.ok());
  EXPECT_EQ(WriteFull(fd->get(), AsBytes("x")).code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(FileTest, MakeDirectoriesIsIdempotentAndRefusesFiles) {
  EXPECT_TRUE(MakeDirectories(Path("a/b/c")).ok());
  EXPECT_TRUE(MakeDirectories(Path("a/b/c")).ok());
  ASSERT_TRUE(WriteFileAtomically(Path("f"), AsBytes(""), 0600, Replace::kYes, Durable::kNo).ok());
  EXPECT_FALSE(MakeDirectories(Path("f")).ok());
  EXPECT_FALSE(MakeDirectories(Path("f/g")).ok());
}

TEST_F(FileTest, TempDirRemovesItsContent) {
  std::string path;
  {
    auto inner = TempDir::Create(dir_->path());
    ASSERT_TRUE(inner.ok());
    path = inner->path();
    ASSERT_TRUE(MakeDirectories(path + "/x/y").ok());
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace floe
