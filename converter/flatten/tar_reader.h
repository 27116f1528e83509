// SPDX-License-Identifier: Apache-2.0
// A tar stream -> entries and their data: v7, ustar, pax (records, xattrs, sparse 0.0, 0.1, 1.0)
// and GNU (long names, base 256, sparse). Own because the judge is what containerd makes of a
// layer: libarchive gets fractions of times before 1970 wrong and ties pax names to the locale.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "base/bytes.h"
#include "base/status.h"
#include "converter/flatten/piece_source.h"
#include "converter/flatten/tar_entry.h"
#include "converter/flatten/tar_fields.h"

namespace floe::converter {

// Hostile input costs at most a few MiB. Not thread safe.
class TarReader {
 public:
  // `source` is borrowed.
  explicit TarReader(PieceSource& source) : source_(source) {}

  // Goes to the next entry, over what is left of the last one's data. False at the end of the
  // archive; then the source has been read to its end. INVALID_ARGUMENT for what is no tar,
  // DATA_LOSS for a tar cut short.
  absl::StatusOr<bool> Next(TarEntry& entry);

  // Gets a run of bytes, or of `zeros` zero bytes when `data` is empty.
  using DataSink = std::function<absl::Status(ByteView data, uint64_t zeros)>;

  // Gives the data of the entry that Next returned, in order, holes as zeros; once per entry.
  absl::Status ReadData(const TarEntry& entry, const DataSink& sink);

 private:
  using PaxRecords = std::map<std::string, std::string>;
  struct Pending {  // what headers in front of an entry say about it
    PaxRecords pax;
    std::string long_name;
    std::string long_link;
  };

  absl::StatusOr<ByteView> Take(size_t max);
  absl::Status TakeFull(MutableByteView out);
  absl::StatusOr<std::string> TakeSpecial(uint64_t size);
  absl::Status Skip(uint64_t count);
  absl::StatusOr<bool> NextBlock();
  absl::Status DrainSource();

  absl::StatusOr<bool> ReadHeader(TarEntry& entry, Pending& pending);
  absl::Status ReadPaxHeader(uint64_t size, PaxRecords& records);
  absl::Status Finish(TarEntry& entry, Pending& pending);
  absl::Status ReadOldSparse(TarEntry& entry);
  absl::Status ReadPaxSparse(TarEntry& entry, const PaxRecords& pax);
  absl::Status ReadSparseMap10(TarEntry& entry);
  absl::Status CheckSparse(const TarEntry& entry) const;

  PieceSource& source_;
  ByteView piece_;
  bool ended_ = false;
  Bytes block_ = Bytes(kTarBlock);
  char type_ = 0;             // the type flag of block_
  uint64_t stored_left_ = 0;  // data of the current entry not yet taken
  uint64_t padding_ = 0;
};

}  // namespace floe::converter
