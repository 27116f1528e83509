// SPDX-License-Identifier: Apache-2.0
// One layer, from its stored bytes to its tree and spool.
#pragma once

#include <memory>
#include <string>

#include "base/mutex.h"
#include "converter/flatten/flatten.h"
#include "converter/flatten/layer_builder.h"
#include "converter/flatten/piece_source.h"
#include "converter/flatten/spool.h"

namespace floe::converter {

// What all layers of one Flatten share: limits, progress, the wish to stop. Thread safe.
class FlattenTally {
 public:
  // `options` is borrowed.
  explicit FlattenTally(const FlattenOptions& options) : options_(options) {}

  // CANCELLED when the caller or a failed layer asked for it.
  absl::Status CheckStop() const;
  // Makes the other layers stop.
  void Stop() { stop_.Cancel(); }

  void AddCompressed(uint64_t bytes) FLOE_EXCLUDES(mutex_);
  void AddUnpacked(uint64_t bytes) FLOE_EXCLUDES(mutex_);
  // RESOURCE_EXHAUSTED when one more entry, `data` more bytes of data or `xattrs` more bytes of
  // xattrs pass a limit.
  absl::Status AddEntry(uint64_t data, uint64_t xattrs) FLOE_EXCLUDES(mutex_);
  // The same for directories that have no entry of their own, only others below them.
  absl::Status AddImplied(uint64_t directories) FLOE_EXCLUDES(mutex_);
  void LayerDone() FLOE_EXCLUDES(mutex_);

  FlattenProgress progress() const FLOE_EXCLUDES(mutex_);

 private:
  absl::Status CheckEntries() const FLOE_REQUIRES(mutex_);
  void Report() FLOE_REQUIRES(mutex_);

  const FlattenOptions& options_;
  CancelSource stop_;
  mutable Mutex mutex_;
  FlattenProgress progress_ FLOE_GUARDED_BY(mutex_);
  uint64_t implied_ FLOE_GUARDED_BY(mutex_) = 0;
  uint64_t data_bytes_ FLOE_GUARDED_BY(mutex_) = 0;
  uint64_t xattr_bytes_ FLOE_GUARDED_BY(mutex_) = 0;
  uint64_t reported_ FLOE_GUARDED_BY(mutex_) = 0;
};

struct LayerResult {
  std::unique_ptr<Spool> spool;
  std::unique_ptr<LayerBuilder> builder;
  std::string diff_id;  // when strict
};

// `bottom`: the lowest layer. The error names layer and entry.
absl::StatusOr<LayerResult> ReadLayer(const LayerInput& layer, bool bottom,
                                      const FlattenOptions& options, FlattenTally& tally);

}  // namespace floe::converter
