// SPDX-License-Identifier: Apache-2.0
#include "store/origin/retrying_objects.h"

#include <algorithm>

#include "gmock/gmock.h"
#include "store/blocking.h"
#include "test/fake/fake_object_store.h"

namespace floe::store {
namespace {

// Fails the next calls; puts may succeed and lose their answer.
class FlakyObjects : public FakeObjectStore {
 public:
  void Get(const std::string& name, uint64_t max_bytes, const RequestOptions& options,
           GetCallback done) override {
    if (Fails()) return done(failure);
    FakeObjectStore::Get(name, max_bytes, options, std::move(done));
  }
  void Put(const std::string& name, SealedBytes bytes, PutDurability durability,
           const RequestOptions& options, PutCallback done) override {
    if (loses_answers && failures > 0) {
      FakeObjectStore::Put(name, bytes, durability, options, [](absl::StatusOr<PutResult>) {});
    }
    if (Fails()) return done(failure);
    FakeObjectStore::Put(name, std::move(bytes), durability, options, std::move(done));
  }
  void Replace(const std::string& name, SealedBytes bytes, const RequestOptions& options,
               DoneCallback done) override {
    if (Fails()) return done(failure);
    FakeObjectStore::Replace(name, std::move(bytes), options, std::move(done));
  }
  void List(const std::string& prefix, const std::string& from, size_t limit,
            const RequestOptions& options, ListCallback done) override {
    if (Fails()) return done(failure);
    FakeObjectStore::List(prefix, from, limit, options, std::move(done));
  }

  std::atomic<int> failures{0};
  std::atomic<int> calls{0};
  bool loses_answers = false;
  absl::Status failure = absl::UnavailableError("not now");

 private:
  bool Fails() {
    ++calls;
    return failures > 0 && failures-- > 0;
  }
};

class RetryingObjectsTest : public testing::Test {
 protected:
  static SealedBytes Text(absl::string_view text) {
    return std::make_shared<Bytes>(AsBytes(text).begin(), AsBytes(text).end());
  }
  absl::StatusOr<PutResult> Put(absl::string_view text) {
    return PutObject(store_, "a", Text(text), PutDurability::kAtOnce);
  }

  std::shared_ptr<FlakyObjects> inner_ = std::make_shared<FlakyObjects>();
  RetryingObjects store_{inner_, {4, std::chrono::milliseconds(1), std::chrono::milliseconds(2)}};
};

TEST_F(RetryingObjectsTest, WhatPassesIsTriedAgain) {
  inner_->failures = 3;
  EXPECT_EQ(*Put("x"), PutResult::kCreated);
  inner_->failures = 3;
  EXPECT_TRUE(GetObject(store_, "a", 10).ok());
  inner_->failures = 3;
  EXPECT_EQ(ListObjects(store_, "", "", 10)->objects.size(), 1u);
  inner_->failures = 3;
  EXPECT_TRUE(ReplaceObject(store_, "a", Text("yy")).ok());
  EXPECT_EQ((*GetObject(store_, "a", 10))->size(), 2u);
  EXPECT_TRUE(store_.Sync().ok());
  EXPECT_EQ(store_.Name(), inner_->Name());
}

TEST_F(RetryingObjectsTest, NotForEverAndNotWhatStays) {
  inner_->failures = 4;
  EXPECT_TRUE(absl::IsUnavailable(GetObject(store_, "a", 10).status()));
  EXPECT_EQ(inner_->calls, 4);
  EXPECT_TRUE(absl::IsNotFound(GetObject(store_, "a", 10).status()));
  EXPECT_EQ(inner_->calls, 5);
  inner_->failure = absl::PermissionDeniedError("no");
  inner_->failures = 1;
  EXPECT_TRUE(absl::IsPermissionDenied(Put("x").status()));
  EXPECT_EQ(inner_->calls, 6);
}

TEST_F(RetryingObjectsTest, NeverBeyondTheDeadlineOrForWhoGaveUp) {
  using Answer = absl::StatusOr<SealedBytes>;
  const auto get = [&](const RequestOptions& options) {
    return WaitFor<Answer>([&](std::function<void(Answer)> done) {
             store_.Get("a", 10, options, std::move(done));
           })
        .status();
  };
  inner_->failures = 1000;
  RequestOptions late;
  late.deadline = Clock::Real().Now();
  EXPECT_TRUE(absl::IsUnavailable(get(late)));
  EXPECT_EQ(inner_->calls, 1);
  CancelSource source;
  source.Cancel();
  RequestOptions cancelled;
  cancelled.cancel = source.token();
  EXPECT_TRUE(absl::IsUnavailable(get(cancelled)));
  EXPECT_EQ(inner_->calls, 2);
}

TEST_F(RetryingObjectsTest, APutWhoseAnswerWasLostIsItsOwn) {
  inner_->loses_answers = true;
  inner_->failures = 1;
  EXPECT_EQ(*Put("mine"), PutResult::kCreated);
  EXPECT_EQ(*Put("mine"), PutResult::kExisted);  // no answer was lost: it was there before
}

TEST_F(RetryingObjectsTest, APutThatFailedIsNotSomebodyElses) {
  ASSERT_TRUE(Put("else").ok());
  inner_->failures = 1;
  EXPECT_EQ(*Put("mine"), PutResult::kExisted);
}

}  // namespace
}  // namespace floe::store
