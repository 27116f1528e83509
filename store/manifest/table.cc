// SPDX-License-Identifier: Apache-2.0
#include "store/manifest/table.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace floe::store {
namespace {

// Types of the facts, ascending in the file; unknown ones are skipped.
enum Fact : uint16_t {
  kSourceDigest = 1,
  kPlatform = 2,
  kLayoutVersion = 3,
  kChunkerParameters = 4,
  kCodecParameters = 5,
};
constexpr size_t kMaxFactBytes = 4096;
// The codec shares a word with the sealed length, which needs 21 bits.
constexpr uint32_t kCodecShift = 24;
constexpr uint32_t kSealedLengthMask = (1u << kCodecShift) - 1;
static_assert(kMaxSealedChunkBytes <= kSealedLengthMask);

absl::Status Broken(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("manifest: ", what));
}

void PutFact(uint16_t type, ByteView value, LittleEndianWriter& out) {
  out.Put(type);
  out.Put(static_cast<uint16_t>(value.size()));
  out.PutBytes(value);
}

Bytes EncodeFacts(const ManifestFacts& facts) {
  LittleEndianWriter layout;
  layout.Put(facts.layout_version);
  LittleEndianWriter out;
  PutFact(kSourceDigest, AsBytes(facts.source_digest), out);
  PutFact(kPlatform, AsBytes(facts.platform), out);
  PutFact(kLayoutVersion, layout.view(), out);
  PutFact(kChunkerParameters, AsBytes(facts.chunker_parameters), out);
  PutFact(kCodecParameters, AsBytes(facts.codec_parameters), out);
  return out.Take();
}

absl::Status DecodeFact(uint16_t type, ByteView value, ManifestFacts& facts) {
  const std::string text(AsText(value));
  switch (type) {
    case kSourceDigest:
      facts.source_digest = text;
      break;
    case kPlatform:
      facts.platform = text;
      break;
    case kLayoutVersion: {
      LittleEndianReader in(value);
      facts.layout_version = in.Get<uint32_t>();
      if (!in.ok() || in.remaining() != 0) return Broken("its layout version is malformed");
      break;
    }
    case kChunkerParameters:
      facts.chunker_parameters = text;
      break;
    case kCodecParameters:
      facts.codec_parameters = text;
      break;
    default:
      break;
  }
  return absl::OkStatus();
}

absl::Status DecodeFacts(ByteView bytes, ManifestFacts& facts) {
  LittleEndianReader in(bytes);
  uint32_t last = 0;
  while (in.ok() && in.remaining() > 0) {
    const auto type = in.Get<uint16_t>();
    const ByteView value = in.GetBytes(in.Get<uint16_t>());
    if (!in.ok()) return Broken("its facts are cut off");
    if (type <= last) return Broken("its facts do not ascend");
    last = type;
    FLOE_RETURN_IF_ERROR(DecodeFact(type, value, facts));
  }
  return in.ok() ? absl::OkStatus() : Broken("its facts are cut off");
}

absl::Status CheckChunk(const ChunkRef& chunk, size_t index) {
  const auto broken = [&](absl::string_view what) {
    return Broken(absl::StrCat("chunk ", index, " (", chunk.id.ToHex(), ") ", what));
  };
  if (chunk.raw_length == 0 || chunk.raw_length % kBlockBytes != 0 ||
      chunk.raw_length > kMaxRawChunkBytes) {
    return broken(absl::StrCat("has a raw length of ", chunk.raw_length, " bytes"));
  }
  if (chunk.codec != Codec::kNone && chunk.codec != Codec::kZstd) return broken("has no codec");
  const uint32_t longest = chunk.raw_length + 16;
  if (chunk.sealed_length < 16 || chunk.sealed_length > longest ||
      (chunk.codec == Codec::kNone && chunk.sealed_length != longest)) {
    return broken(absl::StrCat("has a sealed length of ", chunk.sealed_length, " bytes"));
  }
  return absl::OkStatus();
}

