// SPDX-License-Identifier: Apache-2.0
// Where the differ puts layers: containerd's content store (content_store.h); tests have their own.
#pragma once

#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/status.h"
#include "snapshotter/meta/snapshot.h"

namespace floe::snapshotter {

// One blob being written. Not thread safe. What was not committed is gone with the object.
class LayerIngest {
 public:
  virtual ~LayerIngest() = default;
  virtual absl::Status Write(ByteView bytes) = 0;
  // OK also when a blob with this digest exists already; then it has got the labels as well.
  // `digest` is "sha256:<hex>" of all `size` bytes written.
  virtual absl::Status Commit(const std::string& digest, uint64_t size, const Labels& labels) = 0;
};

// Thread safe.
class LayerStore {
 public:
  virtual ~LayerStore() = default;
  // Begins a blob in a namespace of containerd's; `ref` names the write, empty: one of its own. The
  // blob survives containerd's garbage collection long enough for the caller's client to use it.
  virtual absl::StatusOr<std::unique_ptr<LayerIngest>> Begin(const std::string& name_space,
                                                             const std::string& ref) = 0;
};

}  // namespace floe::snapshotter
