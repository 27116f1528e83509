// SPDX-License-Identifier: Apache-2.0
// A shared cache over fake servers, on a timer that moves only when told to.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/executor.h"
#include "cache/cache_store.h"
#include "cache/shard.h"
#include "gtest/gtest.h"
#include "test/fake/fake_chunk_store.h"
#include "test/unit/cache/fake_shard_server.h"

namespace floe::cache {

class CacheFixture : public testing::Test {
 protected:
  using Answer = absl::StatusOr<store::FetchedChunk>;

  // Makes the cache; everything that it starts ends with it.
  CacheStore& Make(size_t servers, const CacheOptions& options = {}) {
    for (size_t i = 0; i < servers; ++i) Add();
    cache_ = std::make_unique<CacheStore>(List(), options, timer_, executor_, &metrics_);
    return *cache_;
  }
  void TearDown() override {
    // What waits for a deadline hears of it.
    timer_.Advance(std::chrono::seconds(10));
    cache_.reset();
  }
  FakeShardServer& Add() {
    fakes_.push_back(
        std::make_shared<FakeShardServer>(absl::StrCat("s", 100 + fakes_.size()), timer_));
    return *fakes_.back();
  }
  std::vector<std::shared_ptr<ShardServer>> List() const { return {fakes_.begin(), fakes_.end()}; }

  // Begins a get; the answer appears when it comes.
  std::shared_ptr<std::optional<Answer>> Begin(const store::ChunkId& id,
                                               const store::RequestOptions& options = {}) {
    auto answer = std::make_shared<std::optional<Answer>>();
    cache_->Get(id, options, [answer](Answer result) {
      EXPECT_FALSE(answer->has_value()) << "answered twice";
      answer->emplace(std::move(result));
    });
    return answer;
  }
  // The status of a get whose answer must be there at once.
  absl::Status Get(const store::VerifiedSealed& chunk, const store::RequestOptions& options = {}) {
    const auto answer = Begin(chunk.id(), options);
    if (!answer->has_value()) return absl::InternalError("no answer yet");
    return Check(**answer, chunk);
  }
  static absl::Status Check(const Answer& answer, const store::VerifiedSealed& chunk) {
    if (!answer.ok()) return answer.status();
    const auto* verified = std::get_if<store::VerifiedSealed>(&*answer);
    if (verified == nullptr) return absl::InternalError("not verified");
    return *verified->shared() == *chunk.shared() ? absl::OkStatus()
                                                  : absl::InternalError("a wrong byte");
  }
  absl::StatusOr<store::PutResult> Put(const store::VerifiedSealed& chunk) {
    std::optional<absl::StatusOr<store::PutResult>> answer;
    cache_->Put(chunk, {}, [&](absl::StatusOr<store::PutResult> result) { answer = result; });
    return answer ? *answer : absl::InternalError("no answer yet");
  }
  // The server that keeps shard `index` of a chunk.
  FakeShardServer& Holder(const store::VerifiedSealed& chunk, size_t index, const Code& code) {
    for (const auto& fake : fakes_) {
      if (fake->items().count(ShardKey(chunk.id(), code, index)) > 0) return *fake;
    }
    ADD_FAILURE() << "nobody holds shard " << index;
    return *fakes_.front();
  }
  double Count(const std::string& name, const MetricLabels& labels = {}) {
    return metrics_.GetCounter(name, "", labels).value();
  }
  size_t ShardsHeld() const {
    size_t count = 0;
    for (const auto& fake : fakes_) count += fake->shards();
    return count;
  }

  ManualTimer timer_;
  InlineExecutor executor_;
  Metrics metrics_;
  std::vector<std::shared_ptr<FakeShardServer>> fakes_;
  std::unique_ptr<CacheStore> cache_;
};

}  // namespace floe::cache
