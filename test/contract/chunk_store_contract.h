// SPDX-License-Identifier: Apache-2.0
// What every ChunkStore and every wrapper must do (store/chunk_store.h), as a suite.
//
//   struct MySubject {
//     std::shared_ptr<ChunkStore> Make();           // a new, empty store; called once
//     static constexpr bool kListsEverything = true; // false: a cache, which need not list
//   };
//   INSTANTIATE_TYPED_TEST_SUITE_P(MyStore, ChunkStoreContract, MySubject);
//
// The subject lives as long as the store, so it may own a folder, a timer, threads.
#pragma once

#include <algorithm>
#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "store/blocking.h"
#include "store/chunk_store.h"
#include "test/fake/fake_chunk_store.h"

namespace floe::store {

template <typename Subject>
class ChunkStoreContract : public testing::Test {
 protected:
  ChunkStoreContract() : store_(subject_.Make()) {}

  absl::StatusOr<ChunkPage> List(const std::string& from, size_t limit) {
    using Answer = absl::StatusOr<ChunkPage>;
    return WaitFor<Answer>([&](std::function<void(Answer)> done) {
      store_->List(from, limit, RequestOptions{}, std::move(done));
    });
  }

  Subject subject_;
  std::shared_ptr<ChunkStore> store_;
};

TYPED_TEST_SUITE_P(ChunkStoreContract);

TYPED_TEST_P(ChunkStoreContract, GivesBackWhatWasPut) {
  for (const size_t size : {size_t{16}, size_t{4112}, size_t{(1 << 20) + 16}}) {
    const VerifiedSealed chunk = FakeSealedChunk(size, size);
    auto put = PutBlocking(*this->store_, chunk);
    ASSERT_TRUE(put.ok()) << put.status();
    EXPECT_EQ(*put, PutResult::kCreated);
    auto got = GetBlocking(*this->store_, chunk.id());
    ASSERT_TRUE(got.ok()) << got.status();
    EXPECT_EQ(got->id(), chunk.id());
    EXPECT_TRUE(std::equal(got->bytes().begin(), got->bytes().end(), chunk.bytes().begin(),
                           chunk.bytes().end()));
  }
}

TYPED_TEST_P(ChunkStoreContract, AnAbsentChunkIsNotFound) {
  EXPECT_TRUE(absl::IsNotFound(GetBlocking(*this->store_, FakeSealedChunk(1).id()).status()));
  ASSERT_TRUE(PutBlocking(*this->store_, FakeSealedChunk(2)).ok());
  EXPECT_TRUE(absl::IsNotFound(GetBlocking(*this->store_, FakeSealedChunk(1).id()).status()));
}

TYPED_TEST_P(ChunkStoreContract, ASecondPutTellsThatItExisted) {
  ASSERT_TRUE(PutBlocking(*this->store_, FakeSealedChunk(3)).ok());
  auto again = PutBlocking(*this->store_, FakeSealedChunk(3));
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(*again, PutResult::kExisted);
}

TYPED_TEST_P(ChunkStoreContract, SyncSucceedsWithAndWithoutAnythingPut) {
  EXPECT_TRUE(this->store_->Sync().ok());
  ASSERT_TRUE(PutBlocking(*this->store_, FakeSealedChunk(4)).ok());
  EXPECT_TRUE(this->store_->Sync().ok());
  EXPECT_TRUE(this->store_->Sync().ok());
}

TYPED_TEST_P(ChunkStoreContract, ListsEverythingOnceInOrder) {
  if (!TypeParam::kListsEverything) GTEST_SKIP() << "a cache need not list";
  std::set<ChunkId> expected;
  auto empty = this->List("", 10);
  ASSERT_TRUE(empty.ok()) << empty.status();
  EXPECT_TRUE(empty->ids.empty());
  EXPECT_EQ(empty->next, "");
  for (uint64_t seed = 0; seed < 40; ++seed) {
    const VerifiedSealed chunk = FakeSealedChunk(seed);
    expected.insert(chunk.id());
    ASSERT_TRUE(PutBlocking(*this->store_, chunk).ok());
  }
  for (const size_t limit : {size_t{1}, size_t{7}, size_t{40}, size_t{1000}}) {
    std::vector<ChunkId> listed;
    std::string from;
    do {
      auto page = this->List(from, limit);
      ASSERT_TRUE(page.ok()) << page.status();
      EXPECT_LE(page->ids.size(), limit);
      listed.insert(listed.end(), page->ids.begin(), page->ids.end());
      ASSERT_LE(listed.size(), expected.size()) << "a token does not move on";
      from = page->next;
    } while (!from.empty());
    EXPECT_TRUE(std::equal(listed.begin(), listed.end(), expected.begin(), expected.end()))
        << "limit " << limit;
  }
}

TYPED_TEST_P(ChunkStoreContract, ACancelledRequestIsAnsweredOnce) {
  ASSERT_TRUE(PutBlocking(*this->store_, FakeSealedChunk(5)).ok());
  CancelSource source;
  source.Cancel();
  RequestOptions options;
  options.cancel = source.token();
  // It may have been served before anybody looked, but says nothing else.
  const absl::Status get = GetBlocking(*this->store_, FakeSealedChunk(5).id(), options).status();
  EXPECT_TRUE(get.ok() || absl::IsCancelled(get)) << get;
  const absl::Status put = PutBlocking(*this->store_, FakeSealedChunk(6), options).status();
  EXPECT_TRUE(put.ok() || absl::IsCancelled(put)) << put;
}

TYPED_TEST_P(ChunkStoreContract, ADeadlineThatPassedIsExceeded) {
  ASSERT_TRUE(PutBlocking(*this->store_, FakeSealedChunk(7)).ok());
  RequestOptions options;
  options.deadline = SteadyTime(std::chrono::nanoseconds(1));
  const absl::Status get = GetBlocking(*this->store_, FakeSealedChunk(7).id(), options).status();
  EXPECT_TRUE(get.ok() || absl::IsDeadlineExceeded(get)) << get;
}

TYPED_TEST_P(ChunkStoreContract, EveryClassIsServed) {
  ASSERT_TRUE(PutBlocking(*this->store_, FakeSealedChunk(8)).ok());
  for (const RequestClass request_class : {RequestClass::kBackground, RequestClass::kPrefetch,
                                           RequestClass::kStart, RequestClass::kRunning}) {
    RequestOptions options;
    options.request_class = request_class;
    EXPECT_TRUE(GetBlocking(*this->store_, FakeSealedChunk(8).id(), options).ok());
  }
}

TYPED_TEST_P(ChunkStoreContract, ManyThreadsAreAnsweredOnceEach) {
  constexpr int kThreads = 4;
  constexpr uint64_t kChunks = 25;
  std::atomic<int> created{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (uint64_t seed = 0; seed < kChunks; ++seed) {
        const VerifiedSealed chunk = FakeSealedChunk(seed, 2000);
        auto put = PutBlocking(*this->store_, chunk);
        ASSERT_TRUE(put.ok()) << put.status();
        if (*put == PutResult::kCreated) ++created;
        auto got = GetBlocking(*this->store_, chunk.id());
        ASSERT_TRUE(got.ok()) << got.status();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(created, kChunks);
}

TYPED_TEST_P(ChunkStoreContract, TheDestructorWaitsForEveryCallback) {
  ASSERT_TRUE(PutBlocking(*this->store_, FakeSealedChunk(9)).ok());
  const auto answers = std::make_shared<std::atomic<int>>(0);
  for (uint64_t seed = 0; seed < 50; ++seed) {
    const ChunkId id = FakeSealedChunk(seed % 2 == 0 ? 9 : seed).id();
    this->store_->Get(id, RequestOptions{},
                      [answers](absl::StatusOr<FetchedChunk>) { ++*answers; });
  }
  this->store_.reset();
  EXPECT_EQ(*answers, 50);
}

TYPED_TEST_P(ChunkStoreContract, HasANameForPeople) { EXPECT_NE(this->store_->Name(), ""); }

REGISTER_TYPED_TEST_SUITE_P(ChunkStoreContract, GivesBackWhatWasPut, AnAbsentChunkIsNotFound,
                            ASecondPutTellsThatItExisted, SyncSucceedsWithAndWithoutAnythingPut,
                            ListsEverythingOnceInOrder, ACancelledRequestIsAnsweredOnce,
                            ADeadlineThatPassedIsExceeded, EveryClassIsServed,
                            ManyThreadsAreAnsweredOnceEach, TheDestructorWaitsForEveryCallback,
                            HasANameForPeople);

}  // namespace floe::store
