// SPDX-License-Identifier: Apache-2.0
// The write path: source -> flatten -> chunk -> seal -> put -> record -> image -> name.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "converter/chunk/chunk_writer.h"
#include "converter/flatten/flatten.h"
#include "converter/progress.h"
#include "converter/source/image_destination.h"
#include "converter/source/image_source.h"
#include "converter/source/select.h"
#include "store/keys/key_directory.h"
#include "store/origin/store_handle.h"

namespace floe::converter {

struct ConvertOptions {
  PlatformChoice platforms;
  ChunkerParameters chunker;
  store::CodecParameters codec;
  size_t threads = 0;  // 0: one for each core
  size_t puts_in_flight = 32;
  bool strict = false;  // check diff ids
  bool reuse = true;    // use the result of an earlier conversion where there is one
  bool check_existing = true;
  std::string work_dir = "/var/tmp";  // needs the unpacked size of the image
  FlattenLimits limits;
  ProgressListener* progress = nullptr;  // borrowed
  CancelToken cancel;

  // INVALID_ARGUMENT.
  absl::Status Validate() const;
};

// "zstd 3", "none": as the manifest records it.
std::string DescribeCodec(const store::CodecParameters& codec);

// With what chunks are sealed and manifests signed and wrapped. Borrowed by Convert.
struct ConvertKeys {
  store::SealingDomain domain;
  std::vector<store::SigningKey> signers;
  std::vector<store::Recipient> recipients;
};

// What became of one platform's image.
enum class Outcome {
  kConverted,  // flattened, cut, sealed, put
  kReused,     // an earlier conversion's result, found in the store
  kUnchanged,  // the destination has it already
};
std::string OutcomeName(Outcome outcome);  // "converted", "reused", "unchanged"

struct ConvertedImage {
  Outcome outcome = Outcome::kConverted;
  std::string platform;
  std::string source_digest;  // of the source's image manifest
  std::string digest;         // of the published image manifest
  std::string manifest_id;    // hexadecimal
  std::string conversion_id;  // hexadecimal
  uint64_t stored_bytes = 0;  // layers of the source, as stored there
  uint64_t manifest_bytes = 0;
  // The following only when converted.
  uint64_t image_bytes = 0;  // of the flat image
  FlattenStats flatten;
  ChunkStats chunks;
};

struct ConvertReport {
  std::string digest;  // of what the destination's name means now
  std::vector<ConvertedImage> images;
};

// Converts what `source` names and gives the result the destination's name; nothing is found under
// it before everything behind it is durable. `existing` reads what the destination holds now; null:
// do not look. Interrupted at any point, it leaves at most chunks that the next attempt finds.
//
// FAILED_PRECONDITION: the source is floe's own image already. CANCELLED. Everything else: as
// SelectImages, Flatten, WriteChunks, StoreHandle and ImageDestination say.
absl::StatusOr<ConvertReport> Convert(ImageSource& source, ImageSource* existing,
                                      ImageDestination& destination, store::StoreHandle& store,
                                      const ConvertKeys& keys, const ConvertOptions& options);

}  // namespace floe::converter
