// SPDX-License-Identifier: Apache-2.0
#include "oci/verifying_stream.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "base/file.h"

namespace floe::oci {
namespace {

Bytes BytesOf(absl::string_view text) { return Bytes(text.begin(), text.end()); }

absl::StatusOr<Bytes> Through(const Descriptor& descriptor, absl::string_view bytes) {
  VerifyingStream stream(std::make_unique<MemoryStream>(BytesOf(bytes)), descriptor, "src");
  return ReadAll(stream, 1 << 20, "src");
}

TEST(VerifyingStreamTest, RightBytesPass) {
  EXPECT_EQ(*Through(DescribeBytes("t", AsBytes("hello")), "hello"), BytesOf("hello"));
  EXPECT_EQ(*Through(DescribeBytes("t", {}), ""), Bytes());
}

TEST(VerifyingStreamTest, OtherBytesEndInDataLoss) {
  const Descriptor hello = DescribeBytes("t", AsBytes("hello"));
  for (const char* wrong : {"", "hell", "hullo", "hello!"}) {
    const auto status = Through(hello, wrong).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << wrong;
    EXPECT_NE(status.message().find(hello.digest), std::string::npos);
  }
}

TEST(VerifyingStreamTest, AnErrorIsFinal) {
  VerifyingStream stream(std::make_unique<MemoryStream>(BytesOf("xx")),
                         DescribeBytes("t", AsBytes("x")), "src");
  Bytes out(8);
  EXPECT_FALSE(stream.Read(out).ok());
  EXPECT_FALSE(stream.Read(out).ok());
}

TEST(ReadAllTest, StopsAtTheLimit) {
  MemoryStream stream(Bytes(100'000));
  const auto status = ReadAll(stream, 99'999, "blob").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  MemoryStream fits(Bytes(100'000));
  EXPECT_EQ(ReadAll(fits, 100'000, "blob")->size(), 100'000u);
}

TEST(FileStreamTest, AFileThatShrankIsNoticed) {
  const auto dir = TempDir::Create();
  ASSERT_TRUE(dir.ok());
  const std::string path = dir->path() + "/f";
  ASSERT_TRUE(
      WriteFileAtomically(path, AsBytes("0123456789"), 0600, Replace::kNo, Durable::kNo).ok());
  auto file = std::make_shared<const UniqueFd>(*OpenFile(path, O_RDONLY));
  FileStream part(file, 2, 3, path);
  EXPECT_EQ(*ReadAll(part, 10, path), BytesOf("234"));
  FileStream past(file, 8, 5, path);
  EXPECT_EQ(ReadAll(past, 10, path).status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace floe::oci
