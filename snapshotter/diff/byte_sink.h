// SPDX-License-Identifier: Apache-2.0
// Where a layer's bytes go: called in order; an error ends the writing.
#pragma once

#include <functional>

#include "base/bytes.h"
#include "base/status.h"

namespace floe::snapshotter {

using ByteSink = std::function<absl::Status(ByteView)>;

}  // namespace floe::snapshotter
