// SPDX-License-Identifier: Apache-2.0
// Whole images: layers in, bytes out, read back.
#include "converter/flatten/flatten.h"

#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <filesystem>

#include "base/file.h"
#include "base/sha256.h"
#include "test/unit/converter/flatten/packed.h"
#include "test/unit/converter/flatten/tar_maker.h"
#include "test/unit/erofs/image_helper.h"

namespace floe::converter {
namespace {

LayerInput Layer(const std::string& stored, const std::string& name = "sha256:layer") {
  LayerInput layer;
  layer.name = name;
  layer.open = StringStream::Opener(stored);
  return layer;
}

std::string DiffId(const std::string& tar) { return "sha256:" + ToHex(Sha256::Of(AsBytes(tar))); }

class FlattenTest : public testing::Test {
 protected:
  FlattenTest() { options_.work_dir = directory_.path(); }

  // The image, checked to be as long as it says.
  absl::StatusOr<Bytes> Image(const std::vector<std::string>& layers) {
    std::vector<LayerInput> inputs;
    for (const std::string& layer : layers) inputs.push_back(Layer(layer));
    FLOE_ASSIGN_OR_RETURN(flat_, Flatten(std::move(inputs), options_));
    erofs::MemorySink sink;
    FLOE_RETURN_IF_ERROR(flat_->Emit(sink));
    EXPECT_EQ(sink.bytes.size(), flat_->size_bytes());
    EXPECT_EQ(sink.zero_bytes, flat_->stats().zero_bytes);
    return sink.bytes;
  }
  // Every file's path and content, and what else there is, in directory order.
  std::string Listing(const std::vector<std::string>& layers) {
    const absl::StatusOr<Bytes> image = Image(layers);
    if (!image.ok()) return image.status().ToString();
    const absl::StatusOr<erofs::Tree> tree =
        erofs::ReadTree(erofs::ReadFrom(*image), image->size());
    if (!tree.ok()) return tree.status().ToString();
    std::string text;
    List(*tree, erofs::kRoot, "", *image, text);
    return text;
  }
  void List(const erofs::Tree& tree, erofs::InodeId id, const std::string& path, const Bytes& image,
            std::string& text) {
    const erofs::Inode& inode = tree.inode(id);
    for (const erofs::Entry* entry = tree.begin(inode); entry != tree.end(inode); ++entry) {
      const erofs::Inode& child = tree.inode(entry->inode);
      text += path + std::string(tree.Name(*entry));
      if (child.IsRegular()) {
        text += "=" + std::string(AsText(ByteView(image).subspan(child.data, child.size)));
      }
      if (child.IsSymlink()) text += "->" + std::string(tree.Target(child));
      text += child.IsDirectory() ? "/ " : " ";
      if (child.IsDirectory())
        List(tree, entry->inode, path + std::string(tree.Name(*entry)) + "/", image, text);
    }
  }

