// SPDX-License-Identifier: Apache-2.0
// The three ways in which tars tell where the holes of a file are.
#include <algorithm>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "converter/flatten/tar_reader.h"

namespace floe::converter {
namespace {

constexpr size_t kSparseMapMax = 1 << 20;  // bytes, as Go's archive/tar
constexpr size_t kRealSizeOffset = 483;
constexpr size_t kOldPiecesOffset = 386;
constexpr size_t kOldPieces = 4;
constexpr size_t kOldExtendedOffset = 482;
constexpr size_t kMorePieces = 21;
constexpr size_t kMoreExtendedOffset = 504;
constexpr size_t kNumberBytes = 12;

absl::Status BadMap(absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("bad sparse file: ", why));
}

absl::Status AddPiece(std::optional<int64_t> offset, std::optional<int64_t> length,
                      std::vector<SparsePiece>& pieces) {
  if (!offset || !length || *offset < 0 || *length < 0) return BadMap("a number is none");
  pieces.push_back({static_cast<uint64_t>(*offset), static_cast<uint64_t>(*length)});
  return absl::OkStatus();
}

absl::Status AddOldPieces(ByteView fields, size_t count, std::vector<SparsePiece>& pieces) {
  for (size_t i = 0; i < count; ++i) {
    const ByteView pair = fields.subspan(i * 2 * kNumberBytes, 2 * kNumberBytes);
    if (pair[0] == 0) break;
    FLOE_RETURN_IF_ERROR(AddPiece(TarNumber(pair.subspan(0, kNumberBytes)),
                                  TarNumber(pair.subspan(kNumberBytes)), pieces));
  }
  return absl::OkStatus();
}

}  // namespace

// GNU's first way: the map is in the header block and in blocks behind it.
absl::Status TarReader::ReadOldSparse(TarEntry& entry) {
  const ByteView block = block_;
  const std::optional<int64_t> size = TarNumber(block.subspan(kRealSizeOffset, kNumberBytes));
  if (!size || *size < 0) return BadMap("its size is no number");
  entry.size = static_cast<uint64_t>(*size);
  entry.sparse = true;
  FLOE_RETURN_IF_ERROR(AddOldPieces(block.subspan(kOldPiecesOffset), kOldPieces, entry.pieces));
  bool more = block_[kOldExtendedOffset] != 0;
  for (size_t total = 0; more; total += kTarBlock) {
    if (total > kSparseMapMax) return BadMap("its map is too long");
    FLOE_RETURN_IF_ERROR(TakeFull(block_));
    FLOE_RETURN_IF_ERROR(AddOldPieces(block_, kMorePieces, entry.pieces));
    more = block_[kMoreExtendedOffset] != 0;
  }
  return absl::OkStatus();
}

// The pax ways: 0.0 and 0.1 have the map in a record, 1.0 in front of the data.
absl::Status TarReader::ReadPaxSparse(TarEntry& entry, const PaxRecords& pax) {
  const auto get = [&pax](const char* key) {
    const auto found = pax.find(key);
    return found == pax.end() ? std::string() : found->second;
  };
  const std::string version = get("GNU.sparse.major") + "." + get("GNU.sparse.minor");
  const bool in_record =
      version == "0.0" || version == "0.1" || (version == "." && !get("GNU.sparse.map").empty());
  if (!in_record && version != "1.0") return absl::OkStatus();
  if (entry.type != TarType::kRegular) return BadMap("it is no regular file");
  entry.sparse = true;
  if (const std::string name = get("GNU.sparse.name"); !name.empty()) entry.name = name;
  std::string size = get("GNU.sparse.size");
  if (size.empty()) size = get("GNU.sparse.realsize");
  if (!size.empty()) {
    const std::optional<int64_t> number = ParseDecimal(size);
    if (!number || *number < 0) return BadMap("its size is no number");
    entry.size = static_cast<uint64_t>(*number);
  }
  if (!in_record) return ReadSparseMap10(entry);
  std::vector<std::string> numbers = absl::StrSplit(get("GNU.sparse.map"), ',', absl::SkipEmpty());
  if (numbers.size() != 2 * static_cast<uint64_t>(std::max<int64_t>(
                                0, ParseDecimal(get("GNU.sparse.numblocks")).value_or(-1)))) {
    return BadMap("its map has another length than it says");
  }
  for (size_t i = 0; i + 1 < numbers.size(); i += 2) {
    FLOE_RETURN_IF_ERROR(
        AddPiece(ParseDecimal(numbers[i]), ParseDecimal(numbers[i + 1]), entry.pieces));
  }
  return absl::OkStatus();
}

// Decimal numbers, one a line, padded to whole blocks: count, then offset and length of each.
absl::Status TarReader::ReadSparseMap10(TarEntry& entry) {
  std::string text;
  size_t at = 0;
  Bytes block(kTarBlock);
  const auto number = [&]() -> absl::StatusOr<int64_t> {
    size_t end;
    while ((end = text.find('\n', at)) == std::string::npos) {
      if (text.size() >= kSparseMapMax || stored_left_ < kTarBlock) return BadMap("its map is cut");
      FLOE_RETURN_IF_ERROR(TakeFull(block));
      stored_left_ -= kTarBlock;
      text.append(AsText(block).data(), kTarBlock);
    }
    const std::optional<int64_t> value = ParseDecimal(absl::string_view(text).substr(at, end - at));
    at = end + 1;
    if (!value || *value < 0) return BadMap("a number is none");
    return *value;
  };
  FLOE_ASSIGN_OR_RETURN(const int64_t count, number());
  for (int64_t i = 0; i < count; ++i) {
    FLOE_ASSIGN_OR_RETURN(const int64_t offset, number());
    FLOE_ASSIGN_OR_RETURN(const int64_t length, number());
    FLOE_RETURN_IF_ERROR(AddPiece(offset, length, entry.pieces));
  }
  return absl::OkStatus();
}

// Pieces ascend inside the file, and the archive holds exactly their bytes.
absl::Status TarReader::CheckSparse(const TarEntry& entry) const {
  uint64_t at = 0;
  uint64_t sum = 0;
  for (const SparsePiece& piece : entry.pieces) {
    if (piece.offset < at || piece.offset > entry.size ||
        piece.length > entry.size - piece.offset) {
      return BadMap("its pieces overlap or lie outside");
    }
    at = piece.offset + piece.length;
    sum += piece.length;
  }
  if (sum != stored_left_) return BadMap("its pieces are not as long as its data");
  return absl::OkStatus();
}

}  // namespace floe::converter
