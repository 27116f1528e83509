// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/recognise.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <filesystem>

#include "base/file.h"
#include "base/sha256.h"
#include "store/manifest.h"

namespace floe::snapshotter {
namespace {

static_assert(kMaxManifestBytes == store::kMaxManifestBytes);

class RecogniseTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(MakeDirectories(Path(".floe")).ok()); }

  std::string Path(const std::string& name) { return directory_->path() + "/layer/" + name; }
  void WriteText(const std::string& name, absl::string_view text) {
    ASSERT_TRUE(
        WriteFileAtomically(Path(name), AsBytes(text), 0644, Replace::kYes, Durable::kNo).ok());
  }
  bool Found() {
    const auto manifest = FindManifest(directory_->path() + "/layer");
    EXPECT_TRUE(manifest.ok()) << manifest.status();
    return manifest.ok() && manifest->valid();
  }
  absl::StatusOr<TempDir> directory_ = TempDir::Create();
};

TEST_F(RecogniseTest, MagicIsTheManifests) { EXPECT_STREQ(kFloeMagic, store::kManifestMagic); }

TEST_F(RecogniseTest, ManifestAlone) {
  WriteText(".floe/manifest", "FLOEMAN1 and whatever follows");
  EXPECT_TRUE(Found());
}

TEST_F(RecogniseTest, DamagedIsStillAFloeLayer) {
  WriteText(".floe/manifest", "FLOEMAN1");
  EXPECT_TRUE(Found());
}

TEST_F(RecogniseTest, TruncatedBelowTheMagicIsOrdinary) {
  for (size_t length = 0; length < 8; ++length) {
    WriteText(".floe/manifest", absl::string_view("FLOEMAN1").substr(0, length));
    EXPECT_FALSE(Found()) << length;
  }
}

TEST_F(RecogniseTest, OtherContentIsOrdinary) {
  WriteText(".floe/manifest", "floeman1 something else");
  EXPECT_FALSE(Found());
}

TEST_F(RecogniseTest, ExtraEntriesAreOrdinary) {
  WriteText(".floe/manifest", "FLOEMAN1");
  WriteText(".floe/more", "");
  EXPECT_FALSE(Found());
  std::filesystem::remove(Path(".floe/more"));
  WriteText("bin", "");
  EXPECT_FALSE(Found());
  std::filesystem::remove(Path("bin"));
  ASSERT_EQ(mknod(Path("whiteout").c_str(), S_IFCHR, makedev(0, 0)), 0);
  EXPECT_FALSE(Found());
  std::filesystem::remove(Path("whiteout"));
  EXPECT_TRUE(Found());
}

TEST_F(RecogniseTest, NothingAtAllIsOrdinary) {
  EXPECT_FALSE(Found());
  std::filesystem::remove(Path(".floe"));
  EXPECT_FALSE(Found());
  WriteText(".floe", "FLOEMAN1");
  EXPECT_FALSE(Found());
}

TEST_F(RecogniseTest, LinksAreNotFollowed) {
  ASSERT_TRUE(MakeDirectories(directory_->path() + "/outside").ok());
  const std::string outside = directory_->path() + "/outside/manifest";
  ASSERT_TRUE(
      WriteFileAtomically(outside, AsBytes("FLOEMAN1"), 0644, Replace::kNo, Durable::kNo).ok());
  std::filesystem::create_symlink(outside, Path(".floe/manifest"));
  EXPECT_FALSE(Found());
  std::filesystem::remove_all(Path(".floe"));
  std::filesystem::create_symlink(directory_->path() + "/outside", Path(".floe"));
  EXPECT_FALSE(Found());
}

// Opening one of these would block or have effects.
TEST_F(RecogniseTest, SpecialFilesAreNotOpened) {
  ASSERT_EQ(mkfifo(Path(".floe/manifest").c_str(), 0644), 0);
  EXPECT_FALSE(Found());
  std::filesystem::remove(Path(".floe/manifest"));
  ASSERT_EQ(mknod(Path(".floe/manifest").c_str(), S_IFCHR | 0600, makedev(1, 5)), 0);
  EXPECT_FALSE(Found());
  std::filesystem::remove(Path(".floe/manifest"));
  ASSERT_EQ(mknod(Path(".floe/manifest").c_str(), S_IFSOCK | 0600, 0), 0);
  EXPECT_FALSE(Found());
  std::filesystem::remove(Path(".floe/manifest"));
  ASSERT_TRUE(MakeDirectories(Path(".floe/manifest")).ok());
  EXPECT_FALSE(Found());
}

TEST_F(RecogniseTest, HugeFileIsOrdinary) {
  WriteText(".floe/manifest", "FLOEMAN1");
  const UniqueFd file = *OpenFile(Path(".floe/manifest"), O_WRONLY);
  ASSERT_EQ(ftruncate(file.get(), static_cast<off_t>(kMaxManifestBytes)), 0);
  EXPECT_TRUE(Found());
  ASSERT_EQ(ftruncate(file.get(), static_cast<off_t>(kMaxManifestBytes) + 1), 0);
  EXPECT_FALSE(Found());
}

TEST_F(RecogniseTest, KeptUnderItsHash) {
  std::string text = "FLOEMAN1" + std::string(3 << 20, 'm');
  WriteText(".floe/manifest", text);
  const std::string kept = directory_->path() + "/kept";
  ASSERT_TRUE(MakeDirectories(kept).ok());
  const auto manifest = FindManifest(directory_->path() + "/layer");
  const auto name = KeepManifest(manifest->get(), kept);
  ASSERT_TRUE(name.ok()) << name.status();
  EXPECT_EQ(*name, ToHex(Sha256::Of(AsBytes(text))));
  EXPECT_EQ(*ReadWholeFile(kept + "/" + *name, 1 << 30), Bytes(text.begin(), text.end()));
  EXPECT_EQ(*KeepManifest(manifest->get(), kept), *name);  // again is fine
  size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kept)) files += entry.exists();
  EXPECT_EQ(files, 1u);
}

TEST_F(RecogniseTest, GrowingWhileCopiedIsRefused) {
  WriteText(".floe/manifest", "FLOEMAN1");
  const auto manifest = FindManifest(directory_->path() + "/layer");
  const UniqueFd writer = *OpenFile(Path(".floe/manifest"), O_WRONLY);
  ASSERT_EQ(ftruncate(writer.get(), static_cast<off_t>(kMaxManifestBytes) + 1), 0);
  EXPECT_EQ(KeepManifest(manifest->get(), directory_->path()).status().code(),
            absl::StatusCode::kOutOfRange);
}

TEST_F(RecogniseTest, MissingDirectories) {
  EXPECT_FALSE(FindManifest("/nowhere").ok());
  WriteText(".floe/manifest", "FLOEMAN1");
  const auto manifest = FindManifest(directory_->path() + "/layer");
  EXPECT_FALSE(KeepManifest(manifest->get(), "/nowhere").ok());
}

}  // namespace
}  // namespace floe::snapshotter
