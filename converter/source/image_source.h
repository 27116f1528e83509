// SPDX-License-Identifier: Apache-2.0
// Where an image comes from: a registry, containerd, an OCI layout, an archive.
#pragma once

#include <memory>
#include <string>

#include "base/byte_stream.h"
#include "base/bytes.h"
#include "base/status.h"
#include "oci/descriptor.h"

namespace floe::converter {

// One named image (or index) and the blobs behind it. Thread safe; streams are independent of each
// other and must not outlive the source.
class ImageSource {
 public:
  virtual ~ImageSource() = default;

  // What the user called it, for messages; holds no credentials.
  virtual std::string Name() const = 0;

  // The descriptor of the manifest or index behind the name. NOT_FOUND when there is none. The same
  // answer for the life of the source, even if the name moves.
  virtual absl::StatusOr<oci::Descriptor> Resolve() = 0;

  // A whole small blob (manifest, index, config), its digest and size verified. INVALID_ARGUMENT
  // when the descriptor says more than `max_bytes`, DATA_LOSS when the bytes are not what it says.
  // As it stands here: what OpenBlob gives.
  virtual absl::StatusOr<Bytes> ReadBlob(const oci::Descriptor& descriptor, uint64_t max_bytes);

  // A blob front to back. Digest and size are checked on the way; a stream with other bytes ends in
  // DATA_LOSS, never in a regular end. Connections that break are resumed inside.
  virtual absl::StatusOr<std::unique_ptr<ByteStream>> OpenBlob(
      const oci::Descriptor& descriptor) = 0;
};

}  // namespace floe::converter
