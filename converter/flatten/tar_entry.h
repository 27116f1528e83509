// SPDX-License-Identifier: Apache-2.0
// One member of a tar archive, as its headers say.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace floe::converter {

enum class TarType : uint8_t {
  kRegular,
  kHardLink,
  kSymlink,
  kCharDevice,
  kBlockDevice,
  kDirectory,
  kFifo,
  kGlobalHeader,  // applies to nothing: as containerd, we leave it out
};

// Bytes of a sparse file that are in the archive; the rest are holes.
struct SparsePiece {
  uint64_t offset = 0;
  uint64_t length = 0;
};

struct TarEntry {
  TarType type = TarType::kRegular;
  std::string name;   // as it stands there, not checked
  std::string link;   // target of a symlink or hard link
  uint64_t size = 0;  // of a regular file, holes included
  uint32_t mode = 0;  // permissions: 07777
  uint32_t uid = 0;
  uint32_t gid = 0;
  int64_t mtime = 0;
  uint32_t mtime_nsec = 0;
  uint32_t device_major = 0;
  uint32_t device_minor = 0;
  std::vector<std::pair<std::string, std::string>> xattrs;
  bool sparse = false;
  std::vector<SparsePiece> pieces;  // ascending, not overlapping; only when sparse
};

}  // namespace floe::converter
