// SPDX-License-Identifier: Apache-2.0
// An object store in memory that can lose what was not flushed, and stop at any operation.
#pragma once

#include <limits>
#include <map>
#include <string>

#include "base/mutex.h"
#include "store/origin/object_store.h"

namespace floe::store {

// Thread safe. Answers on the caller's thread.
class FakeObjectStore : public ObjectStore {
 public:
  void Get(const std::string& name, uint64_t max_bytes, const RequestOptions& options,
           GetCallback done) override;
  void Put(const std::string& name, SealedBytes bytes, PutDurability durability,
           const RequestOptions& options, PutCallback done) override;
  void Replace(const std::string& name, SealedBytes bytes, const RequestOptions& options,
               DoneCallback done) override;
  void List(const std::string& prefix, const std::string& from, size_t limit,
            const RequestOptions& options, ListCallback done) override;
  absl::Status Sync() override FLOE_EXCLUDES(mutex_);
  std::string Name() const override { return "fake objects"; }

  // After `operations` more, everything answers UNAVAILABLE and changes nothing: the process was
  // killed there. Reads count too.
  void StopAfter(size_t operations) FLOE_EXCLUDES(mutex_);
  bool stopped() const FLOE_EXCLUDES(mutex_);
  // The machine lost power: what was not flushed is gone. Runs again.
  void LosePower() FLOE_EXCLUDES(mutex_);
  // The process was killed: everything written stays. Runs again.
  void Restart() FLOE_EXCLUDES(mutex_);

 private:
  struct Object {
    SealedBytes bytes;
    bool durable = false;
  };
  absl::Status CountOperation() FLOE_REQUIRES(mutex_);

  mutable Mutex mutex_;
  std::map<std::string, Object> objects_ FLOE_GUARDED_BY(mutex_);
  size_t left_ FLOE_GUARDED_BY(mutex_) = std::numeric_limits<size_t>::max();
};

}  // namespace floe::store
