// SPDX-License-Identifier: Apache-2.0
#include "store/s3/credentials.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

namespace floe::store {
namespace {

constexpr std::chrono::seconds kEarliest{300};   // before the end
constexpr std::chrono::seconds kOverBefore{10};  // the clocks may differ, and requests take time
constexpr std::chrono::seconds kBetweenFailures{5};

}  // namespace

CredentialsCache::CredentialsCache(std::unique_ptr<CredentialsSource> source, Clock& clock)
    : source_(std::move(source)), clock_(clock), thread_([this] { Loop(); }) {}

CredentialsCache::~CredentialsCache() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    wake_.NotifyAll();
  }
  thread_.join();
}

CredentialsCache::Age CredentialsCache::AgeOf(const S3Credentials& credentials, SystemTime obtained,
                                              SystemTime now) {
  if (!credentials.expires) return Age::kFresh;
  const auto left = *credentials.expires - now;
  const auto life = *credentials.expires - obtained;
  if (left <= std::min<SystemTime::duration>(kOverBefore, life / 20)) return Age::kOver;
  if (left <= std::min<SystemTime::duration>(kEarliest, life / 5)) return Age::kGettingOld;
  return Age::kFresh;
}

void CredentialsCache::Get(Callback done) {
  S3CredentialsPtr now;
  {
    MutexLock lock(mutex_);
    const Age age =
        current_ == nullptr ? Age::kOver : AgeOf(*current_, obtained_, clock_.WallNow());
    if (age != Age::kOver) now = current_;
    const bool may_try = now == nullptr || clock_.Now() - failed_at_ >= kBetweenFailures;
    if (age != Age::kFresh && may_try && !wanted_) {
      wanted_ = true;
      wake_.NotifyAll();
    }
    if (now == nullptr) {
      waiting_.push_back(std::move(done));
      return;
    }
  }
  done(std::move(now));
}

void CredentialsCache::Refused(const S3CredentialsPtr& used) {
  MutexLock lock(mutex_);
  if (current_ == used) current_ = nullptr;
}

void CredentialsCache::Loop() {
  pthread_setname_np(pthread_self(), "s3-credentials");
  while (true) {
    {
      MutexLock lock(mutex_);
      while (!wanted_ && !stopping_) wake_.Wait(mutex_);
      if (stopping_) break;
    }
    FetchOnce();
  }
  std::vector<Callback> left;
  {
    MutexLock lock(mutex_);
    left.swap(waiting_);
  }
  for (const Callback& done : left) done(absl::CancelledError("the store is being closed"));
}

void CredentialsCache::FetchOnce() {
  absl::StatusOr<S3Credentials> fetched = source_->Fetch();
  absl::StatusOr<S3CredentialsPtr> answer = absl::UnknownError("");
  if (fetched.ok()) {
    answer = std::make_shared<const S3Credentials>(*std::move(fetched));
  } else {
    answer = fetched.status();
  }
  std::vector<Callback> waiting;
  {
    MutexLock lock(mutex_);
    wanted_ = false;
    waiting.swap(waiting_);
    if (answer.ok()) {
      current_ = *answer;
      obtained_ = clock_.WallNow();
      failed_at_ = {};
    } else {
      failed_at_ = clock_.Now();
    }
  }
  for (const Callback& done : waiting) done(answer);
}

}  // namespace floe::store
