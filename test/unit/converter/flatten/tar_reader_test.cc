// SPDX-License-Identifier: Apache-2.0
#include "converter/flatten/tar_reader.h"

#include <gtest/gtest.h>

#include "test/unit/converter/flatten/tar_maker.h"

namespace floe::converter {
namespace {

struct Read {
  std::vector<TarEntry> entries;
  std::vector<std::string> data;
  absl::Status status;
};

Read ReadTar(const std::string& tar, bool with_data = true, size_t step = 1 << 20) {
  const std::unique_ptr<PieceSource> source = ReadInline(std::make_unique<StringStream>(tar, step));
  TarReader reader(*source);
  Read read;
  TarEntry entry;
  while (true) {
    const absl::StatusOr<bool> more = reader.Next(entry);
    read.status = more.status();
    if (!more.ok() || !*more) return read;
    read.entries.push_back(entry);
    read.data.emplace_back();
    if (!with_data || entry.type != TarType::kRegular) continue;
    read.status = reader.ReadData(entry, [&](ByteView bytes, uint64_t zeros) {
      read.data.back() += bytes.empty() ? std::string(zeros, '\0') : std::string(AsText(bytes));
      return absl::OkStatus();
    });
    if (!read.status.ok()) return read;
  }
}

TEST(TarReader, ReadsEveryType) {
  TarMaker tar;
  tar.Dir("d/", 01777).File("d/f", std::string(1000, 'x')).Symlink("s", "d/f").HardLink("h", "d/f");
  tar.Add({.name = "c", .type = '3', .mode = 0600, .device_major = 5, .device_minor = 300});
  tar.Add({.name = "b", .type = '4', .device_major = 8, .device_minor = 1});
  tar.Add({.name = "p", .type = '6', .uid = 7, .gid = 8, .mtime = 99});
  const Read read = ReadTar(tar.End());
  ASSERT_TRUE(read.status.ok()) << read.status;
  ASSERT_EQ(read.entries.size(), 7u);
  EXPECT_EQ(read.entries[0].type, TarType::kDirectory);
  EXPECT_EQ(read.entries[0].mode, 01777u);
  EXPECT_EQ(read.data[1], std::string(1000, 'x'));
  EXPECT_EQ(read.entries[2].link, "d/f");
  EXPECT_EQ(read.entries[3].type, TarType::kHardLink);
  EXPECT_EQ(read.entries[4].device_minor, 300u);
  EXPECT_EQ(read.entries[5].type, TarType::kBlockDevice);
  EXPECT_EQ(read.entries[6].uid, 7u);
  EXPECT_EQ(read.entries[6].mtime, 99);
}

TEST(TarReader, PiecesOfAnySizeAndSkippedDataChangeNothing) {
  TarMaker tar;
  tar.File("a", std::string(700, 'a')).File("b", "").File("c", std::string(512, 'c'));
  for (const size_t step : {1u, 7u, 511u, 513u}) {
    const Read read = ReadTar(tar.End(), true, step);
    ASSERT_TRUE(read.status.ok()) << read.status;
    EXPECT_EQ(read.data,
              (std::vector<std::string>{std::string(700, 'a'), "", std::string(512, 'c')}));
    EXPECT_EQ(ReadTar(tar.End(), false, step).entries.size(), 3u);
  }
}

TEST(TarReader, PaxSaysMoreThanTheBlock) {
  TarMaker tar;
  tar.Add({.name = "short",
           .data = "x",
           .pax = {{"path", "long/" + std::string(300, 'n')},
                   {"uid", "70000"},
                   {"gid", "4294967294"},
                   {"mtime", "-1.25"},
                   {"SCHILY.xattr.user.a", std::string("b\0c=d\n", 6)},
                   {"SCHILY.xattr.user.empty", ""},
                   {"comment", "ignored"}}});
  tar.File("next", "y");
  const Read read = ReadTar(tar.End());
  ASSERT_TRUE(read.status.ok()) << read.status;
  const TarEntry& entry = read.entries[0];
  EXPECT_EQ(entry.name, "long/" + std::string(300, 'n'));
  EXPECT_EQ(entry.uid, 70000u);
  EXPECT_EQ(entry.gid, 4294967294u);
  EXPECT_EQ(entry.mtime, -2);
  EXPECT_EQ(entry.mtime_nsec, 750000000u);
  ASSERT_EQ(entry.xattrs.size(), 2u);
  EXPECT_EQ(entry.xattrs[0].second, std::string("b\0c=d\n", 6));
  EXPECT_TRUE(read.entries[1].xattrs.empty()) << "pax records are of one entry";
  EXPECT_EQ(read.entries[1].name, "next");
}

TEST(TarReader, PaxSizeIsBelieved) {
  TarMaker tar;
  std::string block = TarMaker::Header({.name = "f"});
  const std::string record = TarMaker::PaxRecord("size", "600");
  tar.Raw(TarMaker::Header({.name = "p", .data = record, .type = 'x'})).Data(record);
  tar.Raw(block).Data(std::string(600, 'd')).File("after", "1");
  const Read read = ReadTar(tar.End());
  ASSERT_TRUE(read.status.ok()) << read.status;
  EXPECT_EQ(read.data[0], std::string(600, 'd'));
  EXPECT_EQ(read.entries[1].name, "after");
}

TEST(TarReader, GnuLongNamesAndLinks) {
  const std::string name(400, 'n');
  const std::string link(500, 'l');
  TarMaker tar;
  tar.Add({.name = "././@LongLink", .data = name + '\0', .type = 'L'});
  tar.Add({.name = "././@LongLink", .data = link + '\0', .type = 'K'});
  tar.Add({.name = name, .type = '2', .link = link}).File("plain", "");
  const Read read = ReadTar(tar.End());
  ASSERT_TRUE(read.status.ok()) << read.status;
  EXPECT_EQ(read.entries[0].name, name);
  EXPECT_EQ(read.entries[0].link, link);
  EXPECT_EQ(read.entries[1].name, "plain");
}

TEST(TarReader, UstarPrefixAndOldTars) {
  std::string block = TarMaker::Header({.name = "file"});
  block.replace(345, 6, "folder");
  TarMaker tar;
  tar.Raw(TarMaker::Checksummed(block));
  block = TarMaker::Header({.name = "old/"});
  block[156] = '\0';  // v7: a directory by its slash
  block.replace(257, 8, std::string(8, '\0'));
  block.replace(345, 6, "ignore");
  tar.Raw(TarMaker::Checksummed(block));
  const Read read = ReadTar(tar.End());
  ASSERT_TRUE(read.status.ok()) << read.status;
  EXPECT_EQ(read.entries[0].name, "folder/file");
  EXPECT_EQ(read.entries[1].name, "old/");
  EXPECT_EQ(read.entries[1].type, TarType::kDirectory);
}

TEST(TarReader, GlobalHeadersApplyToNothing) {
  TarMaker tar;
  const std::string record = TarMaker::PaxRecord("uid", "77");
  tar.Add({.name = "pax_global_header", .data = record, .type = 'g'}).File("f", "");
  const Read read = ReadTar(tar.End());
  ASSERT_TRUE(read.status.ok()) << read.status;
  EXPECT_EQ(read.entries[0].type, TarType::kGlobalHeader);
  EXPECT_EQ(read.entries[1].uid, 0u);
}

TEST(TarReader, TheEndMayBeShortButNothingElse) {
  TarMaker tar;
  tar.File("a", "1").File("b", std::string(600, 'b'));
  EXPECT_TRUE(ReadTar(tar.tar()).status.ok()) << "no end mark at all";
  EXPECT_TRUE(ReadTar(tar.tar() + std::string(512, '\0')).status.ok());
  EXPECT_TRUE(ReadTar(tar.End() + std::string(10000, 'x')).status.ok()) << "bytes behind the end";
  EXPECT_TRUE(ReadTar("").status.ok());
  const std::string whole = tar.tar();
  for (size_t size = 1; size < whole.size(); ++size) {
    const absl::Status status = ReadTar(whole.substr(0, size)).status;
    // Between entries, and where only padding is missing, nothing is lost.
    const bool sound = size == 1024 || (size > 512 && size < 1024) || size >= 1024 + 512 + 600;
    EXPECT_EQ(status.ok(), sound) << size << " " << status;
    EXPECT_EQ(absl::IsDataLoss(status), !sound) << size << " " << status;
  }
}

TEST(TarReader, RefusesWhatIsNoTar) {
  EXPECT_TRUE(absl::IsInvalidArgument(ReadTar(std::string(2048, 'x')).status));
  TarMaker tar;
  tar.File("a", "").Raw(std::string(512, '\0')).File("b", "");
  EXPECT_TRUE(absl::IsInvalidArgument(ReadTar(tar.End()).status)) << "zeros in the middle";
  for (const char type : {'7', 'V', 'M', 'D', 'z'}) {
    TarMaker odd;
    odd.Add({.name = "a", .type = type});
    EXPECT_TRUE(absl::IsInvalidArgument(ReadTar(odd.End()).status)) << type;
  }
}

TEST(TarReader, RefusesBadNumbersAndRecords) {
  const std::vector<std::pair<std::string, std::string>> bad = {
      {"size", "-1"}, {"size", "x"}, {"uid", "99999999999"}, {"mtime", "now"}, {"gid", "1.5"}};
  for (const auto& record : bad) {
    TarMaker tar;
    tar.Add({.name = "a", .pax = {record}});
    EXPECT_TRUE(absl::IsInvalidArgument(ReadTar(tar.End()).status)) << record.first;
  }
  TarMaker nul;
  nul.Add({.name = "a", .pax = {{"path", std::string("a\0b", 3)}}});
  EXPECT_TRUE(absl::IsInvalidArgument(ReadTar(nul.End()).status));
  TarMaker device;
  std::string block = TarMaker::Header({.name = "c", .type = '3'});
  block.replace(329, 8, std::string("\x80\0\0\0\xff\0\0\0", 8));
  device.Raw(TarMaker::Checksummed(block));
  EXPECT_TRUE(absl::IsInvalidArgument(ReadTar(device.End()).status));
}

TEST(TarReader, SpecialHeadersAreBounded) {
  TarMaker tar;
  tar.Add({.name = "big", .data = std::string((1 << 20) + 1, 'x'), .type = 'L'});
  EXPECT_TRUE(absl::IsInvalidArgument(ReadTar(tar.End()).status));
  std::string block = TarMaker::Header({.name = "huge", .type = 'x'});
  block.replace(124, 12, std::string("\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", 12));
  EXPECT_TRUE(absl::IsInvalidArgument(ReadTar(TarMaker::Checksummed(block)).status));
}

TEST(TarReader, NobodysIdsAreKept) {
  std::string block = TarMaker::Header({.name = "f"});
  block.replace(108, 8, std::string("\xff\xff\xff\xff\xff\xff\xff\xfe", 8));
  block.replace(116, 8, std::string("\xff\xff\xff\xff\xff\xff\xff\xff", 8));
  const Read read = ReadTar(TarMaker::Checksummed(block));
  ASSERT_TRUE(read.status.ok()) << read.status;
  EXPECT_EQ(read.entries[0].uid, 4294967294u);
  EXPECT_EQ(read.entries[0].gid, 0u) << "chown takes -1 for: as it is";
}

// --- sparse files -------------------------------------------------------------------------------

std::string Octal12(uint64_t value) {
  char text[16];
  std::snprintf(text, sizeof(text), "%011llo", static_cast<unsigned long long>(value));
  return std::string(text, 12);
}

const std::string kHoley = std::string(600, 'a') + std::string(4000, '\0') + "end";

TEST(TarReader, OldGnuSparse) {
  std::string block = TarMaker::Header({.name = "s", .data = std::string(603, 'x'), .type = 'S'});
  block.replace(257, 8, std::string("ustar  \0", 8));
  block.replace(386, 48, Octal12(0) + Octal12(600) + Octal12(4600) + Octal12(3));
  block.replace(345, 41, std::string(41, '\0'));
  block.replace(483, 12, Octal12(kHoley.size()));
  TarMaker tar;
  tar.Raw(TarMaker::Checksummed(block)).Data(std::string(600, 'a') + "end").File("after", "1");
  const Read read = ReadTar(tar.End());
  ASSERT_TRUE(read.status.ok()) << read.status;
  EXPECT_EQ(read.data[0], kHoley);
  EXPECT_EQ(read.data[1], "1");
}

TEST(TarReader, OldGnuSparseWithMoreBlocks) {
  std::string block = TarMaker::Header({.name = "s", .data = std::string(603, 'x'), .type = 'S'});
  block.replace(257, 8, std::string("ustar  \0", 8));
  block.replace(345, 41, std::string(41, '\0'));
  block[482] = 1;
  block.replace(483, 12, Octal12(kHoley.size()));
  std::string more(512, '\0');
  more.replace(0, 48, Octal12(0) + Octal12(600) + Octal12(4600) + Octal12(3));
  TarMaker tar;
  tar.Raw(TarMaker::Checksummed(block)).Raw(more).Data(std::string(600, 'a') + "end");
  const Read read = ReadTar(tar.End());
  ASSERT_TRUE(read.status.ok()) << read.status;
  EXPECT_EQ(read.data[0], kHoley);
}

TarMaker::Member Sparse10(const std::string& map, const std::string& data,
                          const std::string& size) {
  std::string padded = map;
  padded.resize((padded.size() + 511) / 512 * 512);
  return {.name = "x",
          .data = padded + data,
          .pax = {{"GNU.sparse.major", "1"},
                  {"GNU.sparse.minor", "0"},
                  {"GNU.sparse.name", "real"},
                  {"GNU.sparse.realsize", size}}};
}

TEST(TarReader, PaxSparse10) {
  TarMaker tar;
  tar.Add(Sparse10("2\n0\n600\n4600\n3\n", std::string(600, 'a') + "end", "4603"));
  tar.Add(Sparse10("0\n", "", "5000"));
  const Read read = ReadTar(tar.End());
  ASSERT_TRUE(read.status.ok()) << read.status;
  EXPECT_EQ(read.entries[0].name, "real");
  EXPECT_EQ(read.data[0], kHoley);
  EXPECT_EQ(read.data[1], std::string(5000, '\0'));
}

TEST(TarReader, PaxSparse00And01) {
  TarMaker tar;
  tar.Add({.name = "v01",
           .data = std::string(600, 'a') + "end",
           .pax = {{"GNU.sparse.major", "0"},
                   {"GNU.sparse.minor", "1"},
                   {"GNU.sparse.size", "4603"},
                   {"GNU.sparse.numblocks", "2"},
                   {"GNU.sparse.map", "0,600,4600,3"}}});
  tar.Add({.name = "v00",
           .data = std::string(600, 'a') + "end",
           .pax = {{"GNU.sparse.size", "4603"},
                   {"GNU.sparse.numblocks", "2"},
                   {"GNU.sparse.offset", "0"},
                   {"GNU.sparse.numbytes", "600"},
                   {"GNU.sparse.offset", "4600"},
                   {"GNU.sparse.numbytes", "3"}}});
  const Read read = ReadTar(tar.End());
  ASSERT_TRUE(read.status.ok()) << read.status;
  EXPECT_EQ(read.data[0], kHoley);
  EXPECT_EQ(read.data[1], kHoley);
}

TEST(TarReader, RefusesSparseMapsThatLie) {
  const std::vector<TarMaker::Member> bad = {
      Sparse10("1\n0\n700\n", std::string(600, 'a'), "4603"),           // more than there is
      Sparse10("1\n0\n500\n", std::string(600, 'a'), "4603"),           // less
      Sparse10("2\n10\n300\n0\n300\n", std::string(600, 'a'), "4603"),  // not ascending
      Sparse10("1\n4600\n600\n", std::string(600, 'a'), "4603"),        // behind the end
      Sparse10("1\n0\n600\n", std::string(600, 'a'), "-1"),
      Sparse10("1\n0\nx\n", std::string(600, 'a'), "4603"),
      Sparse10("9999999999999\n", "", "4603"),
      Sparse10("1\n9223372036854775807\n600\n", std::string(600, 'a'), "4603"),
      {.name = "odd",
       .data = "",
       .pax = {{"GNU.sparse.map", "0,1,2"}, {"GNU.sparse.numblocks", "2"}}},
      {.name = "none",
       .data = "",
       .pax = {{"GNU.sparse.map", "0,1"}, {"GNU.sparse.numblocks", "x"}}},
      {.name = "dir",
       .type = '5',
       .pax = {{"GNU.sparse.map", "0,1"}, {"GNU.sparse.numblocks", "1"}}},
  };
  for (const TarMaker::Member& member : bad) {
    TarMaker tar;
    tar.Add(member);
    const absl::Status status = ReadTar(tar.End()).status;
    EXPECT_TRUE(absl::IsInvalidArgument(status) || absl::IsDataLoss(status)) << status;
  }
}

TEST(TarReader, TheSourcesAndTheSinksErrorsComeBack) {
  TarMaker tar;
  tar.File("f", std::string(2000, 'x'));
  const std::unique_ptr<PieceSource> source = ReadInline(std::make_unique<StringStream>(
      tar.tar().substr(0, 1000), 100, absl::DataLossError("digest")));
  TarReader reader(*source);
  TarEntry entry;
  EXPECT_EQ(reader.Next(entry).status().message(), "digest") << "pieces are read whole";
  const std::unique_ptr<PieceSource> sound = ReadInline(std::make_unique<StringStream>(tar.End()));
  TarReader second(*sound);
  ASSERT_TRUE(second.Next(entry).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(second.ReadData(
      entry, [](ByteView, uint64_t) { return absl::ResourceExhaustedError("disk full"); })));
}

}  // namespace
}  // namespace floe::converter
