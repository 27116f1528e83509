// SPDX-License-Identifier: Apache-2.0
// One layer's entries. That containerd agrees is property/equality_test.py; here is what floe does
// where containerd cannot be asked, and each rule by itself.
#include "converter/flatten/layer_builder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/file.h"

namespace floe::converter {
namespace {

class LayerBuilderTest : public testing::Test {
 protected:
  TarEntry Entry(TarType type, const std::string& name) {
    TarEntry entry;
    entry.type = type;
    entry.name = name;
    entry.mode = type == TarType::kDirectory ? 0755 : 0644;
    return entry;
  }
  absl::Status Add(LayerBuilder& builder, const TarEntry& entry) {
    return builder.Add(entry, 65536).status();
  }
  absl::Status File(LayerBuilder& builder, const std::string& name) {
    return Add(builder, Entry(TarType::kRegular, name));
  }
  absl::Status Dir(LayerBuilder& builder, const std::string& name, uint32_t mode = 0755) {
    TarEntry entry = Entry(TarType::kDirectory, name);
    entry.mode = mode;
    return Add(builder, entry);
  }
  absl::Status Link(LayerBuilder& builder, const std::string& name, const std::string& target) {
    TarEntry entry = Entry(TarType::kHardLink, name);
    entry.link = target;
    return Add(builder, entry);
  }
  // kNoNode when there is nothing.
  NodeId Find(LayerBuilder& builder, absl::string_view path) {
    const absl::StatusOr<LayerTree::Place> place = builder.tree().Resolve(path, false);
    return place.ok() && place->missing.empty() ? place->node : kNoNode;
  }
  erofs::Inode& InodeAt(LayerBuilder& builder, absl::string_view path) {
    return builder.tree().inode(builder.tree().InodeOf(Find(builder, path)));
  }
  // Whether the layer hides the name of a lower one.
  bool Hides(LayerBuilder& builder, absl::string_view name) {
    const NodeId node = builder.tree().Child(kRootNode, name);
    return node != kNoNode && builder.tree().Has(node, kWhiteout);
  }

