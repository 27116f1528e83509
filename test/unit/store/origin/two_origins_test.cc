// SPDX-License-Identifier: Apache-2.0
#include "store/origin/two_origins.h"

#include <filesystem>

#include "base/file.h"
#include "store/origin/store_layout.h"
#include "store/wrap/resting_store.h"
#include "test/contract/chunk_store_contract.h"

namespace floe::store {
namespace {

struct TwoOriginsSubject {
  static constexpr bool kListsEverything = true;
  InlineExecutor workers;
  ThreadTimer timer{"test"};
  std::shared_ptr<ChunkStore> Make() {
    return TwoOrigins(std::make_shared<FakeChunkStore>(), std::make_shared<FakeChunkStore>(),
                      workers, timer);
  }
};
INSTANTIATE_TYPED_TEST_SUITE_P(TwoOrigins, ChunkStoreContract, TwoOriginsSubject);

class TwoOriginsTest : public testing::Test {
 protected:
  absl::Status Get(uint64_t seed) {
    return GetBlocking(*store_, FakeSealedChunk(seed).id()).status();
  }
  bool FastHas(uint64_t seed) { return GetBlocking(*fast_, FakeSealedChunk(seed).id()).ok(); }

  InlineExecutor workers_;
  ManualTimer timer_;
  const TempDir dir_ = *TempDir::Create();
  const RootId root_{{7}};
  std::shared_ptr<FastOrigin> origin_ = *FastOrigin::Open("folder:" + dir_.path(), 1);
  std::shared_ptr<ChunkStore> fast_ = origin_->Chunks(root_);
  std::shared_ptr<FakeChunkStore> durable_ = std::make_shared<FakeChunkStore>();
  TwoOriginsOptions options_{std::chrono::seconds(1), 3, std::chrono::seconds(10), {}};
  std::shared_ptr<ChunkStore> store_ = TwoOrigins(fast_, durable_, workers_, timer_, options_);
};

TEST_F(TwoOriginsTest, WhatTheDurableOneGivesFillsTheFastOne) {
  ASSERT_TRUE(PutBlocking(*store_, FakeSealedChunk(1)).ok());
  EXPECT_FALSE(FastHas(1));
  ASSERT_TRUE(Get(1).ok());
  store_.reset();  // waits for the filling
  EXPECT_TRUE(FastHas(1));
  store_ = TwoOrigins(fast_, std::make_shared<FakeChunkStore>(), workers_, timer_, options_);
  EXPECT_TRUE(Get(1).ok());  // from the fast one alone
  EXPECT_TRUE(absl::IsNotFound(Get(2)));
}

TEST_F(TwoOriginsTest, ADamagedFastChunkIsPassedOver) {
  ASSERT_TRUE(PutBlocking(*durable_, FakeSealedChunk(1)).ok());
  const std::string file = dir_.path() + "/" + ChunkName(root_, FakeSealedChunk(1).id());
  ASSERT_TRUE(MakeDirectories(std::filesystem::path(file).parent_path()).ok());
  ASSERT_TRUE(
      WriteFileAtomically(file, AsBytes("garbage"), 0644, Replace::kYes, Durable::kNo).ok());
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(Get(1).ok());
}

TEST_F(TwoOriginsTest, AFastOriginMustBeAPlace) {
  EXPECT_TRUE(absl::IsNotFound(FastOrigin::Open("folder:/nonexistent/fast").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(FastOrigin::Open("fast").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(FastOrigin::Open("registry:h.test/a").status()));
  EXPECT_EQ(FastOrigin::Open("s3://fast-bucket?region=r").value()->address(),
            "s3://fast-bucket?region=r");
}

// Answers what it is told to, and counts.
class ToldStore : public ForwardingStore {
 public:
  ToldStore() : ForwardingStore(std::make_shared<FakeChunkStore>()) {}
  void Get(const ChunkId&, const RequestOptions&, GetCallback done) override {
    ++asked;
    done(answer);
  }
  void Put(const VerifiedSealed&, const RequestOptions&, PutCallback done) override {
    ++asked;
    done(answer);
  }
  absl::Status answer = absl::UnavailableError("down");
  int asked = 0;
};

class RestingStoreTest : public testing::Test {
 protected:
  absl::Status Get() { return GetBlocking(store_, FakeSealedChunk(1).id()).status(); }

  std::shared_ptr<ToldStore> told_ = std::make_shared<ToldStore>();
  ManualTimer timer_;
  RestingStore store_{told_, timer_, 3, std::chrono::seconds(10)};
};

TEST_F(RestingStoreTest, IsLeftAloneAfterFailuresOneAfterTheOther) {
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(absl::IsUnavailable(Get()));
  EXPECT_EQ(told_->asked, 3);
  EXPECT_TRUE(store_.resting());
  EXPECT_TRUE(absl::IsUnavailable(PutBlocking(store_, FakeSealedChunk(1)).status()));
  EXPECT_EQ(told_->asked, 3);
}

TEST_F(RestingStoreTest, OneRequestTriesAfterTheRest) {
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(Get().ok());
  timer_.Advance(std::chrono::seconds(10));
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(Get().ok());
  EXPECT_EQ(told_->asked, 4);
  timer_.Advance(std::chrono::seconds(10));
  told_->answer = absl::NotFoundError("absent, but it answers");
  EXPECT_TRUE(absl::IsNotFound(Get()));
  EXPECT_FALSE(store_.resting());
  EXPECT_TRUE(absl::IsNotFound(Get()));
  EXPECT_EQ(told_->asked, 6);
}

TEST_F(RestingStoreTest, GoodAnswersBetweenCountAndCancelledOnesDoNot) {
  for (int i = 0; i < 4; ++i) {
    told_->answer = absl::UnavailableError("down");
    EXPECT_FALSE(Get().ok());
    EXPECT_FALSE(Get().ok());
    told_->answer = absl::DataLossError("damaged, but it answers");
    EXPECT_FALSE(Get().ok());
  }
  told_->answer = absl::CancelledError("");
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(Get().ok());
  EXPECT_FALSE(store_.resting());
  told_->answer = absl::DeadlineExceededError("");
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(Get().ok());
  EXPECT_TRUE(store_.resting());
}

}  // namespace
}  // namespace floe::store
