// SPDX-License-Identifier: Apache-2.0
// What the readers of a flat image say of bytes that no writer makes.
#pragma once

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace floe::erofs {

inline absl::Status Damaged(absl::string_view what) {
  return absl::DataLossError(absl::StrCat("the image is damaged: ", what));
}

}  // namespace floe::erofs
