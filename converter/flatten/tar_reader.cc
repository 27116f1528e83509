// SPDX-License-Identifier: Apache-2.0
#include "converter/flatten/tar_reader.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "converter/flatten/tar_header.h"

namespace floe::converter {
namespace {

// As Go's archive/tar; a layer with more is refused there too.
constexpr uint64_t kSpecialMax = 1 << 20;

absl::Status CutShort() { return absl::DataLossError("the tar is cut short"); }

bool IsZero(ByteView bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](uint8_t byte) { return byte == 0; });
}

}  // namespace

// Up to `max` bytes from the source; empty at its end.
absl::StatusOr<ByteView> TarReader::Take(size_t max) {
  if (piece_.empty() && !ended_) {
    FLOE_ASSIGN_OR_RETURN(piece_, source_.Next());
    ended_ = piece_.empty();
  }
  const ByteView taken = piece_.subspan(0, std::min(max, piece_.size()));
  piece_ = piece_.subspan(taken.size());
  return taken;
}

absl::Status TarReader::TakeFull(MutableByteView out) {
  while (!out.empty()) {
    FLOE_ASSIGN_OR_RETURN(const ByteView taken, Take(out.size()));
    if (taken.empty()) return CutShort();
    std::memcpy(out.data(), taken.data(), taken.size());
    out = out.subspan(taken.size());
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> TarReader::TakeSpecial(uint64_t size) {
  if (size > kSpecialMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("a header of ", size, " bytes; at most ", kSpecialMax));
  }
  std::string text(size, '\0');
  FLOE_RETURN_IF_ERROR(TakeFull({reinterpret_cast<uint8_t*>(text.data()), text.size()}));
  stored_left_ = 0;
  return text;
}

absl::Status TarReader::Skip(uint64_t count) {
  while (count > 0) {
    FLOE_ASSIGN_OR_RETURN(const ByteView taken, Take(std::min<uint64_t>(count, kPieceBytes)));
    if (taken.empty()) return CutShort();
    count -= taken.size();
  }
  return absl::OkStatus();
}

// Reads the next header block. False at the end: no further byte, or a block of zeros followed by
// another or by nothing.
absl::StatusOr<bool> TarReader::NextBlock() {
  FLOE_RETURN_IF_ERROR(Skip(stored_left_));
  stored_left_ = 0;
  // The last entry's padding may be missing.
  for (; padding_ > 0 && !ended_;) {
    FLOE_ASSIGN_OR_RETURN(const ByteView taken, Take(padding_));
    padding_ -= taken.size();
  }
  padding_ = 0;
  for (int zero_blocks = 0;; ++zero_blocks) {
    FLOE_ASSIGN_OR_RETURN(const ByteView first, Take(kTarBlock));
    if (first.empty()) return false;
    std::memcpy(block_.data(), first.data(), first.size());
    FLOE_RETURN_IF_ERROR(TakeFull(MutableByteView(block_).subspan(first.size())));
    if (!IsZero(block_)) {
      if (zero_blocks == 0) return true;
      return absl::InvalidArgumentError("a block of zeros in the middle of the tar");
    }
    if (zero_blocks == 1) return false;
  }
}

// What lies behind the end of the archive is nobody's, but the digests cover it.
absl::Status TarReader::DrainSource() {
  while (!ended_) {
    FLOE_RETURN_IF_ERROR(Take(kPieceBytes).status());
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> TarReader::Next(TarEntry& entry) {
  Pending pending;
  while (true) {
    FLOE_ASSIGN_OR_RETURN(const bool more, NextBlock());
    if (!more) {
      FLOE_RETURN_IF_ERROR(DrainSource());
      return false;
    }
    entry = TarEntry();
    FLOE_ASSIGN_OR_RETURN(const bool is_entry, ReadHeader(entry, pending));
    if (is_entry) return true;
  }
}

// False for a header that speaks about a later entry.
absl::StatusOr<bool> TarReader::ReadHeader(TarEntry& entry, Pending& pending) {
  FLOE_ASSIGN_OR_RETURN(const TarHeader header, ParseTarHeader(block_, entry));
  type_ = header.type;
  stored_left_ = IsHeaderOnly(type_) ? 0 : header.size;
  padding_ = (kTarBlock - stored_left_ % kTarBlock) % kTarBlock;
  switch (type_) {
    case 'x': {
      pending.pax.clear();
      FLOE_RETURN_IF_ERROR(ReadPaxHeader(header.size, pending.pax));
      return false;
    }
    case 'g': {
      PaxRecords ignored;
      FLOE_RETURN_IF_ERROR(ReadPaxHeader(header.size, ignored));
      entry.type = TarType::kGlobalHeader;
      return true;
    }
    case 'L':
    case 'K': {
      FLOE_ASSIGN_OR_RETURN(const std::string text, TakeSpecial(header.size));
      (type_ == 'L' ? pending.long_name : pending.long_link) = text.substr(0, text.find('\0'));
      return false;
    }
    default:
      entry.size = header.size;
      FLOE_RETURN_IF_ERROR(Finish(entry, pending));
      return true;
  }
}

absl::Status TarReader::ReadPaxHeader(uint64_t size, PaxRecords& records) {
  FLOE_ASSIGN_OR_RETURN(const std::string text, TakeSpecial(size));
  std::string map00;  // sparse 0.0 has a record per number; made one list, as 0.1 has it
  FLOE_RETURN_IF_ERROR(
      ParsePaxRecords(text, [&](absl::string_view key, absl::string_view value) -> absl::Status {
        if (key == "GNU.sparse.offset" || key == "GNU.sparse.numbytes") {
          absl::StrAppend(&map00, map00.empty() ? "" : ",", value);
          return absl::OkStatus();
        }
        const bool is_text = key == "path" || key == "linkpath" || key == "uname" || key == "gname";
        if ((is_text ? value : key).find('\0') != absl::string_view::npos) {
          return absl::InvalidArgumentError(absl::StrCat("pax record ", key, " holds a NUL"));
        }
        records[std::string(key)] = std::string(value);
        return absl::OkStatus();
      }));
  if (!map00.empty()) records["GNU.sparse.map"] = map00;
  return absl::OkStatus();
}

// Puts together what the block and the headers before it say.
absl::Status TarReader::Finish(TarEntry& entry, Pending& pending) {
  uint64_t stored = entry.size;
  FLOE_RETURN_IF_ERROR(ApplyPax(pending.pax, entry, stored));
  if (!pending.long_name.empty()) entry.name = pending.long_name;
  if (!pending.long_link.empty()) entry.link = pending.long_link;
  if (type_ == '\0' && absl::EndsWith(entry.name, "/")) type_ = '5';
  FLOE_ASSIGN_OR_RETURN(entry.type, TarTypeOf(type_));
  stored_left_ = IsHeaderOnly(type_) ? 0 : stored;
  padding_ = (kTarBlock - stored_left_ % kTarBlock) % kTarBlock;
  entry.size = stored_left_;
  if (type_ == 'S') {
    FLOE_RETURN_IF_ERROR(ReadOldSparse(entry));
  } else {
    FLOE_RETURN_IF_ERROR(ReadPaxSparse(entry, pending.pax));
  }
  return entry.sparse ? CheckSparse(entry) : absl::OkStatus();
}

absl::Status TarReader::ReadData(const TarEntry& entry, const DataSink& sink) {
  const auto copy = [&](uint64_t count) -> absl::Status {
    while (count > 0) {
      FLOE_ASSIGN_OR_RETURN(const ByteView taken, Take(std::min<uint64_t>(count, kPieceBytes)));
      if (taken.empty()) return CutShort();
      count -= taken.size();
      stored_left_ -= taken.size();
      FLOE_RETURN_IF_ERROR(sink(taken, 0));
    }
    return absl::OkStatus();
  };
  if (!entry.sparse) return copy(entry.size);
  uint64_t at = 0;
  for (const SparsePiece& piece : entry.pieces) {
    if (piece.offset > at) FLOE_RETURN_IF_ERROR(sink({}, piece.offset - at));
    FLOE_RETURN_IF_ERROR(copy(piece.length));
    at = piece.offset + piece.length;
  }
  return entry.size > at ? sink({}, entry.size - at) : absl::OkStatus();
}

}  // namespace floe::converter
