// SPDX-License-Identifier: Apache-2.0
#include "converter/flatten/lower_links.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/file.h"
#include "converter/flatten/merge.h"

namespace floe::converter {
namespace {

class LowerLinksTest : public testing::Test {
 protected:
  // Layers bottom first; each call adds one.
  LayerBuilder& NewLayer() {
    spools_.push_back(*Spool::Create(directory_.path()));
    layers_.push_back(std::make_unique<LayerBuilder>(layers_.empty(), *spools_.back()));
    names_.push_back("layer" + std::to_string(names_.size()));
    return *layers_.back();
  }
  static void Add(LayerBuilder& layer, TarType type, const std::string& name,
                  const std::string& link = "", uint32_t mode = 0755, uint32_t uid = 0) {
    TarEntry entry;
    entry.type = type;
    entry.name = name;
    entry.link = link;
    entry.mode = mode;
    entry.uid = uid;
    ASSERT_TRUE(layer.Add(entry, 65536).ok()) << name;
  }
  static void Dir(LayerBuilder& layer, const std::string& name, uint32_t mode = 0755) {
    Add(layer, TarType::kDirectory, name, "", mode);
  }
  static void File(LayerBuilder& layer, const std::string& name) {
    Add(layer, TarType::kRegular, name, "", 0644);
  }
  erofs::Tree Merge() {
    absl::StatusOr<erofs::Tree> tree = MergeLayers(layers_, names_);
    EXPECT_TRUE(tree.ok()) << tree.status();
    return *std::move(tree);
  }
  static uint32_t Mode(const erofs::Tree& tree, absl::string_view path) {
    const absl::StatusOr<erofs::InodeId> id = tree.Find(path);
    return id.ok() ? tree.inode(*id).mode & 07777u : 0;
  }

