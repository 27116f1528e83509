// SPDX-License-Identifier: Apache-2.0
// One shard as a server keeps it (grammar: doc/cache.md). Numbers are little-endian.
//
//   KEY   = "f1." id "." k "." r "." index            id: 64 hexadecimal digits; numbers decimal
//   SHARD = "FLS1" k:u8 r:u8 index:u8 zero:u8 length:u32 crc:u32 payload
//
// `length` is that of the sealed chunk, `payload` its ceil(length / k) bytes number `index` (the
// last shard of data filled with zeros), or parity. `crc` is the CRC-32C of id | the first 12 bytes
// | payload: a shard of another chunk, of another code or in another's place does not fit.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cache/erasure_code.h"
#include "store/seal/sealed_chunk.h"

namespace floe::cache {

inline constexpr size_t kShardHeaderBytes = 16;
// The longest sealed chunk (store.md: raw at most 1 MiB) and nothing beyond it.
inline constexpr size_t kMaxShardedBytes = (size_t{1} << 20) + 16;

std::string ShardKey(const store::ChunkId& id, const Code& code, size_t index);
// Of the lease on a chunk that everybody misses.
std::string LeaseKey(const store::ChunkId& id);

inline size_t ShardPayloadBytes(size_t sealed_length, const Code& code) {
  return (sealed_length + code.k - 1) / code.k;
}

// A checked shard; borrows the bytes it was parsed from.
struct ShardView {
  size_t sealed_length = 0;
  ByteView payload;
};

// The crc of a SHARD; `shard` is at least the header. What its own field says does not matter.
uint32_t ShardCrc(const store::ChunkId& id, ByteView shard);

// DATA_LOSS unless `bytes` is exactly shard `index` of `id` under `code`.
absl::StatusOr<ShardView> ParseShard(ByteView bytes, const store::ChunkId& id, const Code& code,
                                     size_t index);

// The shards with these indices, in their order; `sealed` is 1..kMaxShardedBytes bytes.
std::vector<store::SealedBytes> MakeShards(const store::ChunkId& id, ByteView sealed,
                                           const ErasureCode& code,
                                           const std::vector<size_t>& indices);
std::vector<store::SealedBytes> MakeAllShards(const store::ChunkId& id, ByteView sealed,
                                              const ErasureCode& code);

// The sealed bytes again, from k+r entries of which at least k are set, all of one length; the
// first k are used. Nobody checked the result.
store::SealedBytes JoinShards(const ErasureCode& code,
                              std::span<const std::optional<ShardView>> shards);

}  // namespace floe::cache
