// SPDX-License-Identifier: Apache-2.0
#include "fusefs/image/sequential_reads.h"

#include <algorithm>

namespace floe::fusefs {

// The reader that stands at `first` or just before it, else the one that has read least lately.
SequentialReads::Reader& SequentialReads::Find(uint32_t first) {
  const auto known = std::find_if(readers_.begin(), readers_.end(), [first](const Reader& reader) {
    return reader.row > 0 && (reader.last == first || reader.last + 1 == first);
  });
  if (known != readers_.end()) return *known;
  Reader& oldest =
      *std::min_element(readers_.begin(), readers_.end(),
                        [](const Reader& a, const Reader& b) { return a.used < b.used; });
  oldest = Reader{first, 1, 0, 0};
  return oldest;
}

SequentialReads::Range SequentialReads::Note(uint32_t first, uint32_t last) {
  MutexLock lock(mutex_);
  Reader& reader = Find(first);
  reader.used = ++turn_;
  if (last > reader.last) {
    reader.row += last - reader.last;
    reader.last = last;
  }
  if (reader.row < kInARow) return {};
  const uint32_t begin = std::max(reader.last + 1, reader.ahead);
  const uint32_t end = reader.last + 1 + kAhead;
  if (begin >= end) return {};
  reader.ahead = end;
  return {begin, end};
}

}  // namespace floe::fusefs
