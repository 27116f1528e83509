// SPDX-License-Identifier: Apache-2.0
#include "mount/mount_record.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "base/file.h"

namespace floe::mount {
namespace {

MountRecord Sample() {
  MountRecord record;
  record.key = "sha256:0a1b";
  record.name = "00ff";
  record.connection = "c0ffee";
  record.backend = Backend::kLoop;
  record.bdi = "7:3";
  record.mapping = "0:100000:65536 0:1:1,1:200000:9";
  return record;
}

TEST(MountRecordTest, WhatIsWrittenIsRead) {
  const MountRecord record = Sample();
  const auto read = DecodeRecord(EncodeRecord(record));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->key, record.key);
  EXPECT_EQ(read->name, record.name);
  EXPECT_EQ(read->connection, record.connection);
  EXPECT_EQ(read->backend, Backend::kLoop);
  EXPECT_EQ(read->bdi, record.bdi);
  EXPECT_EQ(read->mapping, record.mapping);
}

TEST(MountRecordTest, OptionalFieldsMayLack) {
  MountRecord record = Sample();
  record.bdi.clear();
  record.mapping.clear();
  record.backend = Backend::kFile;
  const auto read = DecodeRecord(EncodeRecord(record));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->backend, Backend::kFile);
  EXPECT_EQ(read->bdi, "");
  EXPECT_EQ(read->mapping, "");
}

TEST(MountRecordTest, FieldsOfLaterVersionsAreIgnored) {
  EXPECT_TRUE(DecodeRecord(EncodeRecord(Sample()) + "colour blue\nflag\n").ok());
}

TEST(MountRecordTest, WhatIsNoRecordIsRefused) {
  for (const std::string text :
       {"", "floe-mount 1", "floe-mount 2\nkey a\nname b\nconnection c\n", "floe-mount 1\n",
        "floe-mount 1\nname b\nconnection c\n", "floe-mount 1\nkey a\nconnection c\n",
        "floe-mount 1\nkey a\nname b\n",
        "floe-mount 1\nkey a\nname b\nconnection c\nbackend nbd\n"}) {
    EXPECT_EQ(DecodeRecord(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

class ScanMountsTest : public ::testing::Test {
 protected:
  MountRecord At(uint64_t number) {
    MountRecord record = Sample();
    record.number = number;
    record.path = temp_.path() + "/" + std::to_string(number);
    return record;
  }
  void Point(const std::string& name) {
    ASSERT_EQ(mkdir((temp_.path() + "/" + name).c_str(), 0700), 0);
  }

  TempDir temp_ = TempDir::Create().value();
};

TEST_F(ScanMountsTest, NothingThere) {
  const auto found = ScanMounts(temp_.path());
  ASSERT_TRUE(found.ok());
  EXPECT_TRUE(found->records.empty() && found->strays.empty());
  EXPECT_EQ(found->next_number, 1U);
  EXPECT_TRUE(ScanMounts("/no/such/directory")->records.empty());
}

TEST_F(ScanMountsTest, RecordsWithAndWithoutTheirPoint) {
  ASSERT_TRUE(WriteRecord(At(2)).ok());
  ASSERT_TRUE(WriteRecord(At(7)).ok());
  Point("2");
  const auto found = ScanMounts(temp_.path());
  ASSERT_TRUE(found.ok());
  ASSERT_EQ(found->records.size(), 2U);
  EXPECT_EQ(found->records[0].number, 2U);
  EXPECT_EQ(found->records[0].path, temp_.path() + "/2");
  EXPECT_EQ(found->records[1].number, 7U);
  EXPECT_TRUE(found->strays.empty());
  EXPECT_EQ(found->next_number, 8U);
}

TEST_F(ScanMountsTest, PointsWithoutReadableRecordAreStrays) {
  Point("4");
  Point("5");
  Point("not-ours");
  std::ofstream(temp_.path() + "/5.record") << "garbage";
  std::ofstream(temp_.path() + "/6.record") << std::string(100000, 'x');
  const auto found = ScanMounts(temp_.path());
  ASSERT_TRUE(found.ok());
  EXPECT_TRUE(found->records.empty());
  EXPECT_EQ(found->strays, (std::vector<std::string>{temp_.path() + "/4", temp_.path() + "/5",
                                                     temp_.path() + "/6"}));
  EXPECT_EQ(found->next_number, 7U);
}

TEST_F(ScanMountsTest, HalfWrittenRecordsAreDeleted) {
  std::ofstream(temp_.path() + "/.tmp-abc") << "floe-mount 1\n";
  ASSERT_TRUE(ScanMounts(temp_.path()).ok());
  EXPECT_TRUE(std::filesystem::is_empty(temp_.path()));
}

TEST_F(ScanMountsTest, RemovedWithItsPoint) {
  const MountRecord record = At(3);
  Point("3");
  ASSERT_TRUE(WriteRecord(record).ok());
  struct stat file;
  ASSERT_EQ(stat((record.path + ".record").c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 0777, 0600U);
  RemoveRecord(record);
  EXPECT_TRUE(std::filesystem::is_empty(temp_.path()));
  RemoveRecord(record);  // again is fine
}

}  // namespace
}  // namespace floe::mount
