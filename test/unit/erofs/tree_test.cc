// SPDX-License-Identifier: Apache-2.0
#include "erofs/tree.h"

#include <gtest/gtest.h>

#include "erofs/walk.h"
#include "test/unit/erofs/image_helper.h"

namespace floe::erofs {
namespace {

TEST(XattrTable, KeepsEqualSetsOnce) {
  XattrTable table;
  EXPECT_EQ(table.Intern({}), 0u);
  const XattrsId a = table.Intern({{"user.b", "2"}, {"user.a", "1"}});
  EXPECT_EQ(table.Intern({{"user.a", "1"}, {"user.b", "2"}}), a);
  EXPECT_NE(table.Intern({{"user.a", "1"}}), a);
  EXPECT_EQ(table.Get(a)[0].first, "user.a");
  EXPECT_EQ(table.bytes(), 2 * 7u + 7u);
}

TEST(XattrTable, TheLastOfEqualNamesCounts) {
  XattrTable table;
  const XattrsId id = table.Intern({{"user.a", "old"}, {"user.b", "x"}, {"user.a", "new"}});
  EXPECT_EQ(table.Get(id), (Xattrs{{"user.a", "new"}, {"user.b", "x"}}));
}

TEST(XattrTable, NamesAndValuesDoNotRunIntoEachOther) {
  XattrTable table;
  EXPECT_NE(table.Intern({{"user.a", "b"}, {"user.c", ""}}),
            table.Intern({{"user.a", ""}, {"user.bc", ""}}));
}

TEST(Tree, FindsByPathInByteOrder) {
  TreeMaker maker;
  const InodeId directory = maker.Directory();
  const InodeId file = maker.File("x");
  ASSERT_TRUE(maker.tree.SetEntries(directory, {{"\xff", file}, {"a", file}, {"B", file}}).ok());
  ASSERT_TRUE(maker.tree.SetEntries(kRoot, {{"d", directory}, {"f", file}}).ok());
  EXPECT_EQ(*maker.tree.Find(""), kRoot);
  EXPECT_EQ(*maker.tree.Find("d"), directory);
  EXPECT_EQ(*maker.tree.Find("d/a"), file);
  EXPECT_TRUE(absl::IsNotFound(maker.tree.Find("d/b").status()));
  EXPECT_TRUE(absl::IsNotFound(maker.tree.Find("f/x").status()));
  const Inode& inode = maker.tree.inode(directory);
  EXPECT_EQ(maker.tree.Name(*maker.tree.begin(inode)), "B");
  EXPECT_EQ(maker.tree.Name(*(maker.tree.end(inode) - 1)), "\xff");
}

TEST(Tree, RefusesWhatIsNoName) {
  const std::string names[] = {"", ".", "..", "a/b", std::string("a\0b", 3), std::string(256, 'n')};
  for (const std::string& name : names) {
    TreeMaker maker;
    const InodeId file = maker.File("");
    const absl::Status status = maker.tree.SetEntries(kRoot, {{name, file}});
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << name;
  }
  TreeMaker maker;
  const InodeId file = maker.File("");
  EXPECT_TRUE(absl::IsInvalidArgument(maker.tree.SetEntries(kRoot, {{"a", file}, {"a", file}})));
}

TEST(Tree, CountsLinks) {
  TreeMaker maker;
  const InodeId directory = maker.Directory();
  const InodeId file = maker.File("x");
  ASSERT_TRUE(maker.tree.SetEntries(directory, {{"a", file}, {"b", file}}).ok());
  ASSERT_TRUE(maker.tree.SetEntries(kRoot, {{"d", directory}, {"f", file}}).ok());
  maker.tree.CountLinks();
  EXPECT_EQ(maker.tree.inode(file).links, 3u);
  EXPECT_EQ(maker.tree.inode(directory).links, 2u);
  EXPECT_EQ(maker.tree.inode(kRoot).links, 3u);
}

TEST(Arena, KeepsStringsOfAllLengths) {
  Arena arena;
  std::vector<StringRef> refs;
  for (size_t length = 0; length < 700; ++length) {
    refs.push_back(arena.Add(std::string(length * 93, 'a' + static_cast<char>(length % 26))));
  }
  for (size_t length = 0; length < 700; ++length) {
    ASSERT_EQ(arena.Get(refs[length]),
              std::string(length * 93, 'a' + static_cast<char>(length % 26)));
  }
}

TEST(WalkTree, GoesInDirectoryOrderAndGivesEveryName) {
  TreeMaker maker;
  const InodeId a = maker.Directory();
  const InodeId ab = maker.Directory();
  const InodeId file = maker.File("x");
  ASSERT_TRUE(maker.tree.SetEntries(ab, {{"f", file}}).ok());
  ASSERT_TRUE(maker.tree.SetEntries(a, {{"b", ab}, {"a", file}}).ok());
  ASSERT_TRUE(maker.tree.SetEntries(kRoot, {{"a", a}, {"a-b", file}}).ok());
  std::string seen;
  WalkTree(maker.tree, [&](InodeId, InodeId parent, absl::string_view path) {
    seen += std::string(path) + "<" + std::to_string(parent) + " ";
  });
  EXPECT_EQ(seen, "<0 a<0 a/a<1 a/b<1 a/b/f<2 a-b<0 ");
}

}  // namespace
}  // namespace floe::erofs
