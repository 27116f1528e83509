// SPDX-License-Identifier: Apache-2.0
#include "fusefs/image/lazy_origin.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "store/keys/key_directory.h"
#include "store/origin/store_log.h"
#include "test/fake/fake_chunk_store.h"
#include "test/fake/fake_object_store.h"

namespace floe::fusefs {
namespace {

using store::GetBlocking;

class LazyOriginTest : public ::testing::Test {
 protected:
  LazyOriginTest() : keys_(dir_.path() + "/keys") { EXPECT_TRUE(keys_.EnsureOwnKeys().ok()); }
  std::string Address() const { return "folder:" + dir_.path() + "/store"; }
  std::shared_ptr<store::StoreHandle> MakeStore() {
    EXPECT_TRUE(store::InitStore(Address(), keys_).ok());
    return *store::OpenStore(Address());
  }
  LazyStore& Lazy() {
    if (!lazy_) {
      lazy_.emplace(
          Address(),
          [this] {
            ++attempts_;
            return store::OpenStore(Address());
          },
          clock_);
    }
    return *lazy_;
  }

  TempDir dir_ = *TempDir::Create();
  store::KeyDirectory keys_;
  FakeClock clock_;
  int attempts_ = 0;
  std::optional<LazyStore> lazy_;
  ThreadPool blocking_{"blocking", 2};
  const store::VerifiedSealed chunk_ = store::FakeSealedChunk(1, 5000);
};

TEST_F(LazyOriginTest, OpensTheStoreWhenAChunkIsWanted) {
  const auto handle = MakeStore();
  ASSERT_TRUE(store::PutBlocking(*handle->Chunks(handle->active_root()), chunk_).ok());
  LazyOrigin origin(Lazy(), blocking_, handle->active_root());
  EXPECT_EQ(attempts_, 0);
  EXPECT_EQ(Lazy().IfOpen(), nullptr);
  EXPECT_TRUE(GetBlocking(origin, chunk_.id()).ok());
  EXPECT_TRUE(GetBlocking(origin, chunk_.id()).ok());
  EXPECT_EQ(attempts_, 1);
  EXPECT_NE(origin.Name().find(Address()), std::string::npos);
}

TEST_F(LazyOriginTest, AMissingStoreIsTriedAgainButNotHammered) {
  LazyOrigin origin(Lazy(), blocking_, store::RootId{});
  const absl::Status failed = GetBlocking(origin, chunk_.id()).status();
  EXPECT_TRUE(absl::IsUnavailable(failed)) << failed;
  EXPECT_NE(failed.message().find(Address()), std::string::npos);
  EXPECT_EQ(attempts_, 1);
  // No time has passed: who comes after the failure does not get to hear of it again.
  const auto handle = MakeStore();
  // There now; this chunk is not.
  EXPECT_TRUE(absl::IsNotFound(GetBlocking(origin, chunk_.id()).status()));
  EXPECT_EQ(attempts_, 2);
}

TEST_F(LazyOriginTest, OneAttemptAnswersAllWhoWaitForIt) {
  constexpr size_t kReaders = 8;
  LazyStore* waited_for = nullptr;
  LazyStore lazy(
      Address(),
      [&]() -> absl::StatusOr<std::shared_ptr<store::StoreHandle>> {
        ++attempts_;
        while (waited_for->opening() < kReaders) std::this_thread::yield();
        return absl::NotFoundError("nothing there");
      },
      clock_);
  waited_for = &lazy;
  {
    ThreadPool readers("readers", kReaders);
    for (size_t i = 0; i < kReaders; ++i) {
      readers.Run([&lazy] { EXPECT_TRUE(absl::IsUnavailable(lazy.Open().status())); });
    }
  }
  EXPECT_EQ(attempts_, 1);
  EXPECT_EQ(lazy.opening(), 0U);
}

// Keeps a copy of every callback it was given, as a thread of a store may for a while after the
// call: what these own lives on in them.
class KeepingStore : public store::FakeObjectStore {
 public:
  explicit KeepingStore(std::vector<GetCallback>& kept) : kept_(kept) {}
  void Get(const std::string& name, uint64_t max_bytes, const store::RequestOptions& options,
           GetCallback done) override {
    kept_.push_back(done);
    FakeObjectStore::Get(name, max_bytes, options, std::move(done));
  }

