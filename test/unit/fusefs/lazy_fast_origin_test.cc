// SPDX-License-Identifier: Apache-2.0
#include "fusefs/image/lazy_fast_origin.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "test/contract/chunk_store_contract.h"

namespace floe::store {
namespace {

struct LazyFastSubject {
  static constexpr bool kListsEverything = false;
  TempDir dir = *TempDir::Create();
  ThreadPool blocking{"blocking", 2};
  fusefs::LazyFastOrigin origin{"folder:" + dir.path(), 2};
  std::shared_ptr<ChunkStore> Make() {
    return std::make_shared<fusefs::LazyFastChunks>(origin, blocking, RootId{});
  }
};
INSTANTIATE_TYPED_TEST_SUITE_P(LazyFast, ChunkStoreContract, LazyFastSubject);

}  // namespace
}  // namespace floe::store

namespace floe::fusefs {
namespace {

TEST(LazyFastOriginTest, OneThatIsNotThereYetIsUsedOnceItIs) {
  const TempDir dir = *TempDir::Create();
  ThreadPool blocking("blocking", 2);
  LazyFastOrigin origin("folder:" + dir.path() + "/near", 2);
  LazyFastChunks chunks(origin, blocking, store::RootId{});
  const store::VerifiedSealed chunk = store::FakeSealedChunk(1, 500);
  for (int i = 0; i < 2; ++i) {
    const absl::Status failed = store::GetBlocking(chunks, chunk.id()).status();
    EXPECT_TRUE(absl::IsUnavailable(failed)) << failed;
    EXPECT_NE(failed.message().find("/near"), std::string::npos);
  }
  EXPECT_TRUE(absl::IsUnavailable(store::PutBlocking(chunks, chunk).status()));
  ASSERT_TRUE(MakeDirectories(dir.path() + "/near").ok());
  EXPECT_TRUE(absl::IsNotFound(store::GetBlocking(chunks, chunk.id()).status()));
  EXPECT_TRUE(store::PutBlocking(chunks, chunk).ok());
  EXPECT_TRUE(store::GetBlocking(chunks, chunk.id()).ok());
  EXPECT_NE(chunks.Name().find("/near"), std::string::npos);
}

TEST(LazyFastOriginTest, ThreadsOpenItOnce) {
  const TempDir dir = *TempDir::Create();
  LazyFastOrigin origin("folder:" + dir.path(), 2);
  std::vector<std::thread> threads;
  std::array<std::shared_ptr<store::FastOrigin>, 8> opened;
  for (auto& one : opened) threads.emplace_back([&] { one = *origin.Open(); });
  for (std::thread& thread : threads) thread.join();
  for (const auto& one : opened) EXPECT_EQ(one, origin.IfOpen());
}

}  // namespace
}  // namespace floe::fusefs
