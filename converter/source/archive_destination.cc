// SPDX-License-Identifier: Apache-2.0
#include "converter/source/archive_destination.h"

#include "oci/digest.h"
#include "oci/verifying_stream.h"

namespace floe::converter {

absl::StatusOr<bool> ArchiveDestination::HasBlob(const oci::Descriptor& descriptor) {
  MutexLock lock(mutex_);
  return put_.count(descriptor.digest) > 0;
}

absl::Status ArchiveDestination::PutBlob(const oci::Descriptor& descriptor, ByteView bytes) {
  FLOE_RETURN_IF_ERROR(oci::CheckBytes(descriptor, bytes, name_));
  oci::MemoryStream stream(Bytes(bytes.begin(), bytes.end()));
  return PutBlobStream(descriptor, stream);
}

absl::Status ArchiveDestination::PutBlobStream(const oci::Descriptor& descriptor,
                                               ByteStream& stream) {
  FLOE_RETURN_IF_ERROR(oci::CheckDigest(descriptor.digest, name_));
  MutexLock lock(mutex_);
  if (put_.count(descriptor.digest) > 0) return absl::OkStatus();
  FLOE_RETURN_IF_ERROR(tar_->AddBlob(MemberOf(descriptor), descriptor, stream, name_));
  put_.insert(descriptor.digest);
  return absl::OkStatus();
}

}  // namespace floe::converter
