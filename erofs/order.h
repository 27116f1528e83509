// SPDX-License-Identifier: Apache-2.0
// Which files lie together in a flat image (layout version 1; doc/layout.md gives the reasons and
// figures). A change here is a new layout version: every image's bytes change.
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"

namespace floe::erofs {

// File data lies in the order of these classes, and in directory order inside each.
enum class DataClass : uint8_t {
  kUseful = 0,       // what a start may read
  kDevelopment = 1,  // headers, static libraries: compilers read them, nothing else does
  kCold = 2,         // documentation, translations, tests, package caches
};
inline constexpr int kDataClasses = 3;

// The class of the file at `path` (no leading slash). A pure function of the path.
DataClass ClassOf(absl::string_view path);

}  // namespace floe::erofs
