// SPDX-License-Identifier: Apache-2.0
// Blobs in containerd's content store.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/byte_stream.h"
#include "base/status.h"
#include "converter/containerd/connection.h"
#include "oci/descriptor.h"

namespace floe::converter {

using ContentLabels = std::map<std::string, std::string>;

// True when the blob is there (and, from then on, kept by the lease).
absl::StatusOr<bool> HasContent(ContainerdConnection& connection, const oci::Descriptor& descriptor,
                                absl::string_view name);

// The blob as it is stored; the caller checks it. Holds the connection.
absl::StatusOr<std::unique_ptr<ByteStream>> ReadContent(
    std::shared_ptr<ContainerdConnection> connection, const oci::Descriptor& descriptor,
    const std::string& name);

// Writes the blob with its labels; one that is there already gets the labels added. DATA_LOSS when
// the stream is not what the descriptor says.
absl::Status WriteContent(ContainerdConnection& connection, const oci::Descriptor& descriptor,
                          ByteStream& stream, const ContentLabels& labels, absl::string_view name);

// Adds labels to a blob that is there.
absl::Status AddContentLabels(ContainerdConnection& connection, const std::string& digest,
                              const ContentLabels& labels, absl::string_view name);

}  // namespace floe::converter
