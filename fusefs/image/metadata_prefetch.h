// SPDX-License-Identifier: Apache-2.0
// Superblock and metadata of a flat image made local before anybody mounts it: mount(2) and readdir
// ignore SIGKILL while they wait for blocks.
#pragma once

#include "fusefs/image/image_reader.h"

namespace floe::fusefs {

// Blocks until they are here, or options.deadline. FAILED_PRECONDITION when the image is empty.
absl::Status PrefetchMetadata(const ImageReader& reader, const store::RequestOptions& options);

}  // namespace floe::fusefs
