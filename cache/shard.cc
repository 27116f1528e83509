// SPDX-License-Identifier: Apache-2.0
#include "cache/shard.h"

#include <isa-l/crc.h>

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace floe::cache {
namespace {

constexpr char kShardMagic[] = "FLS1";
constexpr size_t kShardCrcAt = 12;

void StoreU32(uint32_t value, uint8_t* out) {
  for (int i = 0; i < 4; ++i) out[i] = static_cast<uint8_t>(value >> (8 * i));
}

uint32_t LoadU32(const uint8_t* in) {
  uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value |= uint32_t{in[i]} << (8 * i);
  return value;
}

uint32_t Crc32c(uint32_t crc, ByteView bytes) {
  return crc32_iscsi(const_cast<unsigned char*>(bytes.data()), static_cast<int>(bytes.size()), crc);
}

void StoreHeader(const Code& code, size_t index, size_t sealed_length, uint8_t* out) {
  std::memcpy(out, kShardMagic, 4);
  out[4] = static_cast<uint8_t>(code.k);
  out[5] = static_cast<uint8_t>(code.r);
  out[6] = static_cast<uint8_t>(index);
  out[7] = 0;
  StoreU32(static_cast<uint32_t>(sealed_length), out + 8);
}

// The payload of a data shard: its slice, then zeros.
void AppendSlice(ByteView sealed, size_t payload, size_t index, Bytes& out) {
  const size_t begin = std::min(sealed.size(), index * payload);
  const size_t end = std::min(sealed.size(), begin + payload);
  out.insert(out.end(), sealed.begin() + static_cast<ptrdiff_t>(begin),
             sealed.begin() + static_cast<ptrdiff_t>(end));
  out.resize(kShardHeaderBytes + payload);
}

// Where each data shard's bytes lie: in `sealed` itself, or for those that end in filling in
// `tail`.
std::vector<const uint8_t*> DataPointers(ByteView sealed, size_t payload, size_t k, Bytes& tail) {
  std::vector<const uint8_t*> data(k);
  const size_t whole = sealed.size() / payload;
  tail.assign((k - std::min(k, whole)) * payload, 0);
  if (whole < k) {
    std::copy(sealed.begin() + static_cast<ptrdiff_t>(whole * payload), sealed.end(), tail.begin());
  }
  for (size_t i = 0; i < k; ++i) {
    data[i] = i < whole ? sealed.data() + i * payload : tail.data() + (i - whole) * payload;
  }
  return data;
}

absl::Status BadShard(const store::ChunkId& id, size_t index, absl::string_view why) {
  return absl::DataLossError(absl::StrCat("shard ", index, " of chunk ", id.ToHex(), ": ", why));
}

}  // namespace

uint32_t ShardCrc(const store::ChunkId& id, ByteView shard) {
  uint32_t crc = Crc32c(0xffffffff, id.bytes);
  crc = Crc32c(crc, shard.first(kShardCrcAt));
  return ~Crc32c(crc, shard.subspan(kShardHeaderBytes));
}

std::string ShardKey(const store::ChunkId& id, const Code& code, size_t index) {
  return absl::StrCat("f1.", id.ToHex(), ".", code.k, ".", code.r, ".", index);
}

std::string LeaseKey(const store::ChunkId& id) { return absl::StrCat("f1.", id.ToHex(), ".lease"); }

absl::StatusOr<ShardView> ParseShard(ByteView bytes, const store::ChunkId& id, const Code& code,
                                     size_t index) {
  if (bytes.size() <= kShardHeaderBytes) return BadShard(id, index, "too short");
  if (std::memcmp(bytes.data(), kShardMagic, 4) != 0) return BadShard(id, index, "no magic");
  if (bytes[4] != code.k || bytes[5] != code.r) return BadShard(id, index, "of another code");
  if (bytes[6] != index || bytes[7] != 0) return BadShard(id, index, "of another place");
  ShardView view;
  view.sealed_length = LoadU32(bytes.data() + 8);
  if (view.sealed_length == 0 || view.sealed_length > kMaxShardedBytes ||
      bytes.size() != kShardHeaderBytes + ShardPayloadBytes(view.sealed_length, code)) {
    return BadShard(id, index, "its lengths do not fit");
  }
  if (LoadU32(bytes.data() + kShardCrcAt) != ShardCrc(id, bytes)) {
    return BadShard(id, index, "its check sum does not fit");
  }
  view.payload = bytes.subspan(kShardHeaderBytes);
  return view;
}

std::vector<store::SealedBytes> MakeShards(const store::ChunkId& id, ByteView sealed,
                                           const ErasureCode& code,
                                           const std::vector<size_t>& indices) {
  const size_t k = code.code().k;
  const size_t payload = ShardPayloadBytes(sealed.size(), code.code());
  std::vector<std::shared_ptr<Bytes>> shards;
  std::vector<uint8_t*> parity(code.code().r, nullptr);
  for (const size_t index : indices) {
    auto shard = std::make_shared<Bytes>();
    shard->reserve(kShardHeaderBytes + payload);
    shard->resize(kShardHeaderBytes);
    if (index < k) {
      AppendSlice(sealed, payload, index, *shard);
    } else {
      shard->resize(kShardHeaderBytes + payload);
      parity[index - k] = shard->data() + kShardHeaderBytes;
    }
    StoreHeader(code.code(), index, sealed.size(), shard->data());
    shards.push_back(std::move(shard));
  }
  if (std::any_of(parity.begin(), parity.end(), [](uint8_t* p) { return p != nullptr; })) {
    Bytes tail;
    code.Encode(payload, DataPointers(sealed, payload, k, tail), parity);
  }
  for (const auto& shard : shards) StoreU32(ShardCrc(id, *shard), shard->data() + kShardCrcAt);
  return {shards.begin(), shards.end()};
}

std::vector<store::SealedBytes> MakeAllShards(const store::ChunkId& id, ByteView sealed,
                                              const ErasureCode& code) {
  std::vector<size_t> all(code.code().shards());
  for (size_t i = 0; i < all.size(); ++i) all[i] = i;
  return MakeShards(id, sealed, code, all);
}

store::SealedBytes JoinShards(const ErasureCode& code,
                              std::span<const std::optional<ShardView>> shards) {
  const size_t k = code.code().k;
  std::vector<const uint8_t*> there(shards.size(), nullptr);
  size_t length = 0;
  for (size_t i = 0, count = 0; i < shards.size() && count < k; ++i) {
    if (!shards[i]) continue;
    there[i] = shards[i]->payload.data();
    length = shards[i]->sealed_length;
    ++count;
  }
  const size_t payload = ShardPayloadBytes(length, code.code());
  auto sealed = std::make_shared<Bytes>();
  sealed->reserve(k * payload);
  std::vector<uint8_t*> out(k, nullptr);
  bool missing = false;
  for (size_t i = 0; i < k; ++i) {
    // Appending leaves nothing to be zeroed first where the shard is there.
    if (there[i] != nullptr) {
      sealed->insert(sealed->end(), there[i], there[i] + payload);
    } else {
      sealed->resize(sealed->size() + payload);
      missing = true;
    }
    out[i] = sealed->data() + i * payload;
  }
  // From what was just written, which is nearer than where it came from.
  for (size_t i = 0; i < k; ++i) there[i] = there[i] != nullptr ? out[i] : nullptr;
  if (missing) code.Reconstruct(payload, there, out);
  sealed->resize(length);
  return sealed;
}

}  // namespace floe::cache
