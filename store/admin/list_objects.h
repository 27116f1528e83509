// SPDX-License-Identifier: Apache-2.0
// Every object under a prefix, page by page.
#pragma once

#include <functional>
#include <string>

#include "base/status.h"
#include "store/origin/object_store.h"

namespace floe::store {

// Calls `visit` for each object in order; stops with its error. Blocks.
absl::Status ForEachObject(ObjectStore& objects, const std::string& prefix,
                           const std::function<absl::Status(const ObjectInfo&)>& visit);

}  // namespace floe::store
