// SPDX-License-Identifier: Apache-2.0
#include "fusefs/image/lazy_origin.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "store/keys/key_directory.h"
#include "store/origin/store_log.h"
#include "test/fake/fake_chunk_store.h"

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
  EXPECT_FALSE(GetBlocking(origin, chunk_.id()).ok());
  EXPECT_EQ(attempts_, 1);
  clock_.Advance(std::chrono::seconds(2));
  const auto handle = MakeStore();
  // There now; this chunk is not.
  EXPECT_TRUE(absl::IsNotFound(GetBlocking(origin, chunk_.id()).status()));
  EXPECT_EQ(attempts_, 2);
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
