// SPDX-License-Identifier: Apache-2.0
// A shard that a lying server makes up: right in all but its content.
#pragma once

#include "cache/shard.h"

namespace floe::cache {

// Shard `index` of a chunk that is `fill` all over, under another chunk's name: header and check
// sum fit.
inline store::SealedBytes ForgedShard(const store::ChunkId& id, const Code& code, size_t index,
                                      size_t sealed_length, uint8_t fill) {
  return MakeShards(id, Bytes(sealed_length, fill), ErasureCode(code), {index})[0];
}

}  // namespace floe::cache
