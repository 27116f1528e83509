// SPDX-License-Identifier: Apache-2.0
// Mounting converted images without containerd: each mount has daemons of its own below
// kMountStateDir, so that `floe mount` touches nothing that a floe-snapshotter serves.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"

namespace floe::cli {

inline constexpr char kMountStateDir[] = "/run/floe-mount";
inline constexpr char kMountCacheDir[] = "/var/cache/floe-mount";

struct NodeMountRequest {
  std::string config;  // path of the configuration file: tiers and shared cache are taken from it
  Bytes manifest;      // FILE of doc/manifest.md
  std::string label;   // what logs call the image
  std::string target;  // an existing directory
  std::string store;   // address
  std::string keys;    // directory
  bool allow_unsigned = false;
  std::string cache_dir;  // empty: one that goes with the mount
  std::string backend;    // "file", "loop", or empty: by probe
  std::chrono::milliseconds timeout{60'000};
};

// What is mounted, as remembered on disk.
struct NodeMount {
  std::string id;      // name of its folder in the state directory
  std::string target;  // absolute
  std::string label;
  std::string cache_dir;  // removed at unmounting; empty: kept
  std::vector<std::string> fusefs_arguments;
};

// Starts floe-keeper and floe-fusefs, mounts, binds the tree to the target. What a failed attempt
// made is gone again. ALREADY_EXISTS when something of floe's is mounted there; PERMISSION_DENIED
// unless root.
absl::Status MountOnNode(const NodeMountRequest& request);

// Unmounts and ends the daemons. NOT_FOUND when nothing of floe's is there. Works after a crash of
// the daemons too.
absl::Status UnmountOnNode(const std::string& target, std::chrono::milliseconds timeout);

// What is remembered, mounted or not.
absl::StatusOr<std::vector<NodeMount>> ListNodeMounts();

}  // namespace floe::cli
