// SPDX-License-Identifier: Apache-2.0
#include "base/secret.h"

#include <openssl/crypto.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <new>
#include <set>
#include <utility>

#include "base/mutex.h"

namespace floe {
namespace {

size_t MappedSize(size_t size) {
  static const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return std::max<size_t>(1, (size + page - 1) / page) * page;
}

// Mappings that could not be locked. Never destroyed: secrets may outlive static objects.
struct Unlocked {
  Mutex mutex;
  std::set<void*> pages FLOE_GUARDED_BY(mutex);
  std::atomic<size_t> bytes = 0;
};
Unlocked& unlocked() {
  static Unlocked& all = *new Unlocked;
  return all;
}

void NoteUnlocked(void* pages, size_t mapped) {
  MutexLock lock(unlocked().mutex);
  unlocked().pages.insert(pages);
  unlocked().bytes += mapped;
}

void ForgetUnlocked(void* pages, size_t mapped) {
  if (unlocked().bytes == 0) return;
  MutexLock lock(unlocked().mutex);
  if (unlocked().pages.erase(pages) > 0) unlocked().bytes -= mapped;
}

}  // namespace

void* AllocateSecretPages(size_t bytes) {
  const size_t mapped = MappedSize(bytes);
  void* pages = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) throw std::bad_alloc();
  // RLIMIT_MEMLOCK may be small: an unlocked secret still works, it could only reach swap.
  if (mlock(pages, mapped) != 0) NoteUnlocked(pages, mapped);
  (void)madvise(pages, mapped, MADV_DONTDUMP);
  return pages;
}

void FreeSecretPages(void* pages, size_t bytes) noexcept {
  if (pages == nullptr) return;
  const size_t mapped = MappedSize(bytes);
  OPENSSL_cleanse(pages, bytes);
  ForgetUnlocked(pages, mapped);
  munmap(pages, mapped);
}

size_t UnlockedSecretBytes() { return unlocked().bytes; }

Secret::Secret(size_t size) : size_(size) {
  if (size > 0) data_ = static_cast<uint8_t*>(AllocateSecretPages(size));
}

Secret Secret::Copy(ByteView bytes) {
  Secret secret(bytes.size());
  if (secret.data_ != nullptr) std::memcpy(secret.data_, bytes.data(), bytes.size());
  return secret;
}

Secret::Secret(Secret&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    Reset();
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

Secret::~Secret() { Reset(); }

void Secret::Reset() {
  if (data_ == nullptr) return;
  FreeSecretPages(data_, size_);
  data_ = nullptr;
  size_ = 0;
}

bool Secret::Equals(const Secret& other) const {
  return size_ == other.size_ && (size_ == 0 || CRYPTO_memcmp(data_, other.data_, size_) == 0);
}

void Wipe(MutableByteView bytes) { OPENSSL_cleanse(bytes.data(), bytes.size()); }

}  // namespace floe
