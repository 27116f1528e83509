// SPDX-License-Identifier: Apache-2.0
#include "converter/flatten/tar_header.h"

#include <gtest/gtest.h>

#include "test/unit/converter/flatten/tar_maker.h"

namespace floe::converter {
namespace {

absl::StatusOr<TarHeader> Parse(const std::string& block, TarEntry& entry) {
  return ParseTarHeader(AsBytes(block), entry);
}

std::string WithMagic(TarMaker::Member member, absl::string_view magic, size_t prefix_at = 345,
                      const std::string& prefix = "") {
  std::string block = TarMaker::Header(member);
  block.replace(257, 8, std::string(magic));
  block.replace(prefix_at, prefix.size(), prefix);
  return TarMaker::Checksummed(block);
}

TEST(TarHeader, FieldsThatFillTheirPlaceNeedNoNul) {
  TarEntry entry;
  const std::string name(100, 'n');
  const std::string link(100, 'l');
  ASSERT_TRUE(Parse(TarMaker::Header({.name = name, .type = '2', .link = link}), entry).ok());
  EXPECT_EQ(entry.name, name);
  EXPECT_EQ(entry.link, link);
}

TEST(TarHeader, ThePrefixBelongsToUstarOnly) {
  const absl::string_view ustar("ustar\00000", 8);
  const absl::string_view gnu("ustar  \0", 8);
  TarEntry entry;
  ASSERT_TRUE(Parse(WithMagic({.name = "f"}, ustar, 345, "dir/sub"), entry).ok());
  EXPECT_EQ(entry.name, "dir/sub/f");
  ASSERT_TRUE(Parse(WithMagic({.name = "f"}, gnu, 345, "dir/sub"), entry).ok());
  EXPECT_EQ(entry.name, "f");
  ASSERT_TRUE(Parse(WithMagic({.name = "f"}, std::string(8, '\0'), 345, "dir/sub"), entry).ok());
  EXPECT_EQ(entry.name, "f");
  // star's tars have times where ustar has the end of the prefix.
  std::string star = TarMaker::Header({.name = "f"});
  star.replace(345, 131, std::string(131, 'p'));
  star.replace(476, 24, std::string(24, '7'));
  star.replace(508, 4, std::string("tar\0", 4));
  ASSERT_TRUE(Parse(TarMaker::Checksummed(star), entry).ok());
  EXPECT_EQ(entry.name, std::string(131, 'p') + "/f");
}

TEST(TarHeader, ModesAreCutToPermissions) {
  TarEntry entry;
  ASSERT_TRUE(Parse(TarMaker::Header({.name = "f", .mode = 0104755}), entry).ok());
  EXPECT_EQ(entry.mode, 04755u);
}

TEST(TarHeader, SizesMayBeBase256) {
  std::string block = TarMaker::Header({.name = "f"});
  block.replace(124, 12, std::string("\x80\0\0\0\0\0\0\x03\0\0\0\0", 12));
  TarEntry entry;
  const absl::StatusOr<TarHeader> header = Parse(TarMaker::Checksummed(block), entry);
  ASSERT_TRUE(header.ok());
  EXPECT_EQ(header->size, uint64_t{3} << 32);
  block.replace(124, 12, std::string(12, '\xff'));
  EXPECT_TRUE(absl::IsInvalidArgument(Parse(TarMaker::Checksummed(block), entry).status()));
}

TEST(TarHeader, DeviceNumbersCountForDevicesOnly) {
  std::string block = TarMaker::Header({.name = "f"});
  block.replace(329, 8, std::string("7777777\0", 8));
  TarEntry entry;
  EXPECT_TRUE(Parse(TarMaker::Checksummed(block), entry).ok());
  EXPECT_EQ(entry.device_major, 0u);
  block[156] = '4';
  const absl::Status status = Parse(TarMaker::Checksummed(block), entry).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_NE(status.message().find("device number 2097151:0"), absl::string_view::npos) << status;
}

TEST(TarHeader, EachBadFieldIsNamed) {
  const std::pair<size_t, absl::string_view> fields[] = {
      {100, "mode"}, {108, "uid"}, {116, "gid"}, {124, "size"}, {136, "mtime"}, {329, "device"}};
  for (const auto& [at, name] : fields) {
    std::string block = TarMaker::Header({.name = "f"});
    block.replace(at, 3, "xyz");
    TarEntry entry;
    const absl::Status status = Parse(TarMaker::Checksummed(block), entry).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << name;
    EXPECT_NE(status.message().find(name), absl::string_view::npos) << status;
  }
}

TEST(TarType, OnlyWhatContainerdUnpacks) {
  EXPECT_EQ(*TarTypeOf('0'), TarType::kRegular);
  EXPECT_EQ(*TarTypeOf('\0'), TarType::kRegular);
  EXPECT_EQ(*TarTypeOf('5'), TarType::kDirectory);
  for (int type = 1; type < 256; ++type) {
    const bool known =
        absl::string_view("0123456S").find(static_cast<char>(type)) != absl::string_view::npos;
    EXPECT_EQ(TarTypeOf(static_cast<char>(type)).ok(), known) << type;
  }
}

TEST(ApplyPax, EmptyValuesLeaveTheBlocks) {
  TarEntry entry;
  entry.name = "name";
  entry.uid = 7;
  uint64_t stored = 9;
  ASSERT_TRUE(
      ApplyPax({{"path", ""}, {"uid", ""}, {"size", ""}, {"mtime", ""}}, entry, stored).ok());
  EXPECT_EQ(entry.name, "name");
  EXPECT_EQ(entry.uid, 7u);
  EXPECT_EQ(stored, 9u);
}

TEST(ApplyPax, OtherRecordsAreIgnored) {
  TarEntry entry;
  uint64_t stored = 0;
  ASSERT_TRUE(ApplyPax({{"atime", "x"}, {"ctime", "y"}, {"uname", "root"}, {"LIBARCHIVE.x", "z"}},
                       entry, stored)
                  .ok());
  EXPECT_TRUE(entry.xattrs.empty());
}

}  // namespace
}  // namespace floe::converter
