// SPDX-License-Identifier: Apache-2.0
// What a snapshot is: containerd's terms (kind, key, parent, labels), and what we keep beside them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/clock.h"

namespace floe::snapshotter {

enum class Kind { kView = 1, kActive = 2, kCommitted = 3 };  // containerd's numbers

using Labels = std::map<std::string, std::string>;

// What containerd sees of a snapshot. Keys and names are opaque and share one space.
struct Info {
  std::string name;
  std::string parent;  // name of the parent, empty for none
  Kind kind = Kind::kActive;
  SystemTime created;
  SystemTime updated;
  Labels labels;  // never with an empty value: an empty value deletes

  bool operator==(const Info&) const = default;
};

struct Usage {
  int64_t bytes = 0;
  int64_t inodes = 0;

  bool operator==(const Usage&) const = default;
};

// One layer of a chain. `id` names its directory snapshots/<id>; `manifest` is empty for an
// ordinary layer, else the name of a file in manifests/: the layer is a floe layer for good. `name`
// is the snapshot's, empty once that is removed.
struct Layer {
  int64_t id = 0;
  std::string manifest;
  std::string name;

  bool floe() const { return !manifest.empty(); }
  bool operator==(const Layer&) const = default;
};

struct Snapshot {
  Layer self;
  Info info;
  Usage usage;                 // of a committed snapshot, measured at Commit
  std::vector<Layer> parents;  // nearest first
};

}  // namespace floe::snapshotter
