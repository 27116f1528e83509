// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "erofs/xattr_layout.h"
#include "test/unit/erofs/image_helper.h"

namespace floe::erofs {
namespace {

// One file for each set, through writer and reader.
void ExpectRoundTrip(const std::vector<Xattrs>& sets) {
  TreeMaker maker;
  std::vector<std::pair<absl::string_view, InodeId>> entries;
  std::vector<std::string> names;
  for (size_t i = 0; i < sets.size(); ++i) names.push_back("f" + std::to_string(i));
  for (size_t i = 0; i < sets.size(); ++i) {
    const InodeId file = maker.File("x");
    maker.tree.inode(file).xattrs = maker.tree.xattrs().Intern(sets[i]);
    entries.emplace_back(names[i], file);
  }
  ASSERT_TRUE(maker.tree.SetEntries(kRoot, std::move(entries)).ok());
  const absl::StatusOr<Bytes> image = maker.Write();
  ASSERT_TRUE(image.ok()) << image.status();
  const absl::StatusOr<Tree> tree = ReadTree(ReadFrom(*image), image->size());
  ASSERT_TRUE(tree.ok()) << tree.status();
  for (size_t i = 0; i < sets.size(); ++i) {
    EXPECT_EQ(tree->xattrs().Get(tree->inode(*tree->Find(names[i])).xattrs), sets[i]) << i;
  }
}

TEST(Xattrs, RoundTripAloneSharedAndBig) {
  const std::string big(kXattrValueMax, 'b');
  ExpectRoundTrip({{},
                   {{"user.own", "1"}},
                   {{"user.common", "c"}, {"user.own", "2"}},
                   {{"user.common", "c"}},
                   {{"security.capability", std::string("\1\0\0\2", 4)}},
                   {{"system.posix_acl_access", "a"}, {"system.posix_acl_default", "d"}},
                   {{"user.big", big}},
                   {{"user.big", big}, {"user.empty", ""}}});
}

TEST(Xattrs, ManyOfOneFile) {
  Xattrs many;
  for (int i = 100; i < 700; ++i) many.emplace_back("user.n" + std::to_string(i), "v");
  Xattrs long_values;
  for (int i = 100; i < 400; ++i) {
    long_values.emplace_back("user.n" + std::to_string(i), std::string(1100, 'a'));
  }
  ExpectRoundTrip({many, long_values});
}

TEST(Xattrs, SharedOnesLieOnce) {
  TreeMaker maker;
  const XattrsId a = maker.tree.xattrs().Intern({{"user.c", std::string(500, 'c')}});
  const XattrsId b =
      maker.tree.xattrs().Intern({{"user.c", std::string(500, 'c')}, {"user.d", "1"}});
  std::vector<std::pair<absl::string_view, InodeId>> entries;
  constexpr absl::string_view kNames = "0123456789";
  for (size_t i = 0; i < kNames.size(); ++i) {
    entries.emplace_back(kNames.substr(i, 1), maker.File(""));
    maker.tree.inode(entries.back().second).xattrs = i % 2 == 0 ? a : b;
  }
  ASSERT_TRUE(maker.tree.SetEntries(kRoot, std::move(entries)).ok());
  const absl::StatusOr<XattrLayout> layout = LayXattrs(maker.tree);
  ASSERT_TRUE(layout.ok());
  // The entry head, "c", the value; then user.d, which five inodes have.
  EXPECT_EQ(layout->shared.size(), 508u + 8u);
  EXPECT_EQ(layout->bodies[a].size(), 12u + 4u);
  EXPECT_EQ(layout->bodies[b].size(), 12u + 8u);
}

TEST(Xattrs, RefusesWhatErofsCannotHold) {
  const std::vector<Xattrs> sets = {{{"user.big", std::string(65536, 'b')}},
                                    {{"system.other", "x"}},
                                    {{"nothing", "x"}},
                                    {{"user.", "x"}},
                                    {{"user." + std::string(256, 'n'), "x"}}};
  for (const Xattrs& set : sets) {
    TreeMaker maker;
    maker.tree.inode(kRoot).xattrs = maker.tree.xattrs().Intern(set);
    const absl::Status status = Plan(maker.tree).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_NE(status.message().find(set[0].first.substr(0, 200)), absl::string_view::npos);
  }
}

TEST(Xattrs, RefusesMoreThanAnInodeCanCarry) {
  TreeMaker maker;
  Xattrs many;
  for (int i = 0; i < 700; ++i) {
    many.emplace_back("user.n" + std::to_string(i), std::string(1000, 'a'));
  }
  maker.tree.inode(kRoot).xattrs = maker.tree.xattrs().Intern(many);
  EXPECT_TRUE(absl::IsInvalidArgument(Plan(maker.tree).status()));
}

TEST(Xattrs, NamesHavePrefixes) {
  absl::string_view rest;
  EXPECT_EQ(XattrNameIndex("user.a.b", &rest), 1);
  EXPECT_EQ(rest, "a.b");
  EXPECT_EQ(XattrNameIndex("system.posix_acl_access", &rest), 2);
  EXPECT_EQ(rest, "");
  EXPECT_EQ(XattrNameIndex("security.x", &rest), 6);
  EXPECT_EQ(XattrNameIndex("system.posix_acl_accessx", &rest), 0);
  EXPECT_EQ(XattrPrefix(4), "trusted.");
  EXPECT_EQ(XattrPrefix(99), "");
}

}  // namespace
}  // namespace floe::erofs