  TempDir directory_ = *TempDir::Create();
  std::vector<std::unique_ptr<Spool>> spools_;
  std::vector<std::unique_ptr<LayerBuilder>> layers_;
  std::vector<std::string> names_;
};

TEST_F(LowerLinksTest, TheNearestLayerGivesTheAttributes) {
  Dir(NewLayer(), "d", 0700);
  Dir(NewLayer(), "d", 0711);
  File(NewLayer(), "other");
  File(NewLayer(), "d/f");
  EXPECT_EQ(Mode(Merge(), "d"), 0711u);
}

TEST_F(LowerLinksTest, InheritedAttributesAreInheritedOn) {
  Dir(NewLayer(), "d", 0700);
  File(NewLayer(), "d/f");
  File(NewLayer(), "d/g");
  EXPECT_EQ(Mode(Merge(), "d"), 0700u);
}

TEST_F(LowerLinksTest, AFileInALowerLayerEndsTheSearch) {
  Dir(NewLayer(), "d", 0700);
  File(NewLayer(), "d");
  File(NewLayer(), "d/f");
  EXPECT_EQ(Mode(Merge(), "d"), 0755u);
}

TEST_F(LowerLinksTest, SymlinksOfTheLowerLayerAreFollowed) {
  LayerBuilder& base = NewLayer();
  Dir(base, "real", 0750);
  Add(base, TarType::kSymlink, "way", "real");
  File(NewLayer(), "way/f");
  const erofs::Tree tree = Merge();
  EXPECT_EQ(Mode(tree, "way"), 0750u) << "a directory now, with what the link led to";
  EXPECT_TRUE(tree.Find("way/f").ok());
}

TEST_F(LowerLinksTest, AListedDirectoryInheritsNothing) {
  Dir(NewLayer(), "d", 0700);
  LayerBuilder& top = NewLayer();
  Dir(top, "d", 0711);
  File(top, "d/f");
  EXPECT_EQ(Mode(Merge(), "d"), 0711u);
}

TEST_F(LowerLinksTest, LinksFindWhatTheOverlayShows) {
  LayerBuilder& base = NewLayer();
  Dir(base, "d");
  File(base, "d/old");
  File(base, "d/kept");
  LayerBuilder& middle = NewLayer();
  File(middle, "d/old");
  LayerBuilder& top = NewLayer();
  Add(top, TarType::kHardLink, "to-old", "d/old");
  Add(top, TarType::kHardLink, "to-kept", "d/kept");
  const erofs::Tree tree = Merge();
  EXPECT_EQ(*tree.Find("to-old"), *tree.Find("d/old"));
  EXPECT_EQ(DataLayer(tree.inode(*tree.Find("to-old")).data), 1u);
  EXPECT_EQ(*tree.Find("to-kept"), *tree.Find("d/kept"));
  EXPECT_EQ(DataLayer(tree.inode(*tree.Find("to-kept")).data), 0u);
}

TEST_F(LowerLinksTest, LinksOverSeveralLayersAreOneFile) {
  File(NewLayer(), "a");
  Add(NewLayer(), TarType::kHardLink, "b", "a");
  LayerBuilder& third = NewLayer();
  Add(third, TarType::kHardLink, "c", "b", 0600, 9);
  Add(third, TarType::kHardLink, "d", "c", 0640, 10);
  const erofs::Tree tree = Merge();
  for (const char* name : {"b", "c", "d"}) EXPECT_EQ(*tree.Find("a"), *tree.Find(name)) << name;
  EXPECT_EQ(Mode(tree, "a"), 0640u);
  EXPECT_EQ(tree.inode(*tree.Find("a")).uid, 10u);
}

TEST_F(LowerLinksTest, HiddenTargetsAreMissing) {
  LayerBuilder& base = NewLayer();
  Dir(base, "d");
  File(base, "d/f");
  File(base, "e");
  LayerBuilder& middle = NewLayer();
  File(middle, ".wh.e");
  File(middle, "d/.wh..wh..opq");
  for (const char* target : {"e", "d/f", "nowhere", "d"}) {
    layers_.resize(2);
    spools_.resize(2);
    names_.resize(2);
    Add(NewLayer(), TarType::kHardLink, "link", target);
    const absl::Status status = MergeLayers(layers_, names_).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << target;
    EXPECT_NE(status.message().find("layer2"), absl::string_view::npos) << status;
    EXPECT_NE(status.message().find("link"), absl::string_view::npos) << status;
  }
}

TEST_F(LowerLinksTest, ALinkThatIsReplacedNeedsNoTarget) {
  File(NewLayer(), "a");
  LayerBuilder& top = NewLayer();
  Add(top, TarType::kHardLink, "link", "nowhere");
  File(top, "link");
  EXPECT_TRUE(Merge().Find("link").ok());
}

TEST_F(LowerLinksTest, LinkedFilesKeepTheirXattrsButNotTheirCapabilities) {
  LayerBuilder& base = NewLayer();
  TarEntry file;
  file.name = "f";
  file.xattrs = {{"user.a", "1"}, {"security.capability", "c"}};
  ASSERT_TRUE(base.Add(file, 65536).ok());
  LayerBuilder& top = NewLayer();
  TarEntry link;
  link.type = TarType::kHardLink;
  link.name = "l";
  link.link = "f";
  link.xattrs = {{"user.b", "2"}};
  ASSERT_TRUE(top.Add(link, 65536).ok());
  const erofs::Tree tree = Merge();
  EXPECT_EQ(tree.xattrs().Get(tree.inode(*tree.Find("f")).xattrs),
            (erofs::Xattrs{{"user.a", "1"}, {"user.b", "2"}}));
}

TEST_F(LowerLinksTest, IdsFollowTheNamesNotTheOrderOfEntries) {
  LayerBuilder& layer = NewLayer();
  for (const char* name : {"z", "a", "m"}) File(layer, name);
  const erofs::Tree tree = Merge();
  EXPECT_LT(*tree.Find("a"), *tree.Find("m"));
  EXPECT_LT(*tree.Find("m"), *tree.Find("z"));
}

TEST(DataPlace, HoldsLayerAndOffset) {
  const uint64_t place = MakeDataPlace(65535, (uint64_t{1} << 48) - 4096);
  EXPECT_EQ(DataLayer(place), 65535u);
  EXPECT_EQ(DataOffset(place), (uint64_t{1} << 48) - 4096);
}

}  // namespace
}  // namespace floe::converter
