// SPDX-License-Identifier: Apache-2.0
// One 512-byte tar header, and the pax records that speak about it.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/bytes.h"
#include "base/status.h"
#include "converter/flatten/tar_entry.h"

namespace floe::converter {

struct TarHeader {
  char type = 0;
  uint64_t size = 0;  // of the data that follows
};

// Fills `entry`'s name, link, mode, owner, mtime and device from `block`. INVALID_ARGUMENT when it
// is no header (checksum, numbers).
absl::StatusOr<TarHeader> ParseTarHeader(ByteView block, TarEntry& entry);

// Entries of these types have no data, whatever their size says.
bool IsHeaderOnly(char type);

// INVALID_ARGUMENT for types that containerd does not unpack either.
absl::StatusOr<TarType> TarTypeOf(char type);

// Replaces in `entry` what `pax` says better, and `stored`, the size of the data that follows.
absl::Status ApplyPax(const std::map<std::string, std::string>& pax, TarEntry& entry,
                      uint64_t& stored);

}  // namespace floe::converter
