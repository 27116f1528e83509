// SPDX-License-Identifier: Apache-2.0
#include "cache/shard_read.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace floe::cache {

void ShardRead::Start(const store::ChunkId& id, std::shared_ptr<const ServerSet> servers,
                      const ShardReadOptions& options, Timer& timer, Executor& workers,
                      Executor* starter, CallToken token, Done done, Finished finished) {
  auto read = std::make_shared<ShardRead>(id, std::move(servers), options, timer, workers,
                                          std::move(token), std::move(done), std::move(finished));
  if (starter == nullptr) return read->Begin();
  starter->Run([read = std::move(read)] { read->Begin(); });
}

ShardRead::ShardRead(const store::ChunkId& id, std::shared_ptr<const ServerSet> servers,
                     const ShardReadOptions& options, Timer& timer, Executor& workers,
                     CallToken token, Done done, Finished finished)
    : token_(std::move(token)),
      id_(id),
      servers_(std::move(servers)),
      options_(options),
      timer_(timer),
      workers_(workers),
      finished_(std::move(finished)),
      done_(std::move(done)),
      slots_(servers_->shards(), Slot::kAsked),
      fresh_(servers_->shards()),
      pending_(servers_->shards()),
      choice_(id, servers_->code()) {
  report_.servers = servers_;
}

void ShardRead::Begin() {
  {
    MutexLock lock(mutex_);
    timeout_ =
        timer_.RunAt(options_.decide_at, [self = shared_from_this()] { self->RunOutOfTime(); });
  }
  for (size_t i = 0; i < servers_->shards(); ++i) {
    servers_->ServerOf(id_, i).Get(
        servers_->KeyOf(id_, i), options_.answer_by,
        [self = shared_from_this(), i](absl::StatusOr<store::SealedBytes> result) {
          self->Arrive(i, std::move(result));
        });
  }
}

size_t ShardRead::Count(Slot slot) const {
  return static_cast<size_t>(std::count(slots_.begin(), slots_.end(), slot));
}

bool ShardRead::OnlyLastShardIsLate() const {
  const size_t k = servers_->code().code().k;
  return done_ && !busy_ && pending_ > 0 && k > 1 && good_ + fresh_count_ + 1 == k &&
         timer_.Now() < options_.last_shard_at;
}

void ShardRead::Arrive(size_t index, absl::StatusOr<store::SealedBytes> result) {
  Next next = Next::kWait;
  {
    MutexLock lock(mutex_);
    --pending_;
    if (result.ok()) {
      slots_[index] = Slot::kCame;
      if (done_) {
        fresh_[index] = *std::move(result);
        ++fresh_count_;
      }
    } else {
      slots_[index] = absl::IsNotFound(result.status()) ? Slot::kAbsent : Slot::kFailed;
    }
    next = Decide();
  }
  Do(next);
}

void ShardRead::RunOutOfTime() {
  Next next = Next::kWait;
  {
    MutexLock lock(mutex_);
    if (OnlyLastShardIsLate()) {
      timeout_ = timer_.RunAt(options_.last_shard_at,
                              [self = shared_from_this()] { self->RunOutOfTime(); });
      return;
    }
    late_ = true;
    next = Decide();
  }
  Do(next);
}

ShardRead::Next ShardRead::Decide() {
  if (busy_ || finishing_) return Next::kWait;
  const Code& code = servers_->code().code();
  if (done_) {
    if (good_ + fresh_count_ >= code.k && fresh_count_ > 0) {
      busy_ = true;
      return Next::kLook;
    }
    const size_t lost = Count(Slot::kAbsent) + Count(Slot::kFailed) + Count(Slot::kBad);
    if (lost <= code.r && pending_ > 0 && !late_) return Next::kWait;
    busy_ = true;
    return Next::kMiss;
  }
  if (pending_ > 0) return Next::kWait;
  finishing_ = true;
  return Next::kFinish;
}

void ShardRead::Do(Next next) {
  switch (next) {
    case Next::kWait:
      return;
    case Next::kLook:
      return workers_.Run([self = shared_from_this()] { self->Look(); });
    case Next::kFinish:
      return Finish();
    case Next::kMiss: {
      absl::Status why;
      {
        MutexLock lock(mutex_);
        why = WhyMissed();
      }
      return Answer(std::move(why));
    }
  }
}

void ShardRead::Look() {
  std::vector<store::SealedBytes> fresh(servers_->shards());
  {
    MutexLock lock(mutex_);
    fresh.swap(fresh_);
    fresh_count_ = 0;
  }
  std::vector<size_t> bad;
  for (size_t i = 0; i < fresh.size(); ++i) {
    if (fresh[i] != nullptr && !choice_.Add(i, std::move(fresh[i]))) bad.push_back(i);
  }
  std::optional<store::VerifiedSealed> found = choice_.Find();
  if (found) {
    const std::vector<size_t> wrong = choice_.WrongShards(*found);
    bad.insert(bad.end(), wrong.begin(), wrong.end());
  }
  Next next = Next::kWait;
  {
    MutexLock lock(mutex_);
    for (const size_t i : bad) slots_[i] = Slot::kBad;
    good_ = choice_.count();
    report_.mismatches = choice_.mismatches();
    report_.reconstructed = choice_.reconstructed();
    report_.chunk = found;
    if (!found) {
      busy_ = false;
      next = Decide();
    }
  }
  for (const size_t i : bad) servers_->ServerOf(id_, i).CountBad();
  if (found) return Answer(*std::move(found));
  Do(next);
}

void ShardRead::Answer(absl::StatusOr<store::VerifiedSealed> result) {
  Done done;
  Timer::Id timeout;
  {
    MutexLock lock(mutex_);
    done.swap(done_);
    timeout = timeout_;
    std::fill(fresh_.begin(), fresh_.end(), nullptr);
  }
  timer_.Cancel(timeout);
  done(std::move(result));
  Next next = Next::kWait;
  {
    MutexLock lock(mutex_);
    busy_ = false;
    next = Decide();
  }
  Do(next);
}

void ShardRead::Finish() {
  ShardReadReport report;
  {
    MutexLock lock(mutex_);
    for (size_t i = 0; i < slots_.size(); ++i) {
      if (slots_[i] == Slot::kAbsent) report_.absent.push_back(i);
      if (slots_[i] == Slot::kBad) report_.bad.push_back(i);
    }
    report = std::move(report_);
  }
  finished_(report);
}

absl::Status ShardRead::WhyMissed() const {
  const std::string chunk = absl::StrCat("chunk ", id_.ToHex(), ": shared cache: ");
  const Code& code = servers_->code().code();
  if (choice_.mismatches() > 0 || Count(Slot::kBad) > code.r) {
    return absl::DataLossError(absl::StrCat(chunk, "no choice of its shards is the chunk"));
  }
  const size_t absent = Count(Slot::kAbsent);
  if (absent > code.r) {
    return absl::NotFoundError(absl::StrCat(chunk, absent, " servers have no shard of it"));
  }
  if (late_ && timer_.Now() >= options_.reader_gone) {
    return absl::DeadlineExceededError(absl::StrCat(chunk, "not within the reader's deadline"));
  }
  return absl::UnavailableError(absl::StrCat(chunk, "only ", good_ + fresh_count_, " of ", code.k,
                                             " shards in time; are its servers up?"));
}

}  // namespace floe::cache
