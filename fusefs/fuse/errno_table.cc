// SPDX-License-Identifier: Apache-2.0
#include "fusefs/fuse/errno_table.h"

#include <cerrno>

namespace floe::fusefs {

int ErrnoOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kCancelled:
      return EINTR;
    case absl::StatusCode::kDeadlineExceeded:
      return ETIMEDOUT;
    case absl::StatusCode::kResourceExhausted:
      return ENOMEM;
    case absl::StatusCode::kPermissionDenied:
      return EACCES;
    default:
      // NOT_FOUND too: a chunk that is gone is a broken file, not a missing one.
      return EIO;
  }
}

}  // namespace floe::fusefs