absl::Status CheckExtents(const Manifest& manifest) {
  const uint64_t blocks = manifest.image_size / kBlockBytes;
  uint64_t end = 0;
  for (const Extent& extent : manifest.extents) {
    if (extent.chunk >= manifest.chunks.size()) {
      return Broken(absl::StrCat("the extent at block ", extent.first_block, " names chunk ",
                                 extent.chunk, " of ", manifest.chunks.size()));
    }
    if (extent.first_block < end) {
      return Broken(absl::StrCat("the extent at block ", extent.first_block,
                                 " overlaps the one before or does not ascend"));
    }
    end = uint64_t{extent.first_block} + manifest.chunks[extent.chunk].raw_length / kBlockBytes;
    if (end > blocks) {
      return Broken(absl::StrCat("the extent at block ", extent.first_block, " ends after block ",
                                 blocks, ", the image's last"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckFacts(const ManifestFacts& facts) {
  for (const std::string& text :
       {facts.source_digest, facts.platform, facts.chunker_parameters, facts.codec_parameters}) {
    if (text.size() > kMaxFactBytes) return Broken("a fact is longer than 4096 bytes");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckManifest(const Manifest& manifest) {
  if (manifest.image_size % kBlockBytes != 0 || manifest.image_size / kBlockBytes > UINT32_MAX) {
    return Broken("the flat image's size is not a number of blocks");
  }
  for (size_t i = 0; i < manifest.chunks.size(); ++i) {
    FLOE_RETURN_IF_ERROR(CheckChunk(manifest.chunks[i], i));
    if (i > 0 && manifest.chunks[i - 1].id >= manifest.chunks[i].id) {
      return Broken(absl::StrCat("chunk ", i, ": its id does not ascend"));
    }
  }
  FLOE_RETURN_IF_ERROR(CheckFacts(manifest.facts));
  return CheckExtents(manifest);
}

Secret EncodeTable(const Manifest& manifest) {
  const Bytes facts = EncodeFacts(manifest.facts);
  Secret table(kChunkEntryBytes * manifest.chunks.size() + kExtentBytes * manifest.extents.size() +
               facts.size());
  uint8_t* at = table.mutable_view().data();
  const auto put = [&at](ByteView bytes) { at = std::copy(bytes.begin(), bytes.end(), at); };
  const auto put_word = [&at](uint32_t value) {
    for (size_t i = 0; i < 4; ++i) *at++ = static_cast<uint8_t>(value >> (8 * i));
  };
  for (const ChunkRef& chunk : manifest.chunks) {
    put(chunk.key);
    put_word(chunk.raw_length);
    put_word(chunk.sealed_length | static_cast<uint32_t>(chunk.codec) << kCodecShift);
  }
  for (const Extent& extent : manifest.extents) {
    put_word(extent.first_block);
    put_word(extent.chunk);
  }
  put(facts);
  return table;
}

absl::Status DecodeTable(ByteView table, const ManifestHeader& header, Manifest& manifest) {
  LittleEndianReader in(table);
  manifest.chunks.resize(header.chunks);
  for (ChunkRef& chunk : manifest.chunks) {
    const ByteView key = in.GetBytes(chunk.key.size());
    std::copy(key.begin(), key.end(), chunk.key.begin());
    chunk.raw_length = in.Get<uint32_t>();
    const auto sealed = in.Get<uint32_t>();
    chunk.sealed_length = sealed & kSealedLengthMask;
    chunk.codec = static_cast<Codec>(sealed >> kCodecShift);
  }
  manifest.extents.resize(header.extents);
  for (Extent& extent : manifest.extents) {
    extent.first_block = in.Get<uint32_t>();
    extent.chunk = in.Get<uint32_t>();
  }
  if (!in.ok()) return Broken("its table is cut off");
  return DecodeFacts(table.subspan(in.position()), manifest.facts);
}

}  // namespace floe::store
