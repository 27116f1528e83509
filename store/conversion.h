// SPDX-License-Identifier: Apache-2.0
// Converting again finds the existing result (store.md, "Manifest"): the name of a conversion, and
// what the store keeps under x/<conversion>.
#pragma once

#include <string>
#include <vector>

#include "base/secret.h"
#include "base/status.h"
#include "store/chunk_id.h"
#include "store/seal/seal.h"

namespace floe::store {

using ConversionId = Digest<struct ConversionIdTag>;

// The annotation of the published image manifest: ConversionId in hexadecimal.
inline constexpr char kConversionAnnotation[] = "floe.conversion";

// Everything that the result depends on.
struct ConversionInputs {
  std::string source_digest;  // "sha256:..." of the source's image manifest
  std::string platform;       // "linux/amd64"
  uint32_t layout_version = 1;
  std::string chunker_parameters;
  std::string codec_parameters;
  std::vector<std::string> recipients;  // Recipient::Describe(); order does not matter
  std::vector<std::string> signers;     // key ids in hexadecimal; order does not matter
  std::string profile;                  // digest of the start profile, or empty
};
// HMAC-SHA256 under the domain secret, so that whoever lists x/ cannot confirm what was converted.
ConversionId ComputeConversionId(const Secret& domain_secret, const ConversionInputs& inputs);

struct ConversionRecord {
  ManifestId manifest;
  RootId birth_root{};
  Bytes image_manifest;  // the converted image's, exactly as published
  Bytes config;
  Bytes layer;  // the tiny layer
};
inline constexpr size_t kMaxConversionRecordBytes = 300 << 20;

// Fixed grammar with a digest at the end (doc/store.md).
Bytes EncodeConversionRecord(const ConversionRecord& record);
// DATA_LOSS when malformed or altered.
absl::StatusOr<ConversionRecord> DecodeConversionRecord(ByteView bytes);

}  // namespace floe::store
