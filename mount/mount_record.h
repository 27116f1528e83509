// SPDX-License-Identifier: Apache-2.0
// What is known of one mount, kept beside it so that a later process can take it over.
//
//   RECORD = "floe-mount 1\n" { FIELD " " value "\n" }     <directory>/<n>.record, mount at
//   <directory>/<n> FIELD  = "key" | "name" | "connection" | "backend" | "bdi" | "mapping"
//
// The record is written before the mount is attached and removed after it is gone. "mapping" marks
// an idmapped clone. Unknown fields are ignored.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "mount/erofs_mount.h"

namespace floe::mount {

struct MountRecord {
  uint64_t number = 0;
  std::string path;        // <directory>/<number>
  std::string key;         // of the manifest
  std::string name;        // of the file that floe-fusefs serves
  std::string connection;  // FuseMount::id
  Backend backend = Backend::kFile;
  std::string bdi;
  std::string mapping;  // empty, or FormatIdMapping()
};

// Values hold no line breaks: the mounter checks keys.
std::string EncodeRecord(const MountRecord& record);
// Without number and path. INVALID_ARGUMENT for what is no record.
absl::StatusOr<MountRecord> DecodeRecord(absl::string_view text);

absl::Status WriteRecord(const MountRecord& record);
// The record file and the mount point, after the umount.
void RemoveRecord(const MountRecord& record);

struct FoundMounts {
  std::vector<MountRecord> records;
  std::vector<std::string> strays;  // mount points without a readable record
  uint64_t next_number = 1;
};
// What earlier processes left in `directory`; leftovers of interrupted writes are deleted.
absl::StatusOr<FoundMounts> ScanMounts(const std::string& directory);

}  // namespace floe::mount
