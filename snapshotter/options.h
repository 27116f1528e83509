// SPDX-License-Identifier: Apache-2.0
// Settings of floe-snapshotter: flags over floe.toml over defaults.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/config.h"
#include "base/status.h"
#include "snapshotter/image_lowers.h"
#include "snapshotter/snapshotter.h"

namespace floe::snapshotter {

enum class DaemonStart { kAtOnce, kOnFirstImage };

struct ProgramOptions {
  std::string config = kDefaultConfigPath;
  std::string root = "/var/lib/floe";
  std::string socket = "/run/floe/snapshotter.sock";
  std::string runtime_dir = "/run/floe";
  // Of floe-keeper and floe-fusefs; empty: beside this program, else in PATH.
  std::string keeper_program;
  std::string fusefs_program;
  DaemonStart daemons = DaemonStart::kAtOnce;
  std::string backend = "auto";  // "file", "loop": how images are mounted
  std::chrono::milliseconds mount_timeout{15000};
  // The content store that commits write to.
  std::string containerd = "/run/containerd/containerd.sock";
  // Where metrics are served: a path (unix socket), or host:port of a loopback address; empty: not.
  std::string metrics;
  std::string log_level = "info";
  bool log_json = false;

  // Takes the tables [snapshotter] and [log] of the file.
  absl::Status Read(const Config& file);
  // INVALID_ARGUMENT names the setting and what it may be.
  absl::Status Validate() const;

  SnapshotterOptions ForSnapshotter() const;
  ImageLowersOptions ForImages() const;
};

}  // namespace floe::snapshotter
