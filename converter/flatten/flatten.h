// SPDX-License-Identifier: Apache-2.0
// Layers in, one flat image out: what containerd's overlayfs unpack of the layers would show
// (doc/quirks.md lists the exceptions), as one EROFS image (doc/layout.md).
//
//   FLOE_ASSIGN_OR_RETURN(std::unique_ptr<FlatImage> image, Flatten(layers, options));
//   FLOE_RETURN_IF_ERROR(image->Emit(sink));
//
// Flatten reads every layer once, front to back, in any order and up to `threads` at a time. File
// data goes to unlinked files in `work_dir`, names and attributes stay in memory (about 200 bytes
// an entry). The image is the same, byte for byte, for the same layers, whatever `threads` is.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/byte_stream.h"
#include "base/cancel.h"
#include "base/status.h"
#include "erofs/image_sink.h"
#include "erofs/label.h"

namespace floe::converter {

inline constexpr uint32_t kFlatLayoutVersion = erofs::kLayoutVersion;

enum class Compression : uint8_t { kSniff, kNone, kGzip, kZstd };

// One layer, lowest first in the list given to Flatten.
struct LayerInput {
  // What errors call the layer: its digest.
  std::string name;
  // Opens the layer's bytes as stored (compressed). Called once, on any thread.
  std::function<absl::StatusOr<std::unique_ptr<ByteStream>>()> open;
  // kSniff decides by the first bytes.
  Compression compression = Compression::kSniff;
  // "sha256:<hex>" of the uncompressed tar. Checked when FlattenOptions::strict.
  std::string diff_id;
  // As its descriptor says; layers are read from the largest on. 0: unknown.
  uint64_t stored_bytes = 0;
};

// What is still an image and what is an attack. Passing one is RESOURCE_EXHAUSTED or
// INVALID_ARGUMENT, and the text names layer, entry and limit.
struct FlattenLimits {
  uint64_t max_unpacked_bytes = uint64_t{1} << 40;  // file data of all layers, holes included
  uint64_t max_entries = 32'000'000;                // of all layers, implied directories included
  uint64_t max_xattr_bytes = uint64_t{256} << 20;   // names and values of all layers
  uint32_t max_path_bytes = 65'536;                 // one path
};

// What was done so far; numbers only grow.
struct FlattenProgress {
  uint64_t compressed_bytes = 0;  // read from the streams
  uint64_t unpacked_bytes = 0;    // of tar
  uint64_t entries = 0;
  size_t layers_done = 0;
};

struct FlattenOptions {
  std::string work_dir = "/var/tmp";  // needs the image's unpacked size
  int threads = 2;                    // >= 1
  bool strict = false;                // check diff ids
  FlattenLimits limits;
  CancelToken cancel;
  // Called from the working threads, one at a time, every few MiB. May be empty.
  std::function<void(const FlattenProgress&)> progress;
};

struct FlattenStats {
  FlattenProgress input;
  uint64_t files = 0;  // names in the image: regular files
  uint64_t directories = 0;
  uint64_t symlinks = 0;
  uint64_t others = 0;                // devices and fifos
  uint64_t metadata_bytes = 0;        // at the front of the image
  uint64_t data_bytes = 0;            // file data, without padding
  uint64_t zero_bytes = 0;            // of the image, known to be zero
  std::vector<std::string> diff_ids;  // "sha256:<hex>" of every layer when strict
};

// A flattened image, ready to be emitted. Holds the spool. Not thread safe.
class FlatImage {
 public:
  virtual ~FlatImage() = default;
  // A multiple of 4096.
  virtual uint64_t size_bytes() const = 0;
  virtual const FlattenStats& stats() const = 0;
  // Gives the whole image to `sink`, front to back. May be called again: the same bytes. The
  // sink's error comes back unchanged; CANCELLED when the token says so.
  virtual absl::Status Emit(erofs::ImageSink& sink) = 0;
};

// DATA_LOSS: a layer is truncated, corrupt or not what its digest or diff id says.
// INVALID_ARGUMENT: a layer is no tar, or holds what no image may (`../`, a hard link to nothing,
// ...). RESOURCE_EXHAUSTED: disk full, or a limit. CANCELLED. Nothing is left in work_dir.
absl::StatusOr<std::unique_ptr<FlatImage>> Flatten(std::vector<LayerInput> layers,
                                                   const FlattenOptions& options);

}  // namespace floe::converter
