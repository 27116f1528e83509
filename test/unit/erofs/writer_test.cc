// SPDX-License-Identifier: Apache-2.0
// Trees through writer and reader. That the kernel and fsck.erofs agree is
// property/equality_test.py.
#include "erofs/writer.h"

#include <gtest/gtest.h>

#include "erofs/label.h"
#include "test/unit/erofs/image_helper.h"

namespace floe::erofs {
namespace {

TEST(Writer, RoundTripsEveryKindOfInode) {
  TreeMaker maker;
  const InodeId directory = maker.Directory(01777, -5);
  maker.tree.inode(directory).uid = 70000;
  const InodeId file = maker.File(std::string(5000, 'f'), 04755, 1234567890);
  maker.tree.inode(file).mtime_nsec = 987654321;
  maker.tree.inode(file).gid = 4294967294;
  const InodeId link = maker.Symlink("target");
  Inode device;
  device.mode = S_IFCHR | 0600;
  device.rdev = MakeDevice(4095, 0xFFFFF);
  const InodeId character = maker.tree.Add(device);
  device.mode = S_IFBLK | 0660;
  device.rdev = MakeDevice(8, 256);
  const InodeId block = maker.tree.Add(device);
  device.mode = S_IFIFO | 0622;
  device.rdev = 0;
  const InodeId fifo = maker.tree.Add(device);
  ASSERT_TRUE(maker.tree.SetEntries(directory, {{"hard", file}, {"fifo", fifo}}).ok());
  ASSERT_TRUE(
      maker.tree
          .SetEntries(
              kRoot,
              {{"d", directory}, {"file", file}, {"link", link}, {"c", character}, {"b", block}})
          .ok());
  const absl::StatusOr<Bytes> image = maker.Write();
  ASSERT_TRUE(image.ok()) << image.status();
  const absl::StatusOr<Tree> tree = ReadTree(ReadFrom(*image), image->size());
  ASSERT_TRUE(tree.ok()) << tree.status();
  const Inode& f = tree->inode(*tree->Find("d/hard"));
  EXPECT_EQ(*tree->Find("d/hard"), *tree->Find("file"));
  EXPECT_EQ(f.mode, S_IFREG | 04755);
  EXPECT_EQ(f.links, 2u);
  EXPECT_EQ(f.mtime, 1234567890);
  EXPECT_EQ(f.mtime_nsec, 987654321u);
  EXPECT_EQ(f.gid, 4294967294u);
  EXPECT_EQ(AsText(ByteView(*image).subspan(f.data, f.size)), std::string(5000, 'f'));
  EXPECT_EQ(tree->inode(*tree->Find("d")).mtime, -5);
  EXPECT_EQ(tree->inode(*tree->Find("d")).uid, 70000u);
  EXPECT_EQ(tree->Target(tree->inode(*tree->Find("link"))), "target");
  EXPECT_EQ(tree->inode(*tree->Find("c")).rdev, MakeDevice(4095, 0xFFFFF));
  EXPECT_EQ(tree->inode(*tree->Find("b")).rdev, MakeDevice(8, 256));
  EXPECT_EQ(tree->inode(*tree->Find("d/fifo")).mode, S_IFIFO | 0622);
}

// Sizes around those where names and tails change their place.
TEST(Writer, RoundTripsDirectoriesOfAllSizes) {
  for (size_t length : {1u, 14u, 100u, 255u}) {
    for (size_t count : {0u, 1u, 2u, 7u, 15u, 16u, 17u, 31u, 40u, 300u, 2000u}) {
      TreeMaker maker;
      const InodeId file = maker.File("");
      std::vector<std::string> names;
      for (size_t i = 0; i < count && (length > 3 || i < 10); ++i) {
        std::string name = std::to_string(i);
        names.push_back(std::string(length - std::min(length, name.size()), 'x') + name);
      }
      std::vector<std::pair<absl::string_view, InodeId>> entries;
      for (const std::string& name : names) entries.emplace_back(name, file);
      ASSERT_TRUE(maker.tree.SetEntries(kRoot, std::move(entries)).ok());
      const absl::StatusOr<Bytes> image = maker.Write();
      ASSERT_TRUE(image.ok()) << image.status();
      const absl::StatusOr<Tree> tree = ReadTree(ReadFrom(*image), image->size());
      ASSERT_TRUE(tree.ok()) << tree.status() << length << " " << count;
      ASSERT_EQ(tree->inode(kRoot).entries, names.size());
      for (const std::string& name : names) ASSERT_TRUE(tree->Find(name).ok()) << name;
    }
  }
}

TEST(Writer, RoundTripsSymlinksOfAllLengths) {
  TreeMaker maker;
  std::vector<std::string> names;
  std::vector<InodeId> links;
  for (size_t length = 1; length <= kSymlinkMax; length += length < 3900 ? 61 : 1) {
    names.push_back(std::to_string(length));
    links.push_back(maker.Symlink(std::string(length, 't'), static_cast<int64_t>(length % 3)));
  }
  std::vector<std::pair<absl::string_view, InodeId>> entries;
  for (size_t i = 0; i < names.size(); ++i) entries.emplace_back(names[i], links[i]);
  ASSERT_TRUE(maker.tree.SetEntries(kRoot, std::move(entries)).ok());
  const absl::StatusOr<Bytes> image = maker.Write();
  ASSERT_TRUE(image.ok()) << image.status();
  const absl::StatusOr<Tree> tree = ReadTree(ReadFrom(*image), image->size());
  ASSERT_TRUE(tree.ok()) << tree.status();
  for (const std::string& name : names) {
    const Inode& link = tree->inode(*tree->Find(name));
    ASSERT_EQ(tree->Target(link).size(), std::stoul(name));
  }
}

TEST(Writer, TheCommonestTimeMakesInodesCompact) {
  TreeMaker maker;
  const InodeId common1 = maker.File("", 0644, 77);
  const InodeId common2 = maker.File("", 0644, 77);
  const InodeId rare = maker.File("", 0644, 78);
  ASSERT_TRUE(maker.tree.SetEntries(kRoot, {{"a", common1}, {"b", common2}, {"c", rare}}).ok());
  const absl::StatusOr<ImagePlan> plan = Plan(maker.tree);
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(plan->build_time, 77);
  // Root and `c` take two slots or more, `a` and `b` one each.
  EXPECT_EQ(plan->nids[common2] - plan->nids[common1], 1u);
  const absl::StatusOr<Bytes> image = maker.Write();
  const absl::StatusOr<Tree> tree = ReadTree(ReadFrom(*image), image->size());
  EXPECT_EQ(tree->inode(*tree->Find("b")).mtime, 77);
  EXPECT_EQ(tree->inode(*tree->Find("c")).mtime, 78);
}

TEST(Writer, EveryFileStartsOnABlockAndClassesLieTogether) {
  TreeMaker maker;
  const InodeId doc = maker.File("doc");
  const InodeId header = maker.File("header");
  const InodeId program = maker.File(std::string(4097, 'p'));
  const InodeId empty = maker.File("");
  ASSERT_TRUE(
      maker.tree.SetEntries(kRoot, {{"a.md", doc}, {"b.h", header}, {"c", program}, {"e", empty}})
          .ok());
  const absl::StatusOr<ImagePlan> plan = Plan(maker.tree);
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(plan->files, (std::vector<InodeId>{program, header, doc}));
  EXPECT_EQ(plan->blocks[program], plan->metadata_bytes / kBlockBytes);
  EXPECT_EQ(plan->blocks[header], plan->blocks[program] + 2);
  EXPECT_EQ(plan->total_bytes, plan->metadata_bytes + 4 * kBlockBytes);
  EXPECT_EQ(plan->data_bytes, 3u + 6 + 4097);
}

TEST(Writer, TheSinksErrorComesBack) {
  TreeMaker maker;
  const absl::StatusOr<ImagePlan> plan = Plan(maker.tree);
  ASSERT_TRUE(plan.ok());
  MemorySink sink;
  sink.fail_after = 0;
  EXPECT_TRUE(absl::IsUnavailable(EmitMetadata(maker.tree, *plan, sink)));
}

TEST(Writer, RefusesMoreThan16TiB) {
  TreeMaker maker;
  const InodeId file = maker.File("");
  maker.tree.inode(file).size = uint64_t{1} << 44;
  ASSERT_TRUE(maker.tree.SetEntries(kRoot, {{"big", file}}).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(Plan(maker.tree).status()));
}

TEST(Label, TellsTheMetadata) {
  EXPECT_EQ(MakeLabel(0x3F2), "floe1:000003f2");
  EXPECT_EQ(ParseLabel(absl::string_view("floe1:000003f2\0\0", 16)), 0x3F2u);
  for (absl::string_view bad : {"", "floe1:", "floe1:3f2", "floe2:000003f2", "floe1:0000zzzz"}) {
    EXPECT_FALSE(ParseLabel(bad)) << bad;
  }
}

TEST(MetadataRanges, AreTheFrontOfTheImage) {
  TreeMaker maker;
  const InodeId file = maker.File(std::string(100000, 'x'));
  ASSERT_TRUE(maker.tree.SetEntries(kRoot, {{"f", file}}).ok());
  const absl::StatusOr<Bytes> image = maker.Write();
  ASSERT_TRUE(image.ok());
  const absl::StatusOr<ImagePlan> plan = Plan(maker.tree);
  const ByteView first = ByteView(*image).subspan(0, kBlockBytes);
  EXPECT_EQ(MetadataRanges(first, image->size()),
            (std::vector<ByteRange>{{0, plan->metadata_bytes}}));
  // A label that lies asks for no more than the image.
  Bytes lying(first.begin(), first.end());
  const std::string label = MakeLabel(0xFFFFFFFF);
  std::memcpy(lying.data() + kSuperOffset + offsetof(SuperBlock, volume_name), label.data(),
              label.size());
  EXPECT_EQ(MetadataRanges(lying, image->size()), (std::vector<ByteRange>{{0, image->size()}}));
  EXPECT_EQ(MetadataRanges(Bytes(4096), 8192), (std::vector<ByteRange>{{0, 4096}}));
  EXPECT_EQ(MetadataRanges(Bytes(), 8192), (std::vector<ByteRange>{{0, 4096}}));
}

}  // namespace
}  // namespace floe::erofs
