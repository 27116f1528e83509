// SPDX-License-Identifier: Apache-2.0
// A fast origin before a durable one: a low-latency bucket, or a folder on the network, which holds
// copies of chunks and may lose them.
//
//   FLOE_ASSIGN_OR_RETURN(auto fast, FastOrigin::Open("s3://near?region=..."));
//   stack = TwoOrigins(fast->Chunks(root), stack, workers, timer);
#pragma once

#include <memory>
#include <string>

#include "base/executor.h"
#include "base/metrics.h"
#include "base/timer.h"
#include "store/chunk_store.h"
#include "store/origin/object_store.h"
#include "store/seal/seal.h"
#include "store/wrap/filling_store.h"

namespace floe::store {

// The place of a fast origin. It holds chunks by the names of a store's layout and nothing else: no
// floe.json, no log, no records, so it needs no `floe store init`, and may be emptied at any time.
// Thread safe.
class FastOrigin {
 public:
  // Any address of a store. A folder must exist (NOT_FOUND); S3 is asked nothing yet. Blocks on the
  // disk only.
  static absl::StatusOr<std::shared_ptr<FastOrigin>> Open(const std::string& address,
                                                          size_t io_threads = 4);

  std::shared_ptr<ChunkStore> Chunks(const RootId& root) const;
  const std::string& address() const { return address_; }

 private:
  FastOrigin(std::string address, std::shared_ptr<ObjectStore> objects)
      : address_(std::move(address)), objects_(std::move(objects)) {}

  const std::string address_;
  const std::shared_ptr<ObjectStore> objects_;
};

struct TwoOriginsOptions {
  // A fast origin that has not answered by then is late: the durable one is asked.
  std::chrono::milliseconds patience{250};
  // After so many failures one after the other it is left alone for `rest`; then one request tries.
  int failures = 8;
  std::chrono::seconds rest{10};
  FillPolicy fill;
};

// Gets ask `fast` and, whatever it answers but the right bytes, `durable`; what that gives is
// handed out, then put into `fast`. Puts, lists and Sync go to `durable`. A fast origin that is
// empty, damaged, slow or dead makes reads slower (by `patience` a few times), never wrong. What is
// damaged in it is passed over, not replaced: put-if-absent is all it needs to allow. `workers` and
// `timer` are borrowed and outlive it; `mismatches` (optional, borrowed) counts damaged chunks.
std::shared_ptr<ChunkStore> TwoOrigins(std::shared_ptr<ChunkStore> fast,
                                       std::shared_ptr<ChunkStore> durable, Executor& workers,
                                       Timer& timer, const TwoOriginsOptions& options = {},
                                       Counter* mismatches = nullptr);

}  // namespace floe::store
