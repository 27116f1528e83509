// SPDX-License-Identifier: Apache-2.0
#include "converter/flatten/tar_header.h"

#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "converter/flatten/tar_fields.h"

namespace floe::converter {
namespace {

// Offsets and lengths of the fields.
constexpr std::pair<size_t, size_t> kName{0, 100}, kMode{100, 8}, kUid{108, 8}, kGid{116, 8},
    kSize{124, 12}, kMtime{136, 12}, kLink{157, 100}, kMagic{257, 8}, kMajor{329, 8},
    kMinor{337, 8}, kPrefix{345, 155}, kStarPrefix{345, 131}, kStarTrailer{508, 4};
constexpr size_t kTypeOffset = 156;

enum class Format { kV7, kUstar, kGnu, kStar };

Format FormatOf(ByteView block) {
  const absl::string_view magic = AsText(block.subspan(kMagic.first, kMagic.second));
  if (magic == absl::string_view("ustar  \0", 8)) return Format::kGnu;
  if (magic != absl::string_view("ustar\00000", 8)) return Format::kV7;
  const absl::string_view trailer = AsText(block.subspan(kStarTrailer.first, kStarTrailer.second));
  return trailer == absl::string_view("tar\0", 4) ? Format::kStar : Format::kUstar;
}

absl::Status BadField(absl::string_view field) {
  return absl::InvalidArgumentError(absl::StrCat("bad tar header: ", field));
}

// Ids are stored as Linux does, modulo 2^32: some writers put -2 for nobody.
absl::StatusOr<uint32_t> Id(std::optional<int64_t> value, absl::string_view field) {
  if (!value || *value < INT32_MIN || *value > int64_t{UINT32_MAX}) return BadField(field);
  // chown takes -1 for "as it is", which is the unpacker: root.
  return static_cast<uint32_t>(*value) == UINT32_MAX ? 0 : static_cast<uint32_t>(*value);
}

absl::StatusOr<uint64_t> Size(std::optional<int64_t> value) {
  if (!value || *value < 0) return BadField("size");
  return static_cast<uint64_t>(*value);
}

absl::Status ParseDevice(ByteView block, TarEntry& entry) {
  const auto major_number = TarNumber(block.subspan(kMajor.first, kMajor.second));
  const auto minor_number = TarNumber(block.subspan(kMinor.first, kMinor.second));
  if (!major_number || !minor_number) return BadField("device number");
  const char type = static_cast<char>(block[kTypeOffset]);
  if (type != '3' && type != '4') return absl::OkStatus();
  if (*major_number < 0 || *major_number > 0xFFF || *minor_number < 0 || *minor_number > 0xFFFFF) {
    return BadField(absl::StrCat("device number ", *major_number, ":", *minor_number));
  }
  entry.device_major = static_cast<uint32_t>(*major_number);
  entry.device_minor = static_cast<uint32_t>(*minor_number);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TarHeader> ParseTarHeader(ByteView block, TarEntry& entry) {
  if (!TarChecksumMatches(block)) return BadField("its checksum does not match (is this a tar?)");
  const auto field = [block](std::pair<size_t, size_t> place) {
    return block.subspan(place.first, place.second);
  };
  TarHeader header{static_cast<char>(block[kTypeOffset]), 0};
  FLOE_ASSIGN_OR_RETURN(header.size, Size(TarNumber(field(kSize))));
  FLOE_ASSIGN_OR_RETURN(entry.uid, Id(TarNumber(field(kUid)), "uid"));
  FLOE_ASSIGN_OR_RETURN(entry.gid, Id(TarNumber(field(kGid)), "gid"));
  const auto mode = TarNumber(field(kMode));
  const auto mtime = TarNumber(field(kMtime));
  if (!mode) return BadField("mode");
  if (!mtime) return BadField("mtime");
  entry.mode = static_cast<uint32_t>(*mode) & 07777;
  entry.mtime = *mtime;
  entry.name = std::string(TarString(field(kName)));
  entry.link = std::string(TarString(field(kLink)));
  const Format format = FormatOf(block);
  if (format == Format::kV7) return header;
  FLOE_RETURN_IF_ERROR(ParseDevice(block, entry));
  absl::string_view prefix;
  if (format == Format::kUstar) prefix = TarString(field(kPrefix));
  if (format == Format::kStar) prefix = TarString(field(kStarPrefix));
  if (!prefix.empty()) entry.name = absl::StrCat(prefix, "/", entry.name);
  return header;
}

bool IsHeaderOnly(char type) {
  return type == '1' || type == '2' || type == '3' || type == '4' || type == '5' || type == '6';
}

absl::StatusOr<TarType> TarTypeOf(char type) {
  switch (type) {
    case '0':
    case '\0':
    case 'S':
      return TarType::kRegular;
    case '1':
      return TarType::kHardLink;
    case '2':
      return TarType::kSymlink;
    case '3':
      return TarType::kCharDevice;
    case '4':
      return TarType::kBlockDevice;
    case '5':
      return TarType::kDirectory;
    case '6':
      return TarType::kFifo;
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("tar entries of type ", static_cast<int>(type), " are not supported"));
  }
}

absl::Status ApplyPax(const std::map<std::string, std::string>& pax, TarEntry& entry,
                      uint64_t& stored) {
  static constexpr absl::string_view kXattr = "SCHILY.xattr.";
  for (const auto& [key, value] : pax) {
    if (absl::StartsWith(key, kXattr)) {
      entry.xattrs.emplace_back(key.substr(kXattr.size()), value);
      continue;
    }
    if (value.empty()) continue;  // the block's value stays
    if (key == "path") {
      entry.name = value;
    } else if (key == "linkpath") {
      entry.link = value;
    } else if (key == "uid") {
      FLOE_ASSIGN_OR_RETURN(entry.uid, Id(ParseDecimal(value), "pax uid"));
    } else if (key == "gid") {
      FLOE_ASSIGN_OR_RETURN(entry.gid, Id(ParseDecimal(value), "pax gid"));
    } else if (key == "size") {
      FLOE_ASSIGN_OR_RETURN(stored, Size(ParseDecimal(value)));
    } else if (key == "mtime") {
      const std::optional<TarTime> time = ParsePaxTime(value);
      if (!time) return BadField("pax mtime");
      entry.mtime = time->seconds;
      entry.mtime_nsec = time->nanoseconds;
    }
  }
  return absl::OkStatus();
}

}  // namespace floe::converter
