// SPDX-License-Identifier: Apache-2.0
#include "store/origin/folder_object_store.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <future>

#include "absl/cleanup/cleanup.h"
#include "base/file.h"
#include "store/origin/object_chunk_store.h"
#include "store/origin/store_layout.h"
#include "test/contract/chunk_store_contract.h"

namespace floe::store {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

template <SyncMode kMode>
struct FolderSubject {
  static constexpr bool kListsEverything = true;
  TempDir dir = *TempDir::Create();
  std::shared_ptr<ChunkStore> Make() {
    return std::make_shared<ObjectChunkStore>(*FolderObjectStore::Open(dir.path(), {2, kMode}),
                                              RootId{{1}});
  }
};
INSTANTIATE_TYPED_TEST_SUITE_P(FolderSyncedAsWhole, ChunkStoreContract,
                               FolderSubject<SyncMode::kFileSystem>);
INSTANTIATE_TYPED_TEST_SUITE_P(FolderSyncedByFile, ChunkStoreContract,
                               FolderSubject<SyncMode::kEachFile>);

SealedBytes Text(absl::string_view text) {
  return std::make_shared<Bytes>(AsBytes(text).begin(), AsBytes(text).end());
}

class FolderObjectStoreTest : public testing::Test {
 protected:
  absl::StatusOr<PutResult> Put(const std::string& name, absl::string_view text,
                                PutDurability durability = PutDurability::kAfterSync) {
    return PutObject(*store_, name, Text(text), durability);
  }
  std::string Get(const std::string& name) {
    auto bytes = GetObject(*store_, name, 1000);
    return bytes.ok() ? std::string(AsText(**bytes)) : std::string(bytes.status().message());
  }
  absl::Status GetStatus(const std::string& name) {
    return GetObject(*store_, name, 1000).status();
  }
  std::string Path(const std::string& name) { return dir_.path() + "/" + name; }
  std::vector<std::string> List(const std::string& prefix, size_t limit = 1000) {
    std::vector<std::string> names;
    std::string from;
    do {
      auto page = ListObjects(*store_, prefix, from, limit);
      EXPECT_TRUE(page.ok()) << page.status();
      for (const ObjectInfo& object : page->objects) names.push_back(object.name);
      from = page->next;
    } while (!from.empty());
    return names;
  }

