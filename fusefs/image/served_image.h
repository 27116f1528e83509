// SPDX-License-Identifier: Apache-2.0
// What the FUSE file system needs to know of the images that are open.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "fusefs/image/image_reader.h"

namespace floe::fusefs {

// One file of the FUSE file system. Immutable.
struct ServedImage {
  std::string name;
  std::string label;
  uint64_t inode = 0;  // never used for anything else, before or after
  std::shared_ptr<const ImageReader> reader;
  SteadyTime opened_at{};  // when OpenImage was asked for
  bool restored = false;   // from the keeper, after a restart
  uint64_t size() const { return reader->manifest().image_size; }
};

// Thread safe.
class ImageCatalog {
 public:
  virtual ~ImageCatalog() = default;
  // nullptr when there is none; an image that is closing has no name any more.
  virtual std::shared_ptr<const ServedImage> ByName(const std::string& name) const = 0;
  // Also while it is closing, until the kernel has released it.
  virtual std::shared_ptr<const ServedImage> ByInode(uint64_t inode) const = 0;
  virtual std::vector<std::shared_ptr<const ServedImage>> List() const = 0;
  // The kernel holds `handle` of the image from now on / no longer. The same handle twice counts
  // once (a request resent after a restart). Blocks while the keeper records it.
  virtual absl::Status Opened(uint64_t inode, uint64_t handle) = 0;
  virtual void Released(uint64_t inode, uint64_t handle) = 0;
};

}  // namespace floe::fusefs
