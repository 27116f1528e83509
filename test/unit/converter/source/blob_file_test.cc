// SPDX-License-Identifier: Apache-2.0
#include "converter/source/blob_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.h"
#include "oci/verifying_stream.h"

namespace floe::converter {
namespace {

Bytes BytesOf(absl::string_view text) { return Bytes(text.begin(), text.end()); }

TEST(BlobFileTest, WritesChecksAndTakesBack) {
  const auto dir = TempDir::Create();
  ASSERT_TRUE(dir.ok());
  const std::string path = dir->path() + "/blob";
  const oci::Descriptor hello = oci::DescribeBytes("t", AsBytes("hello"));
  oci::MemoryStream wrong(BytesOf("hullo"));
  EXPECT_EQ(WriteBlobFile(path, hello, wrong, "dst").code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(access(path.c_str(), F_OK), -1);
  EXPECT_FALSE(*IsBlobFile(path, hello));
  oci::MemoryStream right(BytesOf("hello"));
  EXPECT_TRUE(WriteBlobFile(path, hello, right, "dst").ok());
  EXPECT_TRUE(*IsBlobFile(path, hello));
  EXPECT_FALSE(*IsBlobFile(path, oci::DescribeBytes("t", AsBytes("hullo"))));
  EXPECT_FALSE(*IsBlobFile(path, oci::DescribeBytes("t", AsBytes("hi"))));
  oci::MemoryStream again(BytesOf("hello"));
  EXPECT_EQ(WriteBlobFile(path, hello, again, "dst").code(), absl::StatusCode::kAlreadyExists);
}

}  // namespace
}  // namespace floe::converter
