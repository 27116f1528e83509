// SPDX-License-Identifier: Apache-2.0
// Random trees: everything comes back, and nothing lies on top of anything else.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "erofs/order.h"
#include "erofs/walk.h"
#include "test/unit/erofs/image_helper.h"

namespace floe::erofs {
namespace {

class RandomTree : public testing::TestWithParam<uint32_t> {
 protected:
  RandomTree() : random_(GetParam()) { Build(); }

  uint32_t Below(uint32_t bound) { return static_cast<uint32_t>(random_() % bound); }

  std::string Name() {
    static constexpr absl::string_view kLetters = "ab.-_!\xc3\xa9 ~";
    std::string name;
    const size_t length = Below(10) == 0 ? 1 + Below(255) : 1 + Below(12);
    while (name.size() < length) name.push_back(kLetters[Below(kLetters.size())]);
    return name == "." || name == ".." ? name + "x" : name;
  }

  void Attributes(Inode& inode) {
    inode.uid = Below(3) == 0 ? static_cast<uint32_t>(random_()) : 0;
    inode.gid = Below(3) == 0 ? 70000 : 33;
    inode.mtime = Below(2) == 0 ? 1000 : static_cast<int64_t>(Below(5)) - 2;
    inode.mtime_nsec = Below(2) == 0 ? 0 : Below(1'000'000'000);
    Xattrs xattrs;
    for (uint32_t i = Below(4); i > 0; --i) {
      xattrs.emplace_back("user." + std::to_string(Below(6)), std::string(Below(2000), 'v'));
    }
    inode.xattrs = maker_.tree.xattrs().Intern(std::move(xattrs));
  }

  InodeId Leaf() {
    InodeId id = 0;
    switch (Below(6)) {
      case 0:
        id = maker_.Symlink(std::string(1 + Below(Below(4) == 0 ? 4095 : 60), 't'));
        break;
      case 1: {
        Inode device;
        device.mode = S_IFCHR | 0600;
        device.rdev = MakeDevice(Below(4096), Below(1 << 20));
        id = maker_.tree.Add(device);
        break;
      }
      default:
        id = maker_.File(std::string(Below(5) == 0 ? 0 : Below(20000), 'd'), Below(010000));
    }
    Attributes(maker_.tree.inode(id));
    leaves_.push_back(id);
    return id;
  }

  void Build() {
    std::vector<InodeId> directories{kRoot};
    for (size_t next = 0; next < directories.size(); ++next) {
      std::map<std::string, InodeId> entries;
      for (uint32_t i = Below(Below(5) == 0 ? 300 : 12); i > 0; --i) {
        std::string name = Name();
        if (entries.count(name) != 0) continue;
        if (Below(4) == 0 && directories.size() < 40) {
          directories.push_back(maker_.Directory(Below(010000)));
          Attributes(maker_.tree.inode(directories.back()));
          entries[name] = directories.back();
        } else if (Below(5) == 0 && !leaves_.empty()) {
          entries[name] = leaves_[Below(static_cast<uint32_t>(leaves_.size()))];
        } else {
          entries[name] = Leaf();
        }
      }
      const std::vector<std::pair<absl::string_view, InodeId>> list(entries.begin(), entries.end());
      ASSERT_TRUE(maker_.tree.SetEntries(directories[next], list).ok());
    }
  }

  std::mt19937 random_;
  TreeMaker maker_;
  std::vector<InodeId> leaves_;
};

void ExpectSameInode(const Tree& a, const Inode& x, const Tree& b, const Inode& y) {
  EXPECT_EQ(x.mode, y.mode);
  EXPECT_EQ(x.uid, y.uid);
  EXPECT_EQ(x.gid, y.gid);
  EXPECT_EQ(x.mtime, y.mtime);
  EXPECT_EQ(x.mtime_nsec, y.mtime_nsec);
  EXPECT_EQ(x.links, y.links);
  EXPECT_EQ(x.rdev, y.rdev);
  EXPECT_EQ(a.xattrs().Get(x.xattrs), b.xattrs().Get(y.xattrs));
  if (x.IsRegular()) {
    EXPECT_EQ(x.size, y.size);
  }
  if (x.IsSymlink()) {
    EXPECT_EQ(a.Target(x), b.Target(y));
  }
}

TEST_P(RandomTree, ComesBackWhole) {
  const absl::StatusOr<Bytes> image = maker_.Write();
  ASSERT_TRUE(image.ok()) << image.status();
  const absl::StatusOr<Tree> read = ReadTree(ReadFrom(*image), image->size());
  ASSERT_TRUE(read.ok()) << read.status();
  std::map<std::string, InodeId> written_paths;
  WalkTree(maker_.tree, [&](InodeId id, InodeId, absl::string_view path) {
    written_paths[std::string(path)] = id;
  });
  std::map<InodeId, InodeId> same;
  size_t seen = 0;
  WalkTree(*read, [&](InodeId id, InodeId, absl::string_view path) {
    ++seen;
    const auto written = written_paths.find(std::string(path));
    ASSERT_NE(written, written_paths.end()) << path;
    const Inode& x = maker_.tree.inode(written->second);
    const Inode& y = read->inode(id);
    ExpectSameInode(maker_.tree, x, *read, y);
    // One inode for one inode: hard links are kept, and none is made.
    EXPECT_EQ(same.emplace(written->second, id).first->second, id) << path;
    if (x.IsRegular()) {
      EXPECT_EQ(AsText(ByteView(*image).subspan(y.data, y.size)), maker_.contents[written->second]);
    }
  });
  EXPECT_EQ(seen, written_paths.size());
}

TEST_P(RandomTree, NothingLiesOnTopOfAnythingElse) {
  const absl::StatusOr<ImagePlan> plan = Plan(maker_.tree);
  ASSERT_TRUE(plan.ok());
  uint64_t block = plan->metadata_bytes / kBlockBytes;
  DataClass last = DataClass::kUseful;
  std::map<InodeId, DataClass> classes;
  WalkTree(maker_.tree, [&](InodeId id, InodeId, absl::string_view path) {
    classes.emplace(id, ClassOf(path));  // the first name counts
  });
  for (const InodeId id : plan->files) {
    EXPECT_EQ(plan->blocks[id], block) << "files follow each other without gaps";
    block += (maker_.tree.inode(id).size + kBlockBytes - 1) / kBlockBytes;
    EXPECT_GE(classes[id], last);
    last = classes[id];
  }
  EXPECT_EQ(plan->total_bytes, block * kBlockBytes);
  uint32_t nid = kBlockBytes / kSlotBytes - 1;
  for (const InodeId id : plan->inodes) {
    EXPECT_GT(plan->nids[id], nid);
    nid = plan->nids[id];
  }
  EXPECT_EQ(plan->nids[kRoot], kBlockBytes / kSlotBytes);
  EXPECT_LE(uint64_t{nid} * kSlotBytes, plan->metadata_bytes);
}

TEST_P(RandomTree, WritingAgainGivesTheSame) {
  const absl::StatusOr<Bytes> first = maker_.Write();
  const absl::StatusOr<Bytes> second = maker_.Write();
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(*first, *second);
  // What was read back and written again is the same image too: nothing depends on inode ids.
  absl::StatusOr<Tree> read = ReadTree(ReadFrom(*first), first->size());
  ASSERT_TRUE(read.ok());
  const absl::StatusOr<ImagePlan> plan = Plan(*read);
  ASSERT_TRUE(plan.ok());
  MemorySink sink;
  ASSERT_TRUE(EmitMetadata(*read, *plan, sink).ok());
  EXPECT_TRUE(sink.bytes.size() <= first->size() &&
              std::equal(sink.bytes.begin(), sink.bytes.end(), first->begin()));
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomTree, testing::Range(0u, 40u));

}  // namespace
}  // namespace floe::erofs