  TempDir directory_ = *TempDir::Create();
  FlattenOptions options_;
  std::unique_ptr<FlatImage> flat_;
};

TEST_F(FlattenTest, MergesLayersAsAnOverlayDoes) {
  TarMaker base;
  base.Dir("d").File("d/a", "1").File("d/b", "2").Dir("e").File("e/x", "3").File("t", "file");
  base.Dir("o")
      .File("o/low", "4")
      .Symlink("s", "d")
      .Dir("deep")
      .Dir("deep/er")
      .File("deep/er/f", "5");
  TarMaker second;
  second.File("d/.wh.a", "").File("d/b", "new").File(".wh.e", "").Dir("t").File("t/in", "6");
  second.Dir("o").File("o/.wh..wh..opq", "").File("o/high", "7").Symlink("s", "t");
  TarMaker third;
  third.Dir("e").File("e/y", "8").File("deep/er/g", "9").File("o/low2", "10");
  EXPECT_EQ(Listing({Gzip(base.End()), second.End(), Zstd(third.End())}),
            "d/ d/b=new deep/ deep/er/ deep/er/f=5 deep/er/g=9 e/ e/y=8 o/ o/high=7 o/low2=10 "
            "s->t t/ t/in=6 ");
}

TEST_F(FlattenTest, AnImageOfNothing) {
  EXPECT_EQ(Listing({TarMaker().End()}), "");
  EXPECT_EQ(Listing({""}), "");
  EXPECT_EQ(flat_->stats().directories, 1u);
  EXPECT_TRUE(absl::IsInvalidArgument(Flatten({}, options_).status()));
}

TEST_F(FlattenTest, HardLinksReachLowerLayers) {
  TarMaker base;
  base.Dir("d").Add({.name = "d/f", .data = "shared", .mode = 0600});
  TarMaker second;
  second.Add({.name = "l", .type = '1', .link = "d/f", .mode = 0640, .mtime = 5});
  TarMaker third;
  third.HardLink("m", "l").File(".wh.d", "");
  EXPECT_EQ(Listing({base.End(), second.End(), third.End()}), "l=shared m=shared ");
  const absl::StatusOr<Bytes> image = Image({base.End(), second.End()});
  const absl::StatusOr<erofs::Tree> tree = erofs::ReadTree(erofs::ReadFrom(*image), image->size());
  EXPECT_EQ(*tree->Find("d/f"), *tree->Find("l"));
  EXPECT_EQ(tree->inode(*tree->Find("d/f")).mode, S_IFREG | 0640) << "as a link in one layer";
  EXPECT_EQ(tree->inode(*tree->Find("d/f")).links, 2u);
}

TEST_F(FlattenTest, UnlistedParentsTakeWhatLowerLayersSay) {
  TarMaker base;
  base.Add({.name = "d",
            .type = '5',
            .mode = 02750,
            .uid = 3,
            .gid = 4,
            .mtime = 9,
            .pax = {{"SCHILY.xattr.user.low", "1"}}});
  TarMaker second;
  second.File("d/new/f", "x");
  TarMaker third;
  third.File("d/g", "y")
      .Add({.name = "d", .type = '5', .mode = 0700, .pax = {{"SCHILY.xattr.user.high", "2"}}});
  absl::StatusOr<Bytes> image = Image({base.End(), second.End()});
  absl::StatusOr<erofs::Tree> tree = erofs::ReadTree(erofs::ReadFrom(*image), image->size());
  const erofs::Inode& d = tree->inode(*tree->Find("d"));
  EXPECT_EQ(d.mode, S_IFDIR | 02750);
  EXPECT_EQ(d.mtime, 9) << "not the time of the unpack: the same image every time";
  EXPECT_EQ(tree->inode(*tree->Find("d/new")).gid, 4u) << "as mkdir in a set-group-id directory";
  image = Image({base.End(), second.End(), third.End()});
  tree = erofs::ReadTree(erofs::ReadFrom(*image), image->size());
  EXPECT_EQ(tree->xattrs().Get(tree->inode(*tree->Find("d")).xattrs),
            (erofs::Xattrs{{"user.high", "2"}, {"user.low", "1"}}));
  EXPECT_EQ(tree->inode(*tree->Find("d")).mode, S_IFDIR | 0700);
}

// The quirks of containerd that floe does not copy (doc/quirks.md); unlisted-parent is above.
TEST_F(FlattenTest, OldTimesAreKept) {
  TarMaker tar;
  tar.Add({.name = "old", .pax = {{"mtime", "-1.5"}}});
  tar.Add({.name = "late", .pax = {{"mtime", "9999999999.000000001"}}});
  const absl::StatusOr<Bytes> image = Image({tar.End()});
  const absl::StatusOr<erofs::Tree> tree = erofs::ReadTree(erofs::ReadFrom(*image), image->size());
  EXPECT_EQ(tree->inode(*tree->Find("old")).mtime, -2);
  EXPECT_EQ(tree->inode(*tree->Find("old")).mtime_nsec, 500000000u);
  EXPECT_EQ(tree->inode(*tree->Find("late")).mtime, 9999999999);
  EXPECT_EQ(tree->inode(*tree->Find("late")).mtime_nsec, 1u);
}

TEST_F(FlattenTest, HiddenNamesAreNotCountedAsLinks) {
  TarMaker base;
  base.File("a", "x").HardLink("b", "a").HardLink("c", "a");
  TarMaker second;
  second.File(".wh.b", "");
  const absl::StatusOr<Bytes> image = Image({base.End(), second.End()});
  const absl::StatusOr<erofs::Tree> tree = erofs::ReadTree(erofs::ReadFrom(*image), image->size());
  EXPECT_EQ(tree->inode(*tree->Find("a")).links, 2u);
}

TEST_F(FlattenTest, WhiteoutsBesideAnOpaqueMarkerAreHidden) {
  TarMaker base;
  base.Dir("d").File("d/a", "1");
  TarMaker second;
  second.Dir("d").File("d/.wh..wh..opq", "").File("d/.wh.a", "").File("d/b", "2");
  second.Dir("new").File("new/.wh.z", "");
  EXPECT_EQ(Listing({base.End(), second.End()}), "d/ d/b=2 new/ ");
}

TEST_F(FlattenTest, ThreadsChangeNoByte) {
  std::vector<std::string> layers;
  for (int i = 0; i < 6; ++i) {
    TarMaker tar;
    tar.Dir("d" + std::to_string(i % 3));
    for (int f = 0; f < 50; ++f) {
      tar.File(absl::StrCat("d", i % 3, "/f", f), Mixed(static_cast<size_t>(f * 500 + i)));
    }
    layers.push_back(i % 2 == 0 ? Gzip(tar.End()) : Zstd(tar.End()));
  }
  options_.threads = 1;
  const absl::StatusOr<Bytes> one = Image(layers);
  ASSERT_TRUE(one.ok()) << one.status();
  for (const int threads : {2, 3, 8}) {
    options_.threads = threads;
    EXPECT_EQ(*Image(layers), *one) << threads;
  }
}

TEST_F(FlattenTest, EmitGivesTheSameAgain) {
  TarMaker tar;
  tar.File("a", Mixed(3000000)).File("z", std::string(500000, '\0')).File("b", "x");
  const absl::StatusOr<Bytes> first = Image({Gzip(tar.End())});
  ASSERT_TRUE(first.ok());
  erofs::MemorySink again;
  ASSERT_TRUE(flat_->Emit(again).ok());
  EXPECT_EQ(again.bytes, *first);
  EXPECT_GE(flat_->stats().zero_bytes, 499712u) << "long zeros are told, not given";
  erofs::MemorySink failing;
  failing.fail_after = 1 << 20;
  EXPECT_TRUE(absl::IsUnavailable(flat_->Emit(failing)));
}

TEST_F(FlattenTest, CountsWhatItDid) {
  TarMaker tar;
  tar.Dir("d").File("d/f", "12345").HardLink("h", "d/f").Symlink("s", "x");
  tar.Add({.name = "p", .type = '6'});
  std::vector<FlattenProgress> seen;
  options_.progress = [&](const FlattenProgress& progress) { seen.push_back(progress); };
  ASSERT_TRUE(Image({tar.End()}).ok());
  const FlattenStats& stats = flat_->stats();
  EXPECT_EQ(stats.files, 2u) << "names";
  EXPECT_EQ(stats.directories, 2u);
  EXPECT_EQ(stats.symlinks, 1u);
  EXPECT_EQ(stats.others, 1u);
  EXPECT_EQ(stats.data_bytes, 5u);
  EXPECT_EQ(stats.input.entries, 5u);
  EXPECT_EQ(stats.input.unpacked_bytes, tar.End().size());
  EXPECT_EQ(stats.input.compressed_bytes, tar.End().size());
  ASSERT_FALSE(seen.empty());
  EXPECT_EQ(seen.back().layers_done, 1u);
}

TEST_F(FlattenTest, DiffIdsAreCheckedWhenStrict) {
  TarMaker tar;
  tar.File("f", "x");
  const std::string end = tar.End() + std::string(5000, '\0');
  options_.strict = true;
  LayerInput layer = Layer(Gzip(end));
  layer.diff_id = DiffId(end);
  absl::StatusOr<std::unique_ptr<FlatImage>> image = Flatten({layer}, options_);
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ((*image)->stats().diff_ids, std::vector<std::string>{DiffId(end)});
  layer.diff_id = DiffId("another");
  const absl::Status status = Flatten({layer}, options_).status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_NE(status.message().find(DiffId(end)), absl::string_view::npos) << status;
  options_.strict = false;
  EXPECT_TRUE(Flatten({layer}, options_).ok());
}

TEST_F(FlattenTest, ErrorsNameLayerAndEntryAndLeaveNothing) {
  TarMaker good;
  good.File("f", "x");
  TarMaker bad;
  bad.Dir("d").File("d/../../etc/passwd", "x");
  const std::string packed = Gzip(good.End());
  const std::vector<std::pair<std::string, std::string>> cases = {
      {bad.End(), "entry \"d/../../etc/passwd\": its path leads out of the image"},
      {packed.substr(0, packed.size() / 2), "the gzip stream is cut short"},
      {good.tar().substr(0, 700), "the tar is cut short"},
      {std::string(3000, 'x'), "is this a tar?"},
  };
  for (const auto& [stored, words] : cases) {
    for (const int threads : {1, 2}) {
      options_.threads = threads;
      if (words == "the tar is cut short") continue;  // only padding is missing there
      const absl::Status status =
          Flatten({Layer(good.End()), Layer(stored, "sha256:bad")}, options_).status();
      EXPECT_NE(status.message().find("layer sha256:bad"), absl::string_view::npos) << status;
      EXPECT_NE(status.message().find(words), absl::string_view::npos) << status;
      EXPECT_TRUE(std::filesystem::is_empty(directory_.path()));
    }
  }
}

TEST_F(FlattenTest, TheStreamsOwnCheckIsHeard) {
  TarMaker tar;
  tar.File("f", "x");
  LayerInput layer = Layer("");
  layer.open = [&]() -> absl::StatusOr<std::unique_ptr<ByteStream>> {
    return std::make_unique<StringStream>(Gzip(tar.End()), 100, absl::DataLossError("digest"));
  };
  EXPECT_NE(Flatten({layer}, options_).status().message().find("digest"), absl::string_view::npos);
  layer.open = []() -> absl::StatusOr<std::unique_ptr<ByteStream>> {
    return absl::NotFoundError("no such blob");
  };
  EXPECT_TRUE(absl::IsNotFound(Flatten({layer}, options_).status()));
}

TEST_F(FlattenTest, LimitsHold) {
  TarMaker tar;
  for (int i = 0; i < 20; ++i) tar.File(absl::StrCat("f", i), std::string(1000, 'x'));
  const auto code = [&](const std::vector<std::string>& layers) {
    return Image(layers).status().code();
  };
  options_.limits.max_entries = 19;
  EXPECT_EQ(code({tar.End()}), absl::StatusCode::kResourceExhausted);
  options_.limits.max_entries = 20;
  options_.limits.max_unpacked_bytes = 19'999;
  EXPECT_EQ(code({tar.End()}), absl::StatusCode::kResourceExhausted);
  options_.limits.max_unpacked_bytes = 20'000;
  EXPECT_EQ(code({tar.End()}), absl::StatusCode::kOk);
  TarMaker attributes;
  attributes.Add({.name = "a", .pax = {{"SCHILY.xattr.user.a", std::string(100, 'a')}}});
  options_.limits.max_xattr_bytes = 105;
  EXPECT_EQ(code({attributes.End()}), absl::StatusCode::kResourceExhausted);
  options_.limits = {};
  TarMaker hole;
  hole.Add({.name = "hole",
            .data = "0\n" + std::string(510, '\0'),
            .pax = {{"GNU.sparse.major", "1"},
                    {"GNU.sparse.minor", "0"},
                    {"GNU.sparse.realsize", "4611686018427387904"}}});
  EXPECT_EQ(code({hole.End()}), absl::StatusCode::kResourceExhausted);
}

// One header may name thousands of directories, and compresses to next to nothing.
TEST_F(FlattenTest, DirectoriesWithoutAnEntryCountToo) {
  TarMaker tar;
  tar.File("a/b/c/f", "x").File("a/b/c/g", "y");
  options_.limits.max_entries = 5;
  EXPECT_TRUE(Image({tar.End()}).ok());
  options_.limits.max_entries = 4;
  const absl::Status refused = Image({tar.End()}).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_NE(refused.message().find("a/b/c"), std::string::npos) << refused;
}

TEST_F(FlattenTest, CancellingStopsReadingAndWriting) {
  TarMaker tar;
  tar.File("f", Mixed(8 << 20));
  CancelSource cancel;
  options_.cancel = cancel.token();
  options_.progress = [&](const FlattenProgress&) { cancel.Cancel(); };
  EXPECT_TRUE(absl::IsCancelled(Image({tar.End()}).status()));
  EXPECT_TRUE(std::filesystem::is_empty(directory_.path()));
  CancelSource later;
  options_.cancel = later.token();
  options_.progress = nullptr;
  ASSERT_TRUE(Image({tar.End()}).ok());
  later.Cancel();
  erofs::MemorySink sink;
  EXPECT_TRUE(absl::IsCancelled(flat_->Emit(sink)));
}

TEST_F(FlattenTest, AFullDiskIsNamedAndLeavesNothing) {
  if (::mount("floe-test", directory_.path().c_str(), "tmpfs", 0, "size=1m") != 0) {
    GTEST_SKIP() << "needs root for a small file system";
  }
  TarMaker tar;
  tar.File("f", Mixed(5 << 20));
  const absl::Status status = Image({tar.End()}).status();
  const bool empty = std::filesystem::is_empty(directory_.path());
  EXPECT_EQ(::umount(directory_.path().c_str()), 0);
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_TRUE(empty);
}

// Deeper than PATH_MAX; the kernel walks such paths by descriptor.
TEST_F(FlattenTest, PathsMayBeLongerThanPathMax) {
  std::string path;
  for (int i = 0; i < 60; ++i) path += std::string(200, static_cast<char>('a' + i % 26)) + "/";
  TarMaker tar;
  tar.Add({.name = "x", .data = "deep", .pax = {{"path", path + "file"}}});
  const absl::StatusOr<Bytes> image = Image({tar.End()});
  ASSERT_TRUE(image.ok()) << image.status();
  const absl::StatusOr<erofs::Tree> tree = erofs::ReadTree(erofs::ReadFrom(*image), image->size());
  EXPECT_TRUE(tree->Find(path + "file").ok());
  options_.limits.max_path_bytes = 4096;
  EXPECT_TRUE(absl::IsInvalidArgument(Image({tar.End()}).status()));
}

}  // namespace
}  // namespace floe::converter
