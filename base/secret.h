// SPDX-License-Identifier: Apache-2.0
// Secret bytes: locked in memory where the limit allows, left out of core dumps, wiped when gone.
#pragma once

#include <cstddef>
#include <memory>

#include "base/bytes.h"

namespace floe {

// Owns secret bytes. Moves, never copies by accident (Clone is explicit), has no way to print
// itself, compares in constant time. Thread compatible.
class Secret {
 public:
  Secret() = default;
  // `size` zero bytes.
  explicit Secret(size_t size);
  // Copies `bytes`; the caller still has to wipe its own copy.
  static Secret Copy(ByteView bytes);

  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret();

  Secret Clone() const { return Copy(view()); }

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  ByteView view() const { return {data_, size_}; }
  MutableByteView mutable_view() { return {data_, size_}; }

  // Constant-time comparison.
  bool Equals(const Secret& other) const;

 private:
  void Reset();

  uint8_t* data_ = nullptr;  // whole pages of its own, from mmap
  size_t size_ = 0;
};

// Overwrites `bytes` in a way the compiler may not remove.
void Wipe(MutableByteView bytes);

}  // namespace floe