  const TempDir dir_ = *TempDir::Create();
  std::shared_ptr<FolderObjectStore> store_ = *FolderObjectStore::Open(dir_.path());
};

TEST_F(FolderObjectStoreTest, NeverReplaces) {
  EXPECT_EQ(*Put("a/b", "one"), PutResult::kCreated);
  EXPECT_EQ(*Put("a/b", "two"), PutResult::kExisted);
  EXPECT_EQ(Get("a/b"), "one");
  auto other = Put("a/b", "three");
  EXPECT_TRUE(absl::IsDataLoss(other.status()));
  EXPECT_THAT(std::string(other.status().message()), HasSubstr("a/b"));
  EXPECT_EQ(Get("a/b"), "one");
}

TEST_F(FolderObjectStoreTest, DurableAtOnceLeavesNothingBehind) {
  EXPECT_EQ(*Put("a/b/c", "one", PutDurability::kAtOnce), PutResult::kCreated);
  EXPECT_EQ(*Put("a/b/c", "one", PutDurability::kAtOnce), PutResult::kExisted);
  EXPECT_TRUE(std::filesystem::is_empty(Path(".tmp")));
}

TEST_F(FolderObjectStoreTest, ReplacesWhenToldTo) {
  ASSERT_TRUE(Put("a/b", "one").ok());
  ASSERT_TRUE(ReplaceObject(*store_, "a/b", Text("other")).ok());
  EXPECT_EQ(Get("a/b"), "other");
  ASSERT_TRUE(ReplaceObject(*store_, "new/c", Text("x")).ok());
  EXPECT_EQ(Get("new/c"), "x");
}

TEST_F(FolderObjectStoreTest, OthersMayReadWhateverTheUmask) {
  const mode_t before = umask(077);
  ASSERT_TRUE(Put("a/b", "one").ok());
  umask(before);
  struct stat st;
  ASSERT_EQ(stat(Path("a/b").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0644u);
  ASSERT_EQ(stat(Path("a").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0755u);
}

TEST_F(FolderObjectStoreTest, RefusesNamesThatLeaveTheFolder) {
  for (const char* name : {"", "/", "a/", "/a", "a//b", "..", "../a", "a/../b", ".", "a/.b", "a b",
                           "a\nb", "\xc3\xa4"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(Put(name, "x").status())) << name;
    EXPECT_TRUE(absl::IsInvalidArgument(GetStatus(name))) << name;
    EXPECT_TRUE(absl::IsInvalidArgument(ReplaceObject(*store_, name, Text("x")))) << name;
  }
  EXPECT_TRUE(absl::IsInvalidArgument(ListObjects(*store_, "../", "", 1).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ListObjects(*store_, "a", "", 1).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ListObjects(*store_, "", "", 0).status()));
  EXPECT_TRUE(Put("a.b-c_d/E9", "x").ok());
}

// A FIFO would hang a reader, a link would leave the folder, a folder has no bytes.
TEST_F(FolderObjectStoreTest, ReadsOnlyRealFiles) {
  ASSERT_EQ(mkfifo(Path("fifo").c_str(), 0644), 0);
  ASSERT_EQ(symlink("/etc/passwd", Path("link").c_str()), 0);
  ASSERT_EQ(mkdir(Path("folder").c_str(), 0755), 0);
  for (const char* name : {"fifo", "link", "folder"}) {
    EXPECT_TRUE(absl::IsDataLoss(GetStatus(name))) << name << GetStatus(name);
    EXPECT_TRUE(absl::IsDataLoss(Put(name, "x").status())) << name;
  }
  EXPECT_THAT(List(""), ElementsAre());
  EXPECT_TRUE(absl::IsNotFound(GetStatus("absent")));
  ASSERT_TRUE(Put("file", "x").ok());
  EXPECT_TRUE(absl::IsNotFound(GetStatus("file/below")));
}

TEST_F(FolderObjectStoreTest, RefusesWhatIsLongerThanExpected) {
  ASSERT_TRUE(Put("long", std::string(1001, 'x')).ok());
  EXPECT_TRUE(absl::IsDataLoss(GetStatus("long")));
}

TEST_F(FolderObjectStoreTest, ListsInTheOrderOfWholeNames) {
  const std::vector<std::string> names = {"a-b", "a/b", "a/c/d", "a/c0", "a0", "b/a", "c"};
  for (const std::string& name : names) ASSERT_TRUE(Put(name, "x").ok());
  ASSERT_TRUE(Put("a/c/e", "xyz").ok());
  for (const size_t limit : {1, 2, 3, 100}) {
    EXPECT_THAT(List("", limit),
                ElementsAre("a-b", "a/b", "a/c/d", "a/c/e", "a/c0", "a0", "b/a", "c"));
  }
  EXPECT_THAT(List("a/"), ElementsAre("a/b", "a/c/d", "a/c/e", "a/c0"));
  EXPECT_THAT(List("a/c/", 1), ElementsAre("a/c/d", "a/c/e"));
  EXPECT_THAT(List("nothing/"), ElementsAre());
  EXPECT_EQ(ListObjects(*store_, "a/c/", "a/c/d", 5)->objects.at(0).size, 3u);
}

TEST_F(FolderObjectStoreTest, RemovesOldTemporariesAndKeepsYoungOnes) {
  ASSERT_EQ(mkdir(Path(".tmp").c_str(), 0755), 0);
  for (const char* name : {".tmp/old", ".tmp/young"}) {
    ASSERT_TRUE(
        WriteFileAtomically(Path(name), AsBytes("x"), 0644, Replace::kNo, Durable::kNo).ok());
  }
  const timespec times[2] = {{1, 0}, {1, 0}};
  ASSERT_EQ(utimensat(AT_FDCWD, Path(".tmp/old").c_str(), times, 0), 0);
  ASSERT_TRUE(Put("a", "x").ok());
  EXPECT_FALSE(std::filesystem::exists(Path(".tmp/old")));
  EXPECT_TRUE(std::filesystem::exists(Path(".tmp/young")));
}

TEST_F(FolderObjectStoreTest, TellsARemovedFolderFromAnAbsentObject) {
  EXPECT_TRUE(absl::IsNotFound(GetStatus("a")));
  std::filesystem::remove_all(dir_.path());
  EXPECT_TRUE(absl::IsUnavailable(GetStatus("a"))) << GetStatus("a");
}

TEST_F(FolderObjectStoreTest, OpensOnlyFolders) {
  EXPECT_TRUE(absl::IsNotFound(FolderObjectStore::Open(Path("absent")).status()));
  ASSERT_TRUE(Put("file", "x").ok());
  EXPECT_FALSE(FolderObjectStore::Open(Path("file")).ok());
}

TEST_F(FolderObjectStoreTest, SyncByFileOwesWhatItCouldNotFlush) {
  store_ = *FolderObjectStore::Open(dir_.path(), {1, SyncMode::kEachFile});
  ASSERT_TRUE(Put("a/b", "x").ok());
  std::filesystem::rename(Path("a"), Path("away"));
  EXPECT_FALSE(store_->Sync().ok());
  EXPECT_FALSE(store_->Sync().ok());
  std::filesystem::rename(Path("away"), Path("a"));
  EXPECT_TRUE(store_->Sync().ok());
  std::filesystem::rename(Path("a"), Path("away"));
  EXPECT_TRUE(store_->Sync().ok());  // nothing is owed any more
}

TEST_F(FolderObjectStoreTest, AFullDiskIsSaidAndLeavesNothing) {
  const std::string full = Path("full");
  ASSERT_EQ(mkdir(full.c_str(), 0755), 0);
  if (mount("tmpfs", full.c_str(), "tmpfs", 0, "size=64k") != 0) {
    GTEST_SKIP() << "may not mount";
  }
  auto unmount = absl::MakeCleanup([&] { umount2(full.c_str(), MNT_DETACH); });
  auto store = *FolderObjectStore::Open(full);
  ASSERT_TRUE(PutObject(*store, "fits", Text("x"), PutDurability::kAtOnce).ok());
  const absl::Status status =
      PutObject(*store, "a/large", std::make_shared<Bytes>(1 << 20), PutDurability::kAfterSync)
          .status();
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("no space left"));
  EXPECT_TRUE(std::filesystem::is_empty(full + "/.tmp"));
  EXPECT_TRUE(absl::IsNotFound(GetObject(*store, "a/large", 1 << 20).status()));
  store.reset();
}

TEST(ObjectChunkStoreTest, DistrustsWhatIsStoredUnderAnIdWithAnotherSize) {
  const TempDir dir = *TempDir::Create();
  auto objects = *FolderObjectStore::Open(dir.path());
  const RootId root{{5}};
  ObjectChunkStore store(objects, root);
  const VerifiedSealed chunk = FakeSealedChunk(1, 500);
  ASSERT_TRUE(
      PutObject(*objects, ChunkName(root, chunk.id()), Text("garbage"), PutDurability::kAfterSync)
          .ok());
  const absl::Status status = PutBlocking(store, chunk).status();
  EXPECT_TRUE(absl::IsDataLoss(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr(chunk.id().ToHex()));
  EXPECT_TRUE(absl::IsDataLoss(GetBlocking(store, chunk.id()).status()));
  EXPECT_THAT(store.Name(), HasSubstr(ToHex(root)));
}

TEST(ObjectChunkStoreTest, PassesOverWhatIsNoChunk) {
  const TempDir dir = *TempDir::Create();
  auto objects = *FolderObjectStore::Open(dir.path());
  const RootId root{{5}};
  ObjectChunkStore store(objects, root);
  ASSERT_TRUE(PutBlocking(store, FakeSealedChunk(1)).ok());
  for (const std::string& name :
       {std::string("note"), "00/" + FakeSealedChunk(2).id().ToHex(), std::string("ff/abc")}) {
    ASSERT_TRUE(
        PutObject(*objects, ChunkPrefix(root) + name, Text("x"), PutDurability::kAfterSync).ok());
  }
  using Answer = absl::StatusOr<ChunkPage>;
  const Answer page = WaitFor<Answer>(
      [&](std::function<void(Answer)> done) { store.List("", 100, {}, std::move(done)); });
  ASSERT_TRUE(page.ok());
  EXPECT_THAT(page->ids, ElementsAre(FakeSealedChunk(1).id()));
}

}  // namespace
}  // namespace floe::store
