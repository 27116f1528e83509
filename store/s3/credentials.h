// SPDX-License-Identifier: Apache-2.0
// The keys that S3 requests are signed with, and keeping them fresh.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/secret.h"
#include "base/status.h"

namespace floe::store {

// Immutable once made; shared by the requests that were signed with it.
struct S3Credentials {
  std::string access_key_id;
  Secret secret_access_key;
  std::shared_ptr<const Secret> session_token;  // null: none
  std::optional<SystemTime> expires;            // none: they do not, as far as we know
  std::string source;                           // for people: "the environment"
};
using S3CredentialsPtr = std::shared_ptr<const S3Credentials>;

// One place where credentials may be.
class CredentialsSource {
 public:
  virtual ~CredentialsSource() = default;
  // Blocks on I/O. NOT_FOUND: nothing is configured there. Other errors: it is configured, but
  // does not work (the text says what to do). Called by one thread at a time.
  virtual absl::StatusOr<S3Credentials> Fetch() = 0;
};

// Hands out credentials, and has them fetched again by one thread: before they expire (a fifth of
// their life, at most five minutes, before), and when the server refused them. Whoever asks while
// they are still good does not wait. Thread safe.
class CredentialsCache {
 public:
  using Callback = std::function<void(absl::StatusOr<S3CredentialsPtr>)>;

  // `clock` is borrowed and outlives this.
  CredentialsCache(std::unique_ptr<CredentialsSource> source, Clock& clock);
  // Answers who waits with CANCELLED.
  ~CredentialsCache();

  // `done` is called exactly once: before this returns when there are credentials, else on the
  // refreshing thread. It must not wait.
  void Get(Callback done) FLOE_EXCLUDES(mutex_);
  // The server said that `used` is expired or unknown: they are not given out again, unless the
  // source has nothing newer. What was refused since is fetched once.
  void Refused(const S3CredentialsPtr& used) FLOE_EXCLUDES(mutex_);

 private:
  enum class Age { kFresh, kGettingOld, kOver };
  static Age AgeOf(const S3Credentials& credentials, SystemTime obtained, SystemTime now);

  void Loop() FLOE_EXCLUDES(mutex_);
  void FetchOnce() FLOE_EXCLUDES(mutex_);

  const std::unique_ptr<CredentialsSource> source_;
  Clock& clock_;
  Mutex mutex_;
  CondVar wake_;
  bool stopping_ FLOE_GUARDED_BY(mutex_) = false;
  bool wanted_ FLOE_GUARDED_BY(mutex_) = false;  // a fetch is
  S3CredentialsPtr current_ FLOE_GUARDED_BY(mutex_);
  SystemTime obtained_ FLOE_GUARDED_BY(mutex_){};
  // When the last early attempt failed: it is not repeated at once.
  SteadyTime failed_at_ FLOE_GUARDED_BY(mutex_){};
  std::vector<Callback> waiting_ FLOE_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace floe::store
