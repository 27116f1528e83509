// SPDX-License-Identifier: Apache-2.0
#include "store/registry/pack_index.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/codec.h"
#include "store/seal/seal.h"

namespace floe::store {
namespace {

constexpr absl::string_view kIndexMagic = "FLOEIDX1";
constexpr size_t kIndexHeadBytes = 8 + 32 + 4 + 4;
constexpr size_t kPackEntryBytes = 32 + 8;
constexpr size_t kChunkEntryBytes = 32 + 4 + 4 + 4;
constexpr uint64_t kMaxPackedChunkBytes = kMaxRawChunkBytes + 16;

absl::Status DamagedIndex(absl::string_view reason) {
  return absl::DataLossError(absl::StrCat("the index of a manifest's chunks is damaged (", reason,
                                          "); convert the image again"));
}

template <size_t N>
void GetArray(LittleEndianReader& in, std::array<uint8_t, N>& out) {
  const ByteView bytes = in.GetBytes(N);
  std::copy(bytes.begin(), bytes.end(), out.begin());
}

absl::Status CheckChunk(const PackIndex& index, const PackedChunk& chunk) {
  if (!index.chunks.empty() && !(index.chunks.back().id < chunk.id)) {
    return DamagedIndex("its chunks are not in order");
  }
  if (chunk.pack >= index.packs.size()) return DamagedIndex("a chunk lies in no pack");
  const uint64_t end = uint64_t{chunk.offset} + chunk.length;
  if (chunk.length == 0 || chunk.length > kMaxPackedChunkBytes ||
      end > index.packs[chunk.pack].size) {
    return DamagedIndex("a chunk lies outside its pack");
  }
  return absl::OkStatus();
}

}  // namespace

Bytes EncodePackIndex(const PackIndex& index) {
  LittleEndianWriter out;
  out.PutBytes(AsBytes(kIndexMagic));
  out.PutBytes(index.manifest.bytes);
  out.Put(static_cast<uint32_t>(index.packs.size()));
  out.Put(static_cast<uint32_t>(index.chunks.size()));
  for (const PackBlob& pack : index.packs) {
    out.PutBytes(pack.digest);
    out.Put(pack.size);
  }
  for (const PackedChunk& chunk : index.chunks) {
    out.PutBytes(chunk.id.bytes);
    out.Put(chunk.pack);
    out.Put(chunk.offset);
    out.Put(chunk.length);
  }
  return out.Take();
}

absl::StatusOr<PackIndex> DecodePackIndex(ByteView bytes) {
  LittleEndianReader in(bytes);
  if (AsText(in.GetBytes(kIndexMagic.size())) != kIndexMagic) return DamagedIndex("no magic");
  PackIndex index;
  GetArray(in, index.manifest.bytes);
  const uint64_t packs = in.Get<uint32_t>();
  const uint64_t chunks = in.Get<uint32_t>();
  if (packs > kMaxPackBlobs ||
      bytes.size() != kIndexHeadBytes + packs * kPackEntryBytes + chunks * kChunkEntryBytes) {
    return DamagedIndex("its length is not what it says");
  }
  for (uint64_t i = 0; i < packs; ++i) {
    PackBlob pack;
    GetArray(in, pack.digest);
    pack.size = in.Get<uint64_t>();
    if (pack.size == 0 || pack.size > UINT32_MAX)
      return DamagedIndex("a pack's size is impossible");
    index.packs.push_back(pack);
  }
  for (uint64_t i = 0; i < chunks; ++i) {
    PackedChunk chunk;
    GetArray(in, chunk.id.bytes);
    chunk.pack = in.Get<uint32_t>();
    chunk.offset = in.Get<uint32_t>();
    chunk.length = in.Get<uint32_t>();
    FLOE_RETURN_IF_ERROR(CheckChunk(index, chunk));
    index.chunks.push_back(chunk);
  }
  return index;
}

}  // namespace floe::store
