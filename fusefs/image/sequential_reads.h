// SPDX-License-Identifier: Apache-2.0
// Tells which extents of an image will be wanted next, from those that were.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/mutex.h"

namespace floe::fusefs {

// Follows a few readers that go forward through an image at the same time: a walk over a tree reads
// metadata, libraries and texts, which lie apart, in turns. Thread safe; never waits.
class SequentialReads {
 public:
  // How far ahead of a reader extents are brought, and after how many in a row.
  static constexpr uint32_t kAhead = 4;
  static constexpr uint32_t kInARow = 2;

  // Extents [begin, end); none when begin == end.
  struct Range {
    uint32_t begin = 0;
    uint32_t end = 0;
  };

  // A read touched extents `first` to `last`. What to bring now; never again what an earlier answer
  // to the same reader had.
  Range Note(uint32_t first, uint32_t last) FLOE_EXCLUDES(mutex_);

 private:
  struct Reader {
    uint32_t last = 0;   // extent it touched last
    uint32_t row = 0;    // extents gone through one after the other; 0: unused
    uint32_t ahead = 0;  // end of what was asked for
    uint64_t used = 0;   // turn of its last read
  };
  Reader& Find(uint32_t first) FLOE_REQUIRES(mutex_);

  Mutex mutex_;
  uint64_t turn_ FLOE_GUARDED_BY(mutex_) = 0;
  std::array<Reader, 8> readers_ FLOE_GUARDED_BY(mutex_);
};

}  // namespace floe::fusefs
