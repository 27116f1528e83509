// SPDX-License-Identifier: Apache-2.0
// From a snapshot's directories to the mount that containerd or its shim makes. Pure.
#pragma once

#include <string>
#include <vector>

#include "snapshotter/meta/snapshot.h"

namespace floe::snapshotter {

struct Mount {
  std::string type;
  std::string source;
  std::string target;
  std::vector<std::string> options;

  bool operator==(const Mount&) const = default;
};

struct MountInputs {
  Kind kind = Kind::kActive;
  std::string upper;                // snapshots/<id>/fs
  std::string work;                 // snapshots/<id>/work
  std::vector<std::string> lowers;  // nearest first; empty without parents
  std::vector<std::string> overlay_options;
};

// Without parents, and for a view of one layer, a bind (containerd unpacks whiteouts into an
// overlay's upper directory, but has nothing to hide without parents); otherwise an overlay.
std::vector<Mount> BuildMounts(const MountInputs& inputs);

// Options every overlay of ours needs on this machine: "index=off" where the kernel knows it (upper
// directories are used by more than one mount in turn), "userxattr" inside a user namespace.
std::vector<std::string> OverlayOptionsHere();

}  // namespace floe::snapshotter
