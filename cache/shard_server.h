// SPDX-License-Identifier: Apache-2.0
// One server of the shared cache, whatever it is made of: a memcached, the simulator's, a fake.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "base/clock.h"
#include "store/seal/sealed_chunk.h"

namespace floe::cache {

enum class SetMode {
  kReplace,  // whatever is there
  kAdd,      // only if nothing is there
};

// Thread safe. No call waits: every callback is called exactly once, on any thread, possibly before
// the call returns, and at the deadline at the latest. Callbacks are short (they run on the
// server's event thread). The destructor answers what is under way (UNAVAILABLE), then returns.
class ShardServer {
 public:
  using GetCallback = std::function<void(absl::StatusOr<store::SealedBytes>)>;
  using SetCallback = std::function<void(absl::Status)>;

  virtual ~ShardServer() = default;

  // NOT_FOUND: the server has no such key; UNAVAILABLE: down, or too much is under way already (at
  // once); DEADLINE_EXCEEDED: no answer in time (a late one is drained and dropped).
  virtual void Get(const std::string& key, SteadyTime deadline, GetCallback done) = 0;

  // ALREADY_EXISTS: for kAdd, something is there; RESOURCE_EXHAUSTED: the server has no room for an
  // item of this size; else as Get. `ttl` in whole seconds; 0: until it is pushed out.
  virtual void Set(const std::string& key, store::SealedBytes bytes, SetMode mode,
                   std::chrono::seconds ttl, SteadyTime deadline, SetCallback done) = 0;

  // "10.0.0.5:11211": what placement sorts and hashes, so every client must write it alike.
  virtual std::string Name() const = 0;

  // The longest value that the server takes; memcached's default until it has told its own.
  virtual size_t MaxValueBytes() const { return (size_t{1} << 20) - 512; }
};

}  // namespace floe::cache
