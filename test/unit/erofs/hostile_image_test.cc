// SPDX-License-Identifier: Apache-2.0
// Damaged and hostile images: an error or another tree, never a wrong access (run under ASan).
#include <gtest/gtest.h>

#include "erofs/crc32c.h"
#include "test/unit/erofs/image_helper.h"

namespace floe::erofs {
namespace {

Bytes SmallImage() {
  TreeMaker maker;
  const InodeId directory = maker.Directory(0755, 3);
  const InodeId file = maker.File("content", 0644, 9);
  maker.tree.inode(file).xattrs =
      maker.tree.xattrs().Intern({{"user.a", "1"}, {"security.b", std::string(1500, 'b')}});
  maker.tree.inode(directory).xattrs = maker.tree.xattrs().Intern({{"user.a", "1"}});
  const InodeId link = maker.Symlink("somewhere");
  const InodeId long_link = maker.Symlink(std::string(4095, 'l'));
  EXPECT_TRUE(maker.tree.SetEntries(directory, {{"f", file}, {"l", link}, {"ll", long_link}}).ok());
  std::vector<std::string> names;
  for (int i = 0; i < 300; ++i) names.push_back("name" + std::to_string(i));
  std::vector<std::pair<absl::string_view, InodeId>> entries{{"d", directory}};
  for (const std::string& name : names) entries.emplace_back(name, file);
  EXPECT_TRUE(maker.tree.SetEntries(kRoot, std::move(entries)).ok());
  return *maker.Write();
}

void FixChecksum(Bytes& image) {
  std::memset(image.data() + kSuperOffset + offsetof(SuperBlock, checksum), 0, 4);
  const uint32_t checksum = Crc32c(~0u, ByteView(image).subspan(kSuperOffset, 4096 - kSuperOffset));
  std::memcpy(image.data() + kSuperOffset + offsetof(SuperBlock, checksum), &checksum, 4);
}

TEST(HostileImage, AnyFlippedByteIsSurvived) {
  const Bytes sound = SmallImage();
  ASSERT_TRUE(ReadTree(ReadFrom(sound), sound.size()).ok());
  size_t errors = 0;
  // A prime step, so that every field of every kind is hit somewhere.
  for (size_t at = kSuperOffset; at < sound.size() - 4096; at += at < 4096 + 1024 ? 1 : 13) {
    for (const uint8_t flip : {0x01, 0x80, 0xFF}) {
      Bytes image = sound;
      image[at] ^= flip;
      if (at < 4096) FixChecksum(image);
      errors += ReadTree(ReadFrom(image), image.size()).ok() ? 0 : 1;
    }
  }
  EXPECT_GT(errors, 100u);
}

TEST(HostileImage, CutShortIsAnError) {
  const Bytes sound = SmallImage();
  for (size_t size = 0; size < sound.size(); size += 512) {
    const Bytes image(sound.begin(), sound.begin() + static_cast<ptrdiff_t>(size));
    EXPECT_FALSE(ReadTree(ReadFrom(image), image.size()).ok()) << size;
  }
}

TEST(HostileImage, TheChecksumIsChecked) {
  Bytes image = SmallImage();
  image[kSuperOffset + offsetof(SuperBlock, inodes)] ^= 1;
  EXPECT_TRUE(absl::IsDataLoss(ReadSuperBlock(ReadFrom(image), image.size()).status()));
  FixChecksum(image);
  EXPECT_TRUE(ReadSuperBlock(ReadFrom(image), image.size()).ok());
}

TEST(HostileImage, ForeignFeaturesAreNamed) {
  Bytes image = SmallImage();
  image[kSuperOffset + offsetof(SuperBlock, feature_incompat)] = 1;
  FixChecksum(image);
  EXPECT_TRUE(absl::IsUnimplemented(ReadTree(ReadFrom(image), image.size()).status()));
}

TEST(HostileImage, DirectoryLoopsAreErrors) {
  TreeMaker maker;
  const InodeId a = maker.Directory();
  const InodeId b = maker.Directory();
  ASSERT_TRUE(maker.tree.SetEntries(a, {{"b", b}}).ok());
  ASSERT_TRUE(maker.tree.SetEntries(kRoot, {{"a", a}}).ok());
  const absl::StatusOr<ImagePlan> plan = Plan(maker.tree);
  Bytes image = *maker.Write();
  // In a's directory, let "b" be the root.
  uint64_t nid = plan->nids[b];
  for (size_t at = 4096; at + 8 < image.size(); ++at) {
    if (std::memcmp(image.data() + at, &nid, 8) == 0) {
      const uint64_t root = plan->nids[kRoot];
      std::memcpy(image.data() + at, &root, 8);
      break;
    }
  }
  EXPECT_TRUE(absl::IsDataLoss(ReadTree(ReadFrom(image), image.size()).status()));
}

TEST(HostileImage, LimitsHold) {
  const Bytes image = SmallImage();
  ReadLimits limits;
  limits.max_inodes = 3;
  EXPECT_TRUE(absl::IsDataLoss(ReadTree(ReadFrom(image), image.size(), limits).status()));
  limits = {};
  limits.max_xattr_bytes = 100;
  EXPECT_TRUE(absl::IsDataLoss(ReadTree(ReadFrom(image), image.size(), limits).status()));
}

TEST(HostileImage, TheReadersErrorComesBack) {
  const ReadAt broken = [](uint64_t, MutableByteView) { return absl::UnavailableError("gone"); };
  EXPECT_TRUE(absl::IsUnavailable(ReadTree(broken, 1 << 20).status()));
}

}  // namespace
}  // namespace floe::erofs
