// SPDX-License-Identifier: Apache-2.0
// containerd's content store as a LayerStore, over its socket.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "snapshotter/diff/layer_store.h"

namespace floe::snapshotter {

struct ContainerdStubs;

// Each blob is written under a lease of its own that ends by itself after an hour: the client's
// lease does not reach a diff plugin, and a garbage collection between our commit and the client's
// use of the blob would take it away. Thread safe; connects when first used.
class ContentStore : public LayerStore {
 public:
  // `address` is containerd's socket.
  explicit ContentStore(std::string address);
  ~ContentStore() override;

  // INVALID_ARGUMENT without a namespace; UNAVAILABLE when containerd cannot be reached, or
  // somebody else writes under `ref`.
  absl::StatusOr<std::unique_ptr<LayerIngest>> Begin(const std::string& name_space,
                                                     const std::string& ref) override;

 private:
  const std::string address_;
  std::shared_ptr<ContainerdStubs> stubs_;  // the ingests share them
};

}  // namespace floe::snapshotter
