// SPDX-License-Identifier: Apache-2.0
// The first half of the merge: what a layer leaves to the layers below it.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "converter/flatten/layer_builder.h"

namespace floe::converter {

// An inode of some layer.
struct LayerInode {
  size_t layer = 0;
  erofs::InodeId inode = kNoInode;
};

// Settles layer by layer, bottom first. Not thread safe.
class LowerResolver {
 public:
  // Both are borrowed.
  LowerResolver(std::vector<std::unique_ptr<LayerBuilder>>& layers,
                const std::vector<std::string>& names);

  absl::Status Run();

  // The inode that `inode` really is: links to lower files are followed.
  LayerInode Follow(LayerInode inode) const;

 private:
  const LayerTree* FindBelow(size_t layer, absl::string_view path, NodeId* node) const;
  void InheritAttributes(size_t layer);
  absl::Status LinkLower(size_t layer);
  LayerInode FindVisible(size_t above, absl::string_view path) const;

  std::vector<std::unique_ptr<LayerBuilder>>& layers_;
  const std::vector<std::string>& names_;
  absl::flat_hash_map<std::pair<size_t, erofs::InodeId>, LayerInode> aliases_;
};

}  // namespace floe::converter