 private:
  std::vector<GetCallback>& kept_;
};

TEST_F(LazyOriginTest, CallbacksOwnNothingOfTheStore) {
  std::vector<store::ObjectStore::GetCallback> kept;
  auto objects = std::make_shared<KeepingStore>(kept);
  store::RootId old{}, active{};
  old.fill(1);
  active.fill(2);
  store::LogEntry entry;
  entry.seq = 1;
  entry.transitions = {{old, store::RootState::kActive}};
  ASSERT_TRUE(store::AppendLog(*objects, entry).ok());
  entry.seq = 2;
  entry.transitions = {{old, store::RootState::kRetired}, {active, store::RootState::kActive}};
  ASSERT_TRUE(store::AppendLog(*objects, entry).ok());
  auto roots = store::ReadLog(*objects);
  ASSERT_TRUE(roots.ok()) << roots.status();
  auto handle =
      std::make_shared<store::StoreHandle>("fake", objects, store::StoreInfo{}, *std::move(roots));
  ASSERT_TRUE(store::PutBlocking(*handle->Chunks(active), chunk_).ok());
  const std::weak_ptr<store::ObjectStore> watched = objects;
  objects.reset();
  {
    LazyStore lazy(
        "fake", [&] { return std::exchange(handle, nullptr); }, clock_);
    LazyOrigin here(lazy, blocking_, active), moved(lazy, blocking_, old);
    EXPECT_TRUE(GetBlocking(here, chunk_.id()).ok());
    EXPECT_TRUE(GetBlocking(moved, chunk_.id()).ok());
    EXPECT_TRUE(absl::IsNotFound(GetBlocking(here, store::FakeSealedChunk(2).id()).status()));
    EXPECT_FALSE(watched.expired());
  }
  EXPECT_GE(kept.size(), 6U);
  EXPECT_TRUE(watched.expired());
}

TEST_F(LazyOriginTest, AChunkThatMovedIsFoundInAnotherRoot) {
  const auto handle = MakeStore();
  ASSERT_TRUE(store::PutBlocking(*handle->Chunks(handle->active_root()), chunk_).ok());
  store::RootId birth{};
  birth.fill(9);  // gone
  LazyOrigin origin(Lazy(), blocking_, birth);
  EXPECT_TRUE(GetBlocking(origin, chunk_.id()).ok());
  EXPECT_TRUE(GetBlocking(origin, chunk_.id()).ok());
  EXPECT_TRUE(absl::IsNotFound(GetBlocking(origin, store::FakeSealedChunk(2).id()).status()));
}

struct ExpectingObjects : store::FakeObjectStore {
  void Expect(const std::string& name) override { names.push_back(name); }
  std::vector<std::string> names;
};

TEST_F(LazyOriginTest, TellsTheStoreWhatWillBeReadBeforeAndAfterItOpens) {
  const auto objects = std::make_shared<ExpectingObjects>();
  LazyStore lazy(
      "fake",
      [&]() -> absl::StatusOr<std::shared_ptr<store::StoreHandle>> {
        return std::make_shared<store::StoreHandle>("fake", objects, store::StoreInfo{},
                                                    std::vector<store::RootStatus>());
      },
      clock_);
  const store::RootId root{{1}};
  const store::ManifestId first{{1}}, second{{2}};
  lazy.Expect(first, root);
  lazy.Expect(first, root);
  EXPECT_TRUE(objects->names.empty());
  ASSERT_TRUE(lazy.Open().ok());
  lazy.Expect(second, root);
  EXPECT_EQ(objects->names, (std::vector<std::string>{store::RecordName(root, first),
                                                      store::RecordName(root, second)}));
}

TEST_F(LazyOriginTest, NeverWrites) {
  const auto handle = MakeStore();
  LazyOrigin origin(Lazy(), blocking_, handle->active_root());
  EXPECT_TRUE(absl::IsPermissionDenied(store::PutBlocking(origin, chunk_).status()));
  bool refused = false;
  origin.List("", 10, {}, [&refused](const absl::StatusOr<store::ChunkPage>& page) {
    refused = absl::IsPermissionDenied(page.status());
  });
  EXPECT_TRUE(refused);
  EXPECT_TRUE(origin.Sync().ok());
}

}  // namespace
}  // namespace floe::fusefs
