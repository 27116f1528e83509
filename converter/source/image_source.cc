// SPDX-License-Identifier: Apache-2.0
#include "converter/source/image_source.h"

#include "oci/verifying_stream.h"

namespace floe::converter {

absl::StatusOr<Bytes> ImageSource::ReadBlob(const oci::Descriptor& descriptor, uint64_t max_bytes) {
  FLOE_RETURN_IF_ERROR(oci::CheckSmall(descriptor, max_bytes, Name()));
  FLOE_ASSIGN_OR_RETURN(const std::unique_ptr<ByteStream> stream, OpenBlob(descriptor));
  return oci::ReadAll(*stream, max_bytes, Name());
}

}  // namespace floe::converter
