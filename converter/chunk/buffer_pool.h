// SPDX-License-Identifier: Apache-2.0
// Buffers that go round: a chunk's bytes are given back after sealing, so that steady work neither
// asks the kernel for fresh pages nor returns them a megabyte at a time.
#pragma once

#include <vector>

#include "base/bytes.h"
#include "base/mutex.h"

namespace floe::converter {

// Thread safe. Keeps what it is given; who bounds the buffers in flight bounds the pool.
class BufferPool {
 public:
  explicit BufferPool(size_t capacity_bytes) : capacity_bytes_(capacity_bytes) {}

  // An empty buffer with room for capacity_bytes.
  Bytes Take() FLOE_EXCLUDES(mutex_) {
    {
      MutexLock lock(mutex_);
      if (!free_.empty()) {
        Bytes buffer = std::move(free_.back());
        free_.pop_back();
        return buffer;
      }
    }
    Bytes buffer;
    buffer.reserve(capacity_bytes_);
    return buffer;
  }
  void Give(Bytes buffer) FLOE_EXCLUDES(mutex_) {
    if (buffer.capacity() < capacity_bytes_) return;
    buffer.clear();
    MutexLock lock(mutex_);
    free_.push_back(std::move(buffer));
  }

 private:
  const size_t capacity_bytes_;
  Mutex mutex_;
  std::vector<Bytes> free_ FLOE_GUARDED_BY(mutex_);
};

}  // namespace floe::converter
