// SPDX-License-Identifier: Apache-2.0
// The fields of a tar header block and of pax records: numbers, strings, times, the checksum.
// Rules as in Go's archive/tar, which containerd unpacks with.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "absl/strings/string_view.h"
#include "base/bytes.h"
#include "base/status.h"

namespace floe::converter {

inline constexpr size_t kTarBlock = 512;

// Up to the first NUL.
absl::string_view TarString(ByteView field);

// Octal with spaces and NULs around it, or base 256 (GNU), which may be negative. nullopt when it
// is neither or does not fit.
std::optional<int64_t> TarNumber(ByteView field);

// A decimal number with an optional minus, nothing around it.
std::optional<int64_t> ParseDecimal(absl::string_view text);

struct TarTime {
  int64_t seconds = 0;
  uint32_t nanoseconds = 0;  // always towards the future
};
// Decimal seconds with an optional fraction, of which nine digits count.
std::optional<TarTime> ParsePaxTime(absl::string_view text);

// Whether the block's checksum field is its unsigned or signed sum.
bool TarChecksumMatches(ByteView block);

// Calls `record(key, value)` for each record of a pax header ("LEN KEY=VALUE\n"...), in order.
// INVALID_ARGUMENT when `bytes` is no list of records, or `record`'s error.
absl::Status ParsePaxRecords(
    absl::string_view bytes,
    const std::function<absl::Status(absl::string_view key, absl::string_view value)>& record);

}  // namespace floe::converter
