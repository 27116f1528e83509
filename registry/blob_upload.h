// SPDX-License-Identifier: Apache-2.0
// Bringing blobs into a registry (distribution spec, "Pushing blobs").
#pragma once

#include <string>

#include "base/byte_stream.h"
#include "base/status.h"
#include "oci/descriptor.h"
#include "registry/endpoint.h"
#include "registry/options.h"

namespace floe::registry {

// Uploads to one endpoint. Thread safe; `endpoint` and `options` are borrowed.
class BlobUploader {
 public:
  BlobUploader(Endpoint& endpoint, const Options& options, std::string mount_from)
      : endpoint_(endpoint), options_(options), mount_from_(std::move(mount_from)) {}

  absl::StatusOr<bool> Has(const oci::Descriptor& descriptor);

  // In one piece; begins anew after a break.
  absl::Status Put(const oci::Descriptor& descriptor, ByteView bytes);

  // In pieces of a few MiB, each repeated after a break until the registry has it. Digest and size
  // are checked before the registry is told that the blob is complete.
  absl::Status PutStream(const oci::Descriptor& descriptor, ByteStream& stream);

 private:
  // An upload that was begun: where the next piece goes. Empty: the blob was mounted.
  absl::StatusOr<std::string> Begin(const oci::Descriptor& descriptor);
  absl::Status PutOnce(const oci::Descriptor& descriptor, ByteView bytes);
  // One piece, beginning at `offset`; `location` moves on.
  absl::Status PutPiece(std::string& location, uint64_t offset, ByteView piece);
  absl::StatusOr<uint64_t> SendPiece(std::string& location, uint64_t offset, ByteView piece);
  absl::StatusOr<uint64_t> AskPosition(std::string& location);
  absl::Status Complete(const std::string& location, const oci::Descriptor& descriptor,
                        ByteView rest);
  void Abandon(const std::string& location);

  Endpoint& endpoint_;
  const Options& options_;
  const std::string mount_from_;
};

// The number of bytes that "0-9" or "bytes=0-9" says are there: 10; 0 for "" and what is no range.
uint64_t ParseUploadRange(absl::string_view value);

}  // namespace floe::registry
