// SPDX-License-Identifier: Apache-2.0
// What the keeper's slot image.<name> holds of an open image: enough to serve it again after a
// restart, with no help from anybody and no key unwrapped again.
//
//   descriptors: 0 the manifest file, 1 the file key (sealed memfd, 32 bytes)
//   BLOB = version:u32=1 flags:u32 inode:u64 manifest-id[32] label-length:u16 label
//          handles:u32 handles x handle:u64                           flags: 1 = closing
#pragma once

#include <set>
#include <string>

#include "base/bytes.h"
#include "base/secret.h"
#include "base/status.h"
#include "base/unique_fd.h"
#include "store/chunk_id.h"

namespace floe::fusefs {

struct ImageRecord {
  uint64_t inode = 0;
  store::ManifestId manifest;
  std::string label;
  bool closing = false;        // gone from the directory, waiting for the kernel's releases
  std::set<uint64_t> handles;  // opens that the kernel holds
};

Bytes EncodeImageRecord(const ImageRecord& record);
// FAILED_PRECONDITION for anything that this version did not write.
absl::StatusOr<ImageRecord> DecodeImageRecord(ByteView blob);

// A memfd that holds the key and can never change again.
absl::StatusOr<UniqueFd> SealFileKey(const Secret& key);
absl::StatusOr<Secret> ReadFileKey(int fd);

}  // namespace floe::fusefs
