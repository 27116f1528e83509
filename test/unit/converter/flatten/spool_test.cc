// SPDX-License-Identifier: Apache-2.0
#include "converter/flatten/spool.h"

#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>

#include "base/file.h"
#include "test/unit/converter/flatten/packed.h"

namespace floe::converter {
namespace {

std::string ReadBack(const Spool& spool, uint64_t offset, size_t size) {
  std::string bytes(size, 'x');
  EXPECT_TRUE(spool.ReadAt(offset, {reinterpret_cast<uint8_t*>(bytes.data()), bytes.size()}).ok());
  return bytes;
}

class SpoolTest : public testing::Test {
 protected:
  TempDir directory_ = *TempDir::Create();
  std::unique_ptr<Spool> spool_ = *Spool::Create(directory_.path());
};

TEST_F(SpoolTest, EveryPieceStartsOnABlockAndIsPadded) {
  const std::string a = Mixed(5000);
  const std::string b = Mixed(3000000);
  EXPECT_EQ(spool_->Begin(), 0u);
  ASSERT_TRUE(spool_->Append(AsBytes(a)).ok());
  EXPECT_EQ(spool_->Begin(), 8192u);
  for (size_t at = 0; at < b.size(); at += 70000) {
    ASSERT_TRUE(spool_->Append(AsBytes(b.substr(at, 70000))).ok());
  }
  const uint64_t end = spool_->Begin();
  EXPECT_EQ(end, 8192 + (b.size() + 4095) / 4096 * 4096);
  ASSERT_TRUE(spool_->Finish().ok());
  EXPECT_EQ(ReadBack(*spool_, 0, 8192), a + std::string(8192 - a.size(), '\0'));
  EXPECT_EQ(ReadBack(*spool_, 8192, b.size()), b);
  EXPECT_EQ(ReadBack(*spool_, 8192 + b.size(), end - 8192 - b.size()),
            std::string(end - 8192 - b.size(), '\0'));
}

TEST_F(SpoolTest, LongZerosAreKnownAndTakeNoRoom) {
  ASSERT_TRUE(spool_->Append(AsBytes(std::string(4096, 'a'))).ok());
  ASSERT_TRUE(spool_->AppendZeros(uint64_t{3} << 30).ok());
  ASSERT_TRUE(spool_->Append(AsBytes(std::string(4096, 'b'))).ok());
  ASSERT_TRUE(spool_->Finish().ok());
  const uint64_t zeros = uint64_t{3} << 30;
  EXPECT_EQ(spool_->RunAt(0, zeros * 2).bytes, 4096u);
  EXPECT_FALSE(spool_->RunAt(0, zeros).zero);
  EXPECT_TRUE(spool_->RunAt(4096, zeros * 2).zero);
  EXPECT_EQ(spool_->RunAt(4096, zeros * 2).bytes, zeros);
  EXPECT_EQ(spool_->RunAt(8192, 4096).bytes, 4096u) << "cut at what was asked for";
  EXPECT_FALSE(spool_->RunAt(4096 + zeros, 4096).zero);
  EXPECT_EQ(ReadBack(*spool_, 4096 + zeros, 4096), std::string(4096, 'b'));
  EXPECT_EQ(ReadBack(*spool_, zeros, 4096), std::string(4096, '\0'));
}

TEST_F(SpoolTest, ZerosWrittenAsBytesAreFoundToo) {
  ASSERT_TRUE(spool_->Append(AsBytes(std::string(200000, '\0') + "end")).ok());
  ASSERT_TRUE(spool_->Finish().ok());
  EXPECT_TRUE(spool_->RunAt(0, 1 << 20).zero);
  EXPECT_EQ(spool_->RunAt(0, 1 << 20).bytes, 200000u / 4096 * 4096);
}

TEST_F(SpoolTest, ShortZerosAreReadLikeData) {
  std::string bytes;
  for (int i = 0; i < 100; ++i) bytes += std::string(4096, i % 2 == 0 ? 'a' : '\0');
  ASSERT_TRUE(spool_->Append(AsBytes(bytes)).ok());
  ASSERT_TRUE(spool_->Finish().ok());
  EXPECT_EQ(ReadBack(*spool_, 0, bytes.size()), bytes);
  uint64_t at = 0;
  while (at < bytes.size()) {
    const Spool::Run run = spool_->RunAt(at, bytes.size() - at);
    ASSERT_GT(run.bytes, 0u);
    at += run.bytes;
  }
  EXPECT_EQ(at, bytes.size());
}

TEST_F(SpoolTest, OddZeroCountsBetweenData) {
  std::string expected;
  for (const uint64_t zeros : {1u, 100u, 4095u, 4097u, 2000000u}) {
    expected += "data" + std::string(zeros, '\0');
    ASSERT_TRUE(spool_->Append(AsBytes("data")).ok());
    ASSERT_TRUE(spool_->AppendZeros(zeros).ok());
  }
  ASSERT_TRUE(spool_->Finish().ok());
  EXPECT_EQ(ReadBack(*spool_, 0, expected.size()), expected);
}

TEST_F(SpoolTest, LeavesNothingInTheDirectory) {
  ASSERT_TRUE(spool_->Append(AsBytes("data")).ok());
  ASSERT_TRUE(spool_->Finish().ok());
  EXPECT_TRUE(std::filesystem::is_empty(directory_.path()));
}

TEST(Spool, SaysWhichDirectoryIsMissing) {
  const absl::Status status = Spool::Create("/nowhere/at/all").status();
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
  EXPECT_NE(status.message().find("/nowhere/at/all"), absl::string_view::npos) << status;
}

TEST(Spool, AFullDiskIsNamed) {
  const TempDir directory = *TempDir::Create();
  if (::mount("floe-test", directory.path().c_str(), "tmpfs", 0, "size=256k") != 0) {
    GTEST_SKIP() << "needs root for a small file system";
  }
  absl::Status status;
  {
    const std::unique_ptr<Spool> spool = *Spool::Create(directory.path());
    status = spool->Append(AsBytes(Mixed(3 << 20)));
  }
  EXPECT_EQ(::umount(directory.path().c_str()), 0);
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_NE(status.message().find(directory.path()), absl::string_view::npos) << status;
  EXPECT_NE(status.message().find("free space"), absl::string_view::npos) << status;
}

}  // namespace
}  // namespace floe::converter
