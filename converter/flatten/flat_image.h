// SPDX-License-Identifier: Apache-2.0
// The image that Flatten gives: a tree, its plan, and the spools with the data.
#pragma once

#include <memory>
#include <vector>

#include "converter/flatten/flatten.h"
#include "converter/flatten/spool.h"
#include "erofs/tree.h"
#include "erofs/writer.h"

namespace floe::converter {

// `spools` by layer; `stats.input` and `stats.diff_ids` are taken over, the rest is counted.
std::unique_ptr<FlatImage> MakeFlatImage(erofs::Tree tree, erofs::ImagePlan plan,
                                         std::vector<std::unique_ptr<Spool>> spools,
                                         FlattenStats stats, CancelToken cancel);

}  // namespace floe::converter
