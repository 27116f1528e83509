// SPDX-License-Identifier: Apache-2.0
// Which erasure code: how many shards of data and of parity.
#pragma once

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "base/status.h"

namespace floe::cache {

inline constexpr size_t kMaxShards = 32;

// k shards of data and r of parity. 1+1: two copies; 1+0: one copy.
struct Code {
  size_t k = 4;
  size_t r = 1;

  size_t shards() const { return k + r; }
  friend bool operator==(const Code&, const Code&) = default;
};

// The code for that many servers: `wanted`, or with fewer than k+r servers as much parity as leaves
// one shard of data, then data on the rest. 4+1: 3 servers 2+1, 2 servers 1+1, 1 server 1+0.
Code CodeFor(const Code& wanted, size_t servers);

// "4+1". INVALID_ARGUMENT unless 1 <= k and k+r <= kMaxShards.
absl::StatusOr<Code> ParseCode(absl::string_view text);

// "4+1".
std::string CodeText(const Code& code);

}  // namespace floe::cache
