// SPDX-License-Identifier: Apache-2.0
// The address of a sealed chunk: SHA-256 of its sealed bytes.
#pragma once

#include <array>
#include <cstring>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "base/bytes.h"

namespace floe::store {

// 32 bytes, in a type of their own per meaning (chunk, manifest).
template <typename Tag>
struct Digest {
  std::array<uint8_t, 32> bytes{};

  std::string ToHex() const { return floe::ToHex(bytes); }
  // nullopt unless `hex` is 64 lower-case hexadecimal digits.
  static std::optional<Digest> FromHex(absl::string_view hex) {
    const std::optional<Bytes> decoded = floe::FromHex(hex);
    if (!decoded || decoded->size() != 32) return std::nullopt;
    Digest digest;
    std::memcpy(digest.bytes.data(), decoded->data(), 32);
    return digest;
  }
  friend auto operator<=>(const Digest&, const Digest&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const Digest& digest) {
    return H::combine_contiguous(std::move(h), digest.bytes.data(), digest.bytes.size());
  }
};

using ChunkId = Digest<struct ChunkIdTag>;
using ManifestId = Digest<struct ManifestIdTag>;

}  // namespace floe::store
