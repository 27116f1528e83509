// SPDX-License-Identifier: Apache-2.0
#include "erofs/inode_shape.h"

#include <algorithm>

namespace floe::erofs {

std::vector<DirRecord> DirRecords(const Tree& tree, InodeId directory, InodeId parent) {
  const Inode& inode = tree.inode(directory);
  std::vector<DirRecord> records;
  records.reserve(inode.entries + 2);
  for (const Entry* entry = tree.begin(inode); entry != tree.end(inode); ++entry) {
    records.push_back({tree.Name(*entry), entry->inode});
  }
  const DirRecord dots[] = {{".", directory}, {"..", parent}};
  for (const DirRecord& dot : dots) {
    const auto place = std::lower_bound(
        records.begin(), records.end(), dot.name,
        [](const DirRecord& record, absl::string_view name) { return record.name < name; });
    records.insert(place, dot);
  }
  return records;
}

size_t RecordsInBlock(const std::vector<DirRecord>& records, size_t first) {
  size_t used = 0;
  size_t count = 0;
  while (first + count < records.size()) {
    used += sizeof(DirEntry) + records[first + count].name.size();
    if (used > kBlockBytes) break;
    ++count;
  }
  return count;
}

uint64_t DirBytes(const std::vector<DirRecord>& records) {
  uint64_t bytes = 0;
  for (size_t first = 0; first < records.size();) {
    const size_t count = RecordsInBlock(records, first);
    if (first + count == records.size()) {
      for (; first < records.size(); ++first)
        bytes += sizeof(DirEntry) + records[first].name.size();
    } else {
      bytes += kBlockBytes;
      first += count;
    }
  }
  return bytes;
}

bool FitsCompact(const Inode& inode, uint64_t size, int64_t build_time, uint32_t build_time_nsec) {
  return inode.mtime == build_time && inode.mtime_nsec == build_time_nsec && inode.uid <= 0xFFFF &&
         inode.gid <= 0xFFFF && inode.links <= 0xFFFF && size <= 0xFFFFFFFF;
}

InodePlace PlaceInode(uint64_t at, uint64_t head, uint64_t size, uint32_t inline_max) {
  const uint64_t rounded = (at + kSlotBytes - 1) / kSlotBytes * kSlotBytes;
  InodePlace place{rounded, static_cast<uint32_t>(size % kBlockBytes),
                   static_cast<uint32_t>(size / kBlockBytes), 0};
  const auto fits = [&](uint64_t offset) {
    return (offset + head) % kBlockBytes + place.tail <= kBlockBytes;
  };
  if (place.tail > 0 && !fits(place.offset)) {
    place.offset = (rounded + kBlockBytes - 1) / kBlockBytes * kBlockBytes;
  }
  if (place.tail > inline_max || (place.tail > 0 && !fits(place.offset))) {
    place = {rounded, 0, place.blocks + 1, 0};
  }
  place.end = place.offset + head + place.tail;
  return place;
}

}  // namespace floe::erofs
