// SPDX-License-Identifier: Apache-2.0
#include "converter/publish/tree_tar.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/file.h"
#include "base/process.h"
#include "base/sha256.h"
#include "converter/flatten/flatten.h"
#include "converter/source/blob_file.h"
#include "erofs/walk.h"
#include "oci/digest.h"
#include "oci/verifying_stream.h"

namespace floe::converter {
namespace {

using erofs::Inode;
using erofs::InodeId;
using erofs::Tree;

Inode Made(uint16_t mode, int64_t mtime = 1'700'000'000, uint32_t nsec = 0) {
  Inode inode;
  inode.mode = mode;
  inode.mtime = mtime;
  inode.mtime_nsec = nsec;
  return inode;
}

// The bytes behind regular files: their "image".
const Bytes kData = [] {
  Bytes data(3 << 20);
  for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<uint8_t>(i * 7 + i / 1000);
  return data;
}();

absl::Status ReadData(uint64_t offset, MutableByteView out) {
  if (offset + out.size() > kData.size()) return absl::OutOfRangeError("past the data");
  std::copy_n(kData.begin() + static_cast<ptrdiff_t>(offset), out.size(), out.begin());
  return absl::OkStatus();
}

// One of everything that tar has to carry.
Tree OddTree() {
  Tree tree;
  Inode root = Made(S_IFDIR | 0755);
  tree.Add(root);
  Inode file = Made(S_IFREG | 04755, 1'700'000'001, 123'456'789);
  file.size = (2 << 20) + 5;
  file.data = 100;
  file.uid = 70'000;
  file.gid = 3'000'000;
  file.xattrs = tree.xattrs().Intern(
      {{"user.a", std::string("\0b\n=", 4)}, {"security.capability", std::string(20, '\1')}});
  const InodeId file_id = tree.Add(file);
  const InodeId empty_id = tree.Add(Made(S_IFREG | 0644));
  const InodeId link_id = tree.AddSymlink(Made(S_IFLNK | 0777), std::string(4000, 'x'));
  Inode device = Made(S_IFCHR | 0660);
  device.rdev = erofs::MakeDevice(1, 300);
  const InodeId device_id = tree.Add(device);
  const InodeId fifo_id = tree.Add(Made(S_IFIFO | 0600, -2, 500'000'000));  // 1.5 s before 1970
  Inode directory = Made(S_IFDIR | 01777, 5, 1);
  directory.xattrs = tree.xattrs().Intern({{"user.dir", ""}});
  const InodeId directory_id = tree.Add(directory);
  const std::string long_name(255, 'n');
  EXPECT_TRUE(tree.SetEntries(directory_id, {{"hard", file_id}, {"\xff\xfe name", empty_id}}).ok());
  EXPECT_TRUE(tree.SetEntries(erofs::kRoot, {{"file", file_id},
                                             {long_name, link_id},
                                             {"null", device_id},
                                             {"pipe", fifo_id},
                                             {"sub", directory_id}})
                  .ok());
  tree.CountLinks();
  return tree;
}

struct Described {
  std::string path, target;
  uint16_t mode;
  uint32_t uid, gid, rdev, links, nsec;
  uint64_t size;
  int64_t mtime;
  erofs::Xattrs xattrs;
  friend bool operator==(const Described&, const Described&) = default;
};

std::vector<Described> Describe(const Tree& tree) {
  std::vector<Described> all;
  erofs::WalkTree(tree, [&](InodeId id, InodeId, absl::string_view path) {
    const Inode& inode = tree.inode(id);
    all.push_back({std::string(path), inode.IsSymlink() ? std::string(tree.Target(inode)) : "",
                   inode.mode, inode.uid, inode.gid, inode.rdev, inode.links, inode.mtime_nsec,
                   inode.size, inode.mtime, tree.xattrs().Get(inode.xattrs)});
  });
  return all;
}

class CollectingSink : public erofs::ImageSink {
 public:
  absl::Status Data(ByteView blocks) override {
    image.insert(image.end(), blocks.begin(), blocks.end());
    return absl::OkStatus();
  }
  absl::Status Zeros(uint64_t bytes) override {
    image.resize(image.size() + bytes);
    return absl::OkStatus();
  }
  Bytes image;
};

class TreeTarTest : public ::testing::Test {
 protected:
  TreeTarTest() : dir_(TempDir::Create().value()) {
    file_ = OpenFile(dir_.path(), O_TMPFILE | O_RDWR, 0600).value();
  }
  // The layer through the flattener, as an image.
  Bytes Flattened(const WrittenLayer& layer) {
    LayerInput input;
    input.name = layer.digest;
    input.compression = Compression::kGzip;
    input.diff_id = layer.diff_id;
    const Bytes bytes = ReadWholeFd(file_.get(), 1 << 30).value();
    EXPECT_EQ(oci::DigestOf(bytes), layer.digest);
    EXPECT_EQ(bytes.size(), layer.size);
    input.open = [bytes]() -> absl::StatusOr<std::unique_ptr<ByteStream>> {
      return std::make_unique<oci::MemoryStream>(bytes);
    };
    FlattenOptions options;
    options.work_dir = dir_.path();
    options.strict = true;
    CollectingSink sink;
    const auto flat = Flatten({input}, options);
    EXPECT_TRUE(flat.ok()) << flat.status();
    if (flat.ok()) {
      EXPECT_TRUE((*flat)->Emit(sink).ok());
    }
    return sink.image;
  }

  TempDir dir_;
  UniqueFd file_;
};

TEST_F(TreeTarTest, EverythingComesBackThroughTheFlattener) {
  const Tree tree = OddTree();
  const auto layer = WriteTreeLayer(tree, ReadData, file_.get(), {});
  ASSERT_TRUE(layer.ok()) << layer.status();
  const Bytes image = Flattened(*layer);
  const erofs::ReadAt read = [&](uint64_t offset, MutableByteView out) {
    if (offset + out.size() > image.size()) return absl::OutOfRangeError("past the image");
    std::copy_n(image.begin() + static_cast<ptrdiff_t>(offset), out.size(), out.begin());
    return absl::OkStatus();
  };
  const auto back = erofs::ReadTree(read, image.size());
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(Describe(*back), Describe(tree));
  const Inode& file = back->inode(back->Find("sub/hard").value());
  Bytes data(file.size);
  ASSERT_TRUE(read(file.data, data).ok());
  EXPECT_TRUE(std::equal(data.begin(), data.end(), kData.begin() + 100));
}

// Two others read what was written: GNU tar and Python's tarfile.
TEST_F(TreeTarTest, OthersReadTheSameTimesBefore1970) {
  Tree tree;
  tree.Add(Made(S_IFDIR | 0755, 0));
  const InodeId early = tree.Add(Made(S_IFREG | 0644, -2, 500'000'000));     // -1.5 s
  const InodeId far = tree.Add(Made(S_IFREG | 0644, -86'401, 999'999'999));  // 1 ns before a day
  const InodeId whole = tree.Add(Made(S_IFREG | 0644, -3'600));              // an hour
  const InodeId almost = tree.Add(Made(S_IFREG | 0644, -1, 250'000'000));    // -0.75 s
  const InodeId late = tree.Add(Made(S_IFREG | 0644, 1'700'000'001, 5));
  ASSERT_TRUE(tree.SetEntries(erofs::kRoot, {{"almost", almost},
                                             {"early", early},
                                             {"far", far},
                                             {"late", late},
                                             {"whole", whole}})
                  .ok());
  tree.CountLinks();
  ASSERT_TRUE(WriteTreeLayer(tree, ReadData, file_.get(), {}).ok());
  const Bytes layer = ReadWholeFd(file_.get(), 1 << 20).value();
  // Extracted, not listed: GNU tar 1.34 lists -1.5 s as 23:59:59.5.
  const auto tar = RunCommand({"tar", "--warning=no-timestamp", "--warning=no-unknown-keyword",
                               "-xzf", "-", "-C", dir_.path()},
                              AsText(layer));
  ASSERT_TRUE(tar.ok() && tar->exit_code == 0) << tar.status();
  const std::vector<std::pair<std::string, InodeId>> names = {
      {"almost", almost}, {"early", early}, {"far", far}, {"late", late}, {"whole", whole}};
  for (const auto& [name, id] : names) {
    struct stat got {};
    ASSERT_EQ(::lstat((dir_.path() + "/" + name).c_str(), &got), 0) << name;
    EXPECT_EQ(got.st_mtim.tv_sec, tree.inode(id).mtime) << name;
    EXPECT_EQ(got.st_mtim.tv_nsec, id == almost ? 0 : tree.inode(id).mtime_nsec) << name;
  }
  const auto python = RunCommand(
      {"python3", "-c",
       "import sys, tarfile\n"
       "for entry in tarfile.open(fileobj=sys.stdin.buffer, mode='r|gz'):\n"
       "  if entry.isfile(): print(entry.name, entry.pax_headers.get('mtime', entry.mtime))\n"},
      AsText(layer));
  ASSERT_TRUE(python.ok() && python->exit_code == 0) << python.status();
  EXPECT_EQ(
      python->output,
      "almost -1\nearly -1.5\nfar -86400.000000001\nlate 1700000001.000000005\nwhole -3600\n");
}

TEST_F(TreeTarTest, TheSameTreeGivesTheSameBytes) {
  const auto first = WriteTreeLayer(OddTree(), ReadData, file_.get(), {});
  const UniqueFd other = OpenFile(dir_.path(), O_TMPFILE | O_RDWR, 0600).value();
  const auto second = WriteTreeLayer(OddTree(), ReadData, other.get(), {});
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(first->digest, second->digest);
}

TEST_F(TreeTarTest, ErrorsOfTheImageAndCancellingComeBackUnchanged) {
  const erofs::ReadAt broken = [](uint64_t, MutableByteView) {
    return absl::DataLossError("chunk gone");
  };
  EXPECT_EQ(WriteTreeLayer(OddTree(), broken, file_.get(), {}).status(),
            absl::DataLossError("chunk gone"));
  CancelSource cancel;
  cancel.Cancel();
  EXPECT_TRUE(
      absl::IsCancelled(WriteTreeLayer(OddTree(), ReadData, file_.get(), cancel.token()).status()));
}

TEST_F(TreeTarTest, AFullDiskIsNamed) {
  const UniqueFd full = OpenFile("/dev/full", O_WRONLY).value();
  EXPECT_EQ(WriteTreeLayer(OddTree(), ReadData, full.get(), {}).status().code(),
            absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace floe::converter
