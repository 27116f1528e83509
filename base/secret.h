// SPDX-License-Identifier: Apache-2.0
// Secret bytes: locked in memory where the limit allows, left out of core dumps, wiped when gone.
#pragma once

#include <cstddef>
#include <limits>
#include <memory>
#include <new>

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

// What Secret is made of: whole pages of their own, zeroed, left out of core dumps, and locked in
// memory unless that fails (RLIMIT_MEMLOCK). Freeing wipes. Thread safe. Throws std::bad_alloc.
void* AllocateSecretPages(size_t bytes);
void FreeSecretPages(void* pages, size_t bytes) noexcept;

// Bytes of secret pages in use that could not be locked and may reach swap. Thread safe.
size_t UnlockedSecretBytes();

// For a std::vector of secrets: its memory is secret pages, so neither growth nor the end leaves a
// copy behind.
template <typename T>
struct SecretAllocator {
  using value_type = T;
  SecretAllocator() = default;
  template <typename U>
  SecretAllocator(const SecretAllocator<U>&) {}  // NOLINT(google-explicit-constructor)
  T* allocate(size_t count) {
    if (count > std::numeric_limits<size_t>::max() / 2 / sizeof(T)) throw std::bad_alloc();
    return static_cast<T*>(AllocateSecretPages(count * sizeof(T)));
  }
  void deallocate(T* items, size_t count) noexcept { FreeSecretPages(items, count * sizeof(T)); }
  friend bool operator==(const SecretAllocator&, const SecretAllocator&) { return true; }
};

// Overwrites `bytes` in a way the compiler may not remove.
void Wipe(MutableByteView bytes);

}  // namespace floe
