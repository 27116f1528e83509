// SPDX-License-Identifier: Apache-2.0
#include "converter/flatten/tar_fields.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "absl/strings/str_cat.h"

namespace floe::converter {
namespace {

constexpr size_t kChecksumOffset = 148;
constexpr size_t kChecksumLength = 8;

// Two's complement, big-endian; the first bit says that this is base 256.
std::optional<int64_t> Base256(ByteView field) {
  const uint8_t flip = (field[0] & 0x40) != 0 ? 0xFF : 0;
  uint64_t value = 0;
  for (size_t i = 0; i < field.size(); ++i) {
    uint8_t byte = field[i] ^ flip;
    if (i == 0) byte &= 0x7F;
    if (value >> 56 != 0) return std::nullopt;
    value = value << 8 | byte;
  }
  if (value >> 63 != 0) return std::nullopt;
  return static_cast<int64_t>(flip != 0 ? ~value : value);
}

absl::Status BadPax(absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("bad pax header: ", why));
}

}  // namespace

absl::string_view TarString(ByteView field) {
  const absl::string_view text = AsText(field);
  return text.substr(0, text.find('\0'));
}

std::optional<int64_t> TarNumber(ByteView field) {
  if (!field.empty() && (field[0] & 0x80) != 0) return Base256(field);
  const absl::string_view around(" \0", 2);
  absl::string_view text = AsText(field);
  const size_t first = text.find_first_not_of(around);
  if (first == absl::string_view::npos) return 0;
  text = text.substr(first, text.find_last_not_of(around) - first + 1);
  text = text.substr(0, text.find('\0'));
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 8);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (value > static_cast<uint64_t>(INT64_MAX)) return std::nullopt;
  return static_cast<int64_t>(value);
}

std::optional<int64_t> ParseDecimal(absl::string_view text) {
  int64_t value = 0;
  if (!text.empty() && text[0] == '+') text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<TarTime> ParsePaxTime(absl::string_view text) {
  const size_t point = text.find('.');
  const std::optional<int64_t> seconds = ParseDecimal(text.substr(0, point));
  if (!seconds) return std::nullopt;
  TarTime time{*seconds, 0};
  if (point == absl::string_view::npos) return time;
  const absl::string_view fraction = text.substr(point + 1);
  uint32_t nanoseconds = 0;
  for (size_t i = 0; i < std::max<size_t>(fraction.size(), 9); ++i) {
    const char digit = i < fraction.size() ? fraction[i] : '0';
    if (digit < '0' || digit > '9') return std::nullopt;
    if (i < 9) nanoseconds = nanoseconds * 10 + static_cast<uint32_t>(digit - '0');
  }
  time.nanoseconds = nanoseconds;
  if (text[0] == '-' && nanoseconds > 0) {
    if (*seconds == INT64_MIN) return std::nullopt;
    time = {*seconds - 1, 1'000'000'000 - nanoseconds};
  }
  return time;
}

bool TarChecksumMatches(ByteView block) {
  const std::optional<int64_t> expected =
      TarNumber(block.subspan(kChecksumOffset, kChecksumLength));
  int64_t unsigned_sum = 0;
  int64_t signed_sum = 0;
  for (size_t i = 0; i < kTarBlock; ++i) {
    const bool in_field = i >= kChecksumOffset && i < kChecksumOffset + kChecksumLength;
    const uint8_t byte = in_field ? ' ' : block[i];
    unsigned_sum += byte;
    signed_sum += static_cast<int8_t>(byte);
  }
  return expected && (*expected == unsigned_sum || *expected == signed_sum);
}

absl::Status ParsePaxRecords(
    absl::string_view bytes,
    const std::function<absl::Status(absl::string_view key, absl::string_view value)>& record) {
  while (!bytes.empty()) {
    const size_t space = bytes.find(' ');
    if (space == absl::string_view::npos) return BadPax("a record without length");
    const std::optional<int64_t> length = ParseDecimal(bytes.substr(0, space));
    if (!length || *length < static_cast<int64_t>(space) + 2 ||
        *length > static_cast<int64_t>(bytes.size())) {
      return BadPax("a record of impossible length");
    }
    const auto size = static_cast<size_t>(*length);
    if (bytes[size - 1] != '\n') return BadPax("a record that does not end with a newline");
    const absl::string_view text = bytes.substr(space + 1, size - space - 2);
    bytes.remove_prefix(size);
    const size_t equals = text.find('=');
    if (equals == absl::string_view::npos || equals == 0) return BadPax("a record without key");
    FLOE_RETURN_IF_ERROR(record(text.substr(0, equals), text.substr(equals + 1)));
  }
  return absl::OkStatus();
}

}  // namespace floe::converter
