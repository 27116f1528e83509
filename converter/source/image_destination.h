// SPDX-License-Identifier: Apache-2.0
// Where an image goes: blobs first, then manifests, then the name.
#pragma once

#include <string>

#include "base/byte_stream.h"
#include "base/bytes.h"
#include "base/status.h"
#include "oci/descriptor.h"

namespace floe::converter {

// All or nothing: until Finish succeeds nobody finds anything under the name, and what the name
// meant before stays as it was. Destroyed without Finish, it takes back what it can (a registry
// keeps unnamed blobs until its own collection). Thread safe; calls may be made in parallel.
class ImageDestination {
 public:
  virtual ~ImageDestination() = default;

  // What the user called it, for messages; holds no credentials.
  virtual std::string Name() const = 0;

  // True when the blob need not be put.
  virtual absl::StatusOr<bool> HasBlob(const oci::Descriptor& descriptor) = 0;

  // Puts a config or layer; one that is there already is fine. The bytes are checked against the
  // descriptor: DATA_LOSS when they differ.
  virtual absl::Status PutBlob(const oci::Descriptor& descriptor, ByteView bytes) = 0;
  virtual absl::Status PutBlobStream(const oci::Descriptor& descriptor, ByteStream& stream) = 0;

  // Puts a manifest or index by digest. Everything it names must have been put before.
  virtual absl::Status PutManifest(const oci::Descriptor& descriptor, ByteView bytes) = 0;

  // Gives the name to `top`, which was put by PutManifest. Once; nothing may be called after it.
  virtual absl::Status Finish(const oci::Descriptor& top) = 0;
};

}  // namespace floe::converter
