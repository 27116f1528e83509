// SPDX-License-Identifier: Apache-2.0
#include "converter/flatten/layer_tree.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

namespace floe::converter {
namespace {

class LayerTreeTest : public testing::Test {
 protected:
  NodeId Dir(NodeId parent, absl::string_view name) {
    erofs::Inode inode;
    inode.mode = S_IFDIR | 0755;
    return tree_.Insert(parent, name, tree_.AddInode(inode), 0);
  }
  NodeId File(NodeId parent, absl::string_view name) {
    erofs::Inode inode;
    inode.mode = S_IFREG | 0644;
    return tree_.Insert(parent, name, tree_.AddInode(inode), 0);
  }
  NodeId Link(NodeId parent, absl::string_view name, absl::string_view target) {
    erofs::Inode inode;
    inode.mode = S_IFLNK | 0777;
    return tree_.Insert(parent, name, tree_.AddSymlink(inode, target), 0);
  }
  // "existing/path + missing/names", or the error.
  std::string Resolve(absl::string_view path, bool follow_last = true) {
    const absl::StatusOr<LayerTree::Place> place = tree_.Resolve(path, follow_last);
    if (!place.ok()) return "error: " + std::string(place.status().message());
    std::string text =
        place->missing.empty() ? tree_.Path(place->node) : tree_.Path(place->directory);
    for (const std::string& name : place->missing) text += " + " + name;
    return text;
  }
  LayerTree tree_;
};

TEST_F(LayerTreeTest, FindsInsertsAndRemoves) {
  const NodeId d = Dir(kRootNode, "d");
  const NodeId e = Dir(d, "e");
  const NodeId f = File(e, "f");
  EXPECT_EQ(tree_.Child(kRootNode, "d"), d);
  EXPECT_EQ(tree_.Child(d, "f"), kNoNode);
  EXPECT_EQ(tree_.Path(f), "d/e/f");
  EXPECT_EQ(tree_.Path(kRootNode), "");
  tree_.Remove(d);
  EXPECT_EQ(tree_.Child(kRootNode, "d"), kNoNode);
  EXPECT_EQ(tree_.Child(e, "f"), kNoNode);
  EXPECT_TRUE(tree_.Has(f, kRemoved));
  EXPECT_EQ(tree_.FirstChild(kRootNode), kNoNode);
  EXPECT_NE(Dir(kRootNode, "d"), d) << "ids are not used again";
}

TEST_F(LayerTreeTest, RemovesFromAnyPlaceAmongSiblings) {
  for (int gone = 0; gone < 3; ++gone) {
    const NodeId d = Dir(kRootNode, "d" + std::to_string(gone));
    std::vector<NodeId> files;
    for (const char* name : {"a", "b", "c"}) files.push_back(File(d, name));
    tree_.Remove(files[static_cast<size_t>(gone)]);
    int left = 0;
    for (NodeId n = tree_.FirstChild(d); n != kNoNode; n = tree_.NextSibling(n)) ++left;
    EXPECT_EQ(left, 2);
  }
}

TEST_F(LayerTreeTest, DeepTreesNeedNoDeepStack) {
  NodeId at = kRootNode;
  NodeId top = kNoNode;
  for (int i = 0; i < 300000; ++i) {
    at = Dir(at, "d");
    if (i == 0) top = at;
  }
  tree_.Remove(top);
  EXPECT_TRUE(tree_.Has(at, kRemoved));
}

TEST_F(LayerTreeTest, ResolvesWhatIsThereAndWhatIsNot) {
  File(Dir(Dir(kRootNode, "a"), "b"), "f");
  EXPECT_EQ(Resolve(""), "");
  EXPECT_EQ(Resolve("a/b/f"), "a/b/f");
  EXPECT_EQ(Resolve("a//./b/"), "a/b");
  EXPECT_EQ(Resolve("a/x/y"), "a + x + y");
  EXPECT_EQ(Resolve("a/b/f/g"), "error: a/b/f is not a directory");
}

TEST_F(LayerTreeTest, FollowsSymlinksInsideTheRoot) {
  const NodeId a = Dir(kRootNode, "a");
  File(Dir(a, "b"), "f");
  Link(kRootNode, "rel", "a/b");
  Link(kRootNode, "abs", "/a");
  Link(a, "up", "../../../a");
  Link(kRootNode, "twice", "abs/b");
  Link(kRootNode, "dangling", "not/there");
  Link(kRootNode, "dots", "x/../a");
  EXPECT_EQ(Resolve("rel/f"), "a/b/f");
  EXPECT_EQ(Resolve("abs/b"), "a/b");
  EXPECT_EQ(Resolve("a/up/b"), "a/b");
  EXPECT_EQ(Resolve("twice/f"), "a/b/f");
  EXPECT_EQ(Resolve("dots/b"), "a/b");
  EXPECT_EQ(Resolve("dangling/z"), " + not + there + z");
  EXPECT_EQ(Resolve("rel"), "a/b");
  EXPECT_EQ(Resolve("rel", false), "rel");
  EXPECT_EQ(Resolve("abs/up", false), "a/up");
}

TEST_F(LayerTreeTest, LoopsEnd) {
  Link(kRootNode, "a", "b");
  Link(kRootNode, "b", "a");
  EXPECT_EQ(Resolve("a/x"), "error: a/x: too many symlinks");
  EXPECT_EQ(Resolve("a", false), "a");
}

TEST_F(LayerTreeTest, WhiteoutsAreNotThere) {
  tree_.Insert(kRootNode, "w", kNoInode, kWhiteout);
  EXPECT_EQ(Resolve("w/x"), " + w + x");
  EXPECT_FALSE(tree_.IsDirectory(tree_.Child(kRootNode, "w")));
}

TEST(CleanPath, StaysInsideTheRoot) {
  EXPECT_EQ(*CleanPath("./a//b/./c/"), "a/b/c");
  EXPECT_EQ(*CleanPath("a/../b"), "b");
  EXPECT_EQ(*CleanPath("/etc/x"), "etc/x");
  EXPECT_EQ(*CleanPath("."), "");
  EXPECT_EQ(*CleanPath("a/.."), "");
  for (absl::string_view bad : {"..", "../x", "/../x", "a/../../x", "./../x"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(CleanPath(bad).status())) << bad;
  }
}

}  // namespace
}  // namespace floe::converter
