// SPDX-License-Identifier: Apache-2.0
// The kernel's FUSE protocol for one flat directory of read-only files, just enough to put EROFS on
// one. For the start-up probe (mount/probe.h) and for tests; floe-fusefs has the real server.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "base/bytes.h"
#include "base/mutex.h"
#include "base/status.h"

namespace floe::mount {

// Fills `out` with the file's bytes from `offset`; returns how many to answer with, or -errno.
using TinyRead = std::function<int(uint64_t offset, MutableByteView out)>;

struct TinyFile {
  uint64_t inode = 0;  // >= 2, unique
  uint64_t size = 0;
  TinyRead read;
};

// One thread serves (Serve); files may be added and removed from others. Thread safe but for Serve.
class TinyFuse {
 public:
  void Add(const std::string& name, TinyFile file) FLOE_EXCLUDES(mutex_);
  // Opened files go on; NOT_FOUND when there is none.
  absl::Status Remove(const std::string& name) FLOE_EXCLUDES(mutex_);
  // Kernel opens not yet released, of all files.
  uint64_t open_count() const FLOE_EXCLUDES(mutex_);

  // Answers requests of `device` until `stop` (borrowed, readable = stop) or until the connection
  // ends; OK for both.
  absl::Status Serve(int device, int stop) FLOE_EXCLUDES(mutex_);

 private:
  struct Request;
  // The payload, or -errno; nullopt-like 1 for requests without an answer.
  int Answer(const Request& request, Bytes& payload) FLOE_EXCLUDES(mutex_);
  int Init(const Request& request, Bytes& payload);
  int Lookup(const Request& request, Bytes& payload) FLOE_EXCLUDES(mutex_);
  int GetAttr(const Request& request, Bytes& payload) FLOE_EXCLUDES(mutex_);
  int Open(const Request& request, Bytes& payload) FLOE_EXCLUDES(mutex_);
  int Read(const Request& request, Bytes& payload) FLOE_EXCLUDES(mutex_);

  mutable Mutex mutex_;
  std::map<uint64_t, TinyFile> files_ FLOE_GUARDED_BY(mutex_);  // by inode; removed ones stay
  std::map<std::string, uint64_t> names_ FLOE_GUARDED_BY(mutex_);
  uint64_t open_count_ FLOE_GUARDED_BY(mutex_) = 0;
};

}  // namespace floe::mount