  TempDir directory_ = *TempDir::Create();
  std::unique_ptr<Spool> spool_ = *Spool::Create(directory_.path());
  LayerBuilder bottom_{true, *spool_};
  LayerBuilder upper_{false, *spool_};
};

TEST_F(LayerBuilderTest, TellsWhetherDataFollows) {
  EXPECT_TRUE(*bottom_.Add(Entry(TarType::kRegular, "f"), 100));
  EXPECT_FALSE(*bottom_.Add(Entry(TarType::kDirectory, "d"), 100));
  EXPECT_FALSE(*bottom_.Add(Entry(TarType::kGlobalHeader, "g"), 100));
  EXPECT_FALSE(*bottom_.Add(Entry(TarType::kRegular, "d/.wh.x"), 100));
  EXPECT_EQ(Find(bottom_, "g"), kNoNode);
}

TEST_F(LayerBuilderTest, TheRootsEntryGivesItsTimeOnly) {
  TarEntry entry = Entry(TarType::kDirectory, "./");
  entry.mode = 0700;
  entry.uid = 5;
  entry.mtime = 77;
  ASSERT_TRUE(Add(bottom_, entry).ok());
  EXPECT_EQ(InodeAt(bottom_, "").mode, S_IFDIR | 0755);
  EXPECT_EQ(InodeAt(bottom_, "").uid, 0u);
  EXPECT_EQ(InodeAt(bottom_, "").mtime, 77);
}

TEST_F(LayerBuilderTest, ParentsThatNobodyListsAreMade) {
  ASSERT_TRUE(File(bottom_, "a/b/f").ok());
  EXPECT_EQ(InodeAt(bottom_, "a/b").mode, S_IFDIR | 0755);
  EXPECT_TRUE(bottom_.tree().Has(Find(bottom_, "a/b"), kImplicit));
  ASSERT_TRUE(Dir(bottom_, "a/b", 0700).ok());
  EXPECT_FALSE(bottom_.tree().Has(Find(bottom_, "a/b"), kImplicit));
  EXPECT_NE(Find(bottom_, "a/b/f"), kNoNode) << "what was in it stays";
  ASSERT_TRUE(File(upper_, "a/f").ok());
  EXPECT_TRUE(upper_.tree().Has(Find(upper_, "a"), kInherits));
}

TEST_F(LayerBuilderTest, SetGroupIdDirectoriesGiveTheirGroup) {
  TarEntry entry = Entry(TarType::kDirectory, "g");
  entry.mode = 02775;
  entry.gid = 7;
  ASSERT_TRUE(Add(bottom_, entry).ok());
  ASSERT_TRUE(File(bottom_, "g/made/f").ok());
  EXPECT_EQ(InodeAt(bottom_, "g/made").gid, 7u);
  EXPECT_EQ(InodeAt(bottom_, "g/made").mode, S_IFDIR | 0755);
  EXPECT_EQ(InodeAt(bottom_, "g/made/f").gid, 0u);
}

TEST_F(LayerBuilderTest, TheLaterEntryWins) {
  ASSERT_TRUE(File(bottom_, "x").ok());
  ASSERT_TRUE(Dir(bottom_, "x").ok());
  ASSERT_TRUE(File(bottom_, "x/in").ok());
  ASSERT_TRUE(File(bottom_, "x").ok());
  EXPECT_TRUE(InodeAt(bottom_, "x").IsRegular());
}

TEST_F(LayerBuilderTest, DirectoriesListedTwiceKeepTheirXattrs) {
  TarEntry entry = Entry(TarType::kDirectory, "d");
  entry.xattrs = {{"user.a", "1"}, {"user.b", "1"}};
  ASSERT_TRUE(Add(bottom_, entry).ok());
  entry.xattrs = {{"user.b", "2"}};
  ASSERT_TRUE(Add(bottom_, entry).ok());
  EXPECT_EQ(bottom_.tree().xattrs().Get(InodeAt(bottom_, "d").xattrs),
            (erofs::Xattrs{{"user.a", "1"}, {"user.b", "2"}}));
}

TEST_F(LayerBuilderTest, WhiteoutsInTheLowestLayerRemove) {
  ASSERT_TRUE(File(bottom_, "d/f").ok());
  ASSERT_TRUE(File(bottom_, "d/.wh.f").ok());
  EXPECT_EQ(Find(bottom_, "d/f"), kNoNode);
  ASSERT_TRUE(File(bottom_, ".wh.never").ok());
  EXPECT_FALSE(Hides(bottom_, "never"));
}

TEST_F(LayerBuilderTest, WhiteoutsAboveHide) {
  ASSERT_TRUE(File(upper_, ".wh.f").ok());
  EXPECT_TRUE(Hides(upper_, "f"));
  ASSERT_TRUE(File(upper_, "f").ok());
  EXPECT_FALSE(Hides(upper_, "f")) << "replaced by the later entry";
  TarEntry device = Entry(TarType::kCharDevice, "null");
  ASSERT_TRUE(Add(upper_, device).ok());
  EXPECT_TRUE(Hides(upper_, "null")) << "a device 0:0 is a whiteout";
}

// containerd fails on these; the specification says that whiteouts hide lower layers only.
TEST_F(LayerBuilderTest, WhiteoutsNeverHideTheirOwnLayer) {
  ASSERT_TRUE(File(upper_, "f").ok());
  ASSERT_TRUE(File(upper_, ".wh.f").ok());
  EXPECT_NE(Find(upper_, "f"), kNoNode);
  ASSERT_TRUE(Dir(upper_, "d").ok());
  ASSERT_TRUE(File(upper_, ".wh.d").ok());
  EXPECT_TRUE(upper_.tree().Has(Find(upper_, "d"), kOpaque));
  ASSERT_TRUE(File(upper_, ".wh.e").ok());
  ASSERT_TRUE(File(upper_, "e/x").ok());
  EXPECT_TRUE(upper_.tree().Has(Find(upper_, "e"), kOpaque));
  EXPECT_FALSE(upper_.tree().Has(Find(upper_, "e"), kInherits));
}

TEST_F(LayerBuilderTest, OpaqueMarkers) {
  ASSERT_TRUE(File(upper_, "d/.wh..wh..opq").ok());
  EXPECT_TRUE(upper_.tree().Has(Find(upper_, "d"), kOpaque));
  ASSERT_TRUE(File(upper_, ".wh..wh..opq").ok());
  EXPECT_FALSE(upper_.tree().Has(kRootNode, kOpaque)) << "overlayfs does not look for it there";
  ASSERT_TRUE(File(bottom_, "listed").ok());
  ASSERT_TRUE(File(bottom_, "made/f").ok());
  ASSERT_TRUE(Dir(bottom_, "d").ok());
  ASSERT_TRUE(File(bottom_, "d/made/f").ok());
  ASSERT_TRUE(File(bottom_, ".wh..wh..opq").ok());
  EXPECT_NE(Find(bottom_, "listed"), kNoNode);
  EXPECT_EQ(Find(bottom_, "made"), kNoNode) << "removed as containerd does";
  EXPECT_EQ(Find(bottom_, "d/made"), kNoNode);
}

TEST_F(LayerBuilderTest, HardLinksTouchTheFile) {
  TarEntry file = Entry(TarType::kRegular, "f");
  file.mode = 0600;
  file.xattrs = {{"security.capability", "c"}, {"user.a", "1"}};
  ASSERT_TRUE(Add(bottom_, file).ok());
  TarEntry link = Entry(TarType::kHardLink, "l");
  link.link = "/f";
  link.mode = 04755;
  link.uid = 3;
  link.mtime = 9;
  ASSERT_TRUE(Add(bottom_, link).ok());
  const erofs::Inode& inode = InodeAt(bottom_, "f");
  EXPECT_EQ(bottom_.tree().InodeOf(Find(bottom_, "f")), bottom_.tree().InodeOf(Find(bottom_, "l")));
  EXPECT_EQ(inode.mode, S_IFREG | 04755);
  EXPECT_EQ(inode.uid, 3u);
  EXPECT_EQ(inode.mtime, 9);
  EXPECT_EQ(bottom_.tree().xattrs().Get(inode.xattrs), (erofs::Xattrs{{"user.a", "1"}}))
      << "chown drops capabilities";
}

TEST_F(LayerBuilderTest, HardLinksGoToSymlinksThemselves) {
  TarEntry symlink = Entry(TarType::kSymlink, "s");
  symlink.link = "f";
  ASSERT_TRUE(File(bottom_, "f").ok());
  ASSERT_TRUE(Add(bottom_, symlink).ok());
  ASSERT_TRUE(Link(bottom_, "t", "s").ok());
  EXPECT_TRUE(InodeAt(bottom_, "t").IsSymlink());
  EXPECT_EQ(InodeAt(bottom_, "t").mode, S_IFLNK | 0777);
}

TEST_F(LayerBuilderTest, LinksToLowerLayersAreLeftToTheMerge) {
  ASSERT_TRUE(Link(upper_, "l", "./low/f").ok());
  ASSERT_EQ(upper_.lower_links().size(), 1u);
  EXPECT_EQ(upper_.lower_links()[0].target, "low/f");
}

TEST_F(LayerBuilderTest, RefusesWhatNoImageMayHold) {
  ASSERT_TRUE(File(bottom_, "f").ok());
  ASSERT_TRUE(Dir(bottom_, "d").ok());
  const auto refused = [&](const absl::Status& status, absl::string_view words) {
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_NE(status.message().find(words), absl::string_view::npos) << status;
  };
  refused(File(bottom_, "../x"), "leads out of the image");
  refused(File(bottom_, "/d/../../x"), "leads out of the image");
  refused(Link(bottom_, "l", "../../etc/passwd"), "hard link leads out of the image");
  refused(Link(bottom_, "l", "nothing"), "which is not there");
  refused(Link(bottom_, "l", "d"), "hard link to a directory");
  refused(File(bottom_, "f/x"), "f is not a directory");
  refused(File(bottom_, std::string(256, 'n')), "its name has 256 bytes");
  refused(File(bottom_, std::string(256, 'n') + "/f"), "a name of 256 bytes");
  refused(File(bottom_, std::string("a\0b", 3)), "NUL");
  refused(File(bottom_, std::string(70000, 'n')), "its path has 70000 bytes");
  refused(File(bottom_, ".wh."), "whiteout of no name");
  refused(File(bottom_, "d/.wh..."), "whiteout of no name");
  TarEntry symlink = Entry(TarType::kSymlink, "s");
  refused(Add(bottom_, symlink), "a symlink of 0 bytes");
  symlink.link = std::string(4096, 't');
  refused(Add(bottom_, symlink), "a symlink of 4096 bytes");
  TarEntry big = Entry(TarType::kRegular, "big");
  big.xattrs = {{"user.big", std::string(65536, 'b')}};
  refused(Add(bottom_, big), "xattr user.big has 65536 bytes");
}

}  // namespace
}  // namespace floe::converter
