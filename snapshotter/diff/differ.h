// SPDX-License-Identifier: Apache-2.0
// The diff plugin: makes the layer of a container from its upper directory alone. containerd's own
// differ compares two whole trees and by that reads, that is fetches, the whole image.
#pragma once

#include <ctime>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "snapshotter/diff/layer_store.h"
#include "snapshotter/mounts.h"

namespace floe::snapshotter {

struct DiffRequest {
  std::vector<Mount> left;
  std::vector<Mount> right;
  std::string media_type;  // empty: OCI tar+gzip
  std::string name_space;
  std::string ref;
  Labels labels;
  std::optional<time_t> source_date_epoch;
};

struct LayerDescriptor {
  std::string media_type;
  std::string digest;  // "sha256:<hex>"
  uint64_t size = 0;
  std::string diff_id;  // digest of the tar; the blob's label containerd.io/uncompressed
};

inline constexpr char kUncompressedLabel[] = "containerd.io/uncompressed";

// Thread safe.
class Differ {
 public:
  // `snapshots` is the directory of layers; `store` must outlive it.
  Differ(std::string snapshots, LayerStore& store)
      : snapshots_(std::move(snapshots)), store_(store) {}

  // UNIMPLEMENTED leaves the work to containerd's walking differ: the mounts are not ours, the
  // media type is unknown, or the content store cannot be reached. `cancelled` is asked now and
  // then; CANCELLED.
  absl::StatusOr<LayerDescriptor> Diff(const DiffRequest& request,
                                       const std::function<bool()>& cancelled);

 private:
  const std::string snapshots_;
  LayerStore& store_;
};

}  // namespace floe::snapshotter
