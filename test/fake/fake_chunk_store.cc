// SPDX-License-Identifier: Apache-2.0
#include "test/fake/fake_chunk_store.h"

#include <utility>

namespace floe::store {

FakeChunkStore::~FakeChunkStore() {
  FailNext(held(), absl::UnavailableError("the fake store goes"));
  Release();
}

void FakeChunkStore::RunOrHold(const RequestOptions& options, std::function<void()> answer) {
  {
    MutexLock lock(mutex_);
    last_options_ = options;
    if (holding_) {
      held_.push_back({options, std::move(answer)});
      return;
    }
  }
  answer();
}

absl::Status FakeChunkStore::Obstacle(const RequestOptions& options) {
  if (options.cancel.cancelled()) return absl::CancelledError("cancelled");
  if (options.deadline != kNoDeadline && Clock::Real().Now() >= options.deadline) {
    return absl::DeadlineExceededError("deadline passed");
  }
  if (failures_ == 0) return absl::OkStatus();
  --failures_;
  return failure_;
}

absl::StatusOr<FetchedChunk> FakeChunkStore::GetNow(const ChunkId& id,
                                                    const RequestOptions& options) {
  MutexLock lock(mutex_);
  FLOE_RETURN_IF_ERROR(Obstacle(options));
  const auto chunk = chunks_.find(id);
  if (chunk == chunks_.end()) return absl::NotFoundError("no chunk " + id.ToHex());
  if (corrupt_.count(id) == 0) return FetchedChunk(chunk->second);
  auto flipped = std::make_shared<Bytes>(*chunk->second);
  flipped->front() ^= 1;
  return FetchedChunk(SealedBytes(std::move(flipped)));
}

void FakeChunkStore::Get(const ChunkId& id, const RequestOptions& options, GetCallback done) {
  {
    MutexLock lock(mutex_);
    ++gets_[id];
  }
  RunOrHold(options, [this, id, options, done = std::move(done)] { done(GetNow(id, options)); });
}

absl::StatusOr<PutResult> FakeChunkStore::PutNow(const VerifiedSealed& chunk,
                                                 const RequestOptions& options) {
  MutexLock lock(mutex_);
  FLOE_RETURN_IF_ERROR(Obstacle(options));
  const bool created = chunks_.emplace(chunk.id(), chunk.shared()).second;
  return created ? PutResult::kCreated : PutResult::kExisted;
}

void FakeChunkStore::Put(const VerifiedSealed& chunk, const RequestOptions& options,
                         PutCallback done) {
  {
    MutexLock lock(mutex_);
    ++puts_;
  }
  RunOrHold(options,
            [this, chunk, options, done = std::move(done)] { done(PutNow(chunk, options)); });
}

void FakeChunkStore::List(const std::string& from, size_t limit, const RequestOptions& options,
                          ListCallback done) {
  ChunkPage page;
  absl::Status obstacle;
  {
    MutexLock lock(mutex_);
    if (options.cancel.cancelled()) obstacle = absl::CancelledError("cancelled");
    for (const auto& [id, bytes] : chunks_) {
      if (id.ToHex() <= from) continue;
      if (page.ids.size() == limit) {
        page.next = page.ids.back().ToHex();
        break;
      }
      page.ids.push_back(id);
    }
  }
  if (!obstacle.ok()) return done(obstacle);
  done(std::move(page));
}

absl::Status FakeChunkStore::Sync() {
  MutexLock lock(mutex_);
  ++syncs_;
  return sync_status_;
}

void FakeChunkStore::Add(const VerifiedSealed& chunk) {
  MutexLock lock(mutex_);
  chunks_.emplace(chunk.id(), chunk.shared());
}

void FakeChunkStore::Remove(const ChunkId& id) {
  MutexLock lock(mutex_);
  chunks_.erase(id);
}

void FakeChunkStore::Hold() {
  MutexLock lock(mutex_);
  holding_ = true;
}

bool FakeChunkStore::ReleaseOne() {
  std::function<void()> answer;
  {
    MutexLock lock(mutex_);
    if (held_.empty()) return false;
    answer = std::move(held_.front().answer);
    held_.pop_front();
  }
  answer();
  return true;
}

void FakeChunkStore::Release() {
  {
    MutexLock lock(mutex_);
    holding_ = false;
  }
  while (ReleaseOne()) {
  }
}

size_t FakeChunkStore::held() const {
  MutexLock lock(mutex_);
  return held_.size();
}

std::vector<RequestClass> FakeChunkStore::held_classes() const {
  MutexLock lock(mutex_);
  std::vector<RequestClass> classes;
  for (const Held& held : held_) {
    const RequestOptions& options = held.options;
    classes.push_back(options.urgency != nullptr ? options.urgency->request_class()
                                                 : options.request_class);
  }
  return classes;
}

void FakeChunkStore::FailNext(size_t times, absl::Status status) {
  MutexLock lock(mutex_);
  failures_ = times;
  failure_ = std::move(status);
}

void FakeChunkStore::FailSync(absl::Status status) {
  MutexLock lock(mutex_);
  sync_status_ = std::move(status);
}

void FakeChunkStore::Corrupt(const ChunkId& id) {
  MutexLock lock(mutex_);
  corrupt_[id] = true;
}

bool FakeChunkStore::Has(const ChunkId& id) const {
  MutexLock lock(mutex_);
  return chunks_.contains(id);
}

size_t FakeChunkStore::gets() const {
  MutexLock lock(mutex_);
  size_t sum = 0;
  for (const auto& [id, count] : gets_) sum += count;
  return sum;
}

size_t FakeChunkStore::gets_of(const ChunkId& id) const {
  MutexLock lock(mutex_);
  const auto count = gets_.find(id);
  return count == gets_.end() ? 0 : count->second;
}

size_t FakeChunkStore::puts() const {
  MutexLock lock(mutex_);
  return puts_;
}

size_t FakeChunkStore::syncs() const {
  MutexLock lock(mutex_);
  return syncs_;
}

size_t FakeChunkStore::size() const {
  MutexLock lock(mutex_);
  return chunks_.size();
}

RequestOptions FakeChunkStore::last_options() const {
  MutexLock lock(mutex_);
  return last_options_;
}

VerifiedSealed FakeSealedChunk(uint64_t seed, size_t size) {
  auto bytes = std::make_shared<Bytes>(size);
  uint64_t state = seed * 0x9e3779b97f4a7c15u + 1;
  for (uint8_t& byte : *bytes) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    byte = static_cast<uint8_t>(state >> 56);
  }
  return NameSealed(std::move(bytes));
}

}  // namespace floe::store
