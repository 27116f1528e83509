// SPDX-License-Identifier: Apache-2.0
// From a location to a source or destination.
#pragma once

#include <memory>
#include <string>

#include "base/cancel.h"
#include "base/status.h"
#include "converter/containerd/transport.h"
#include "converter/source/image_destination.h"
#include "converter/source/image_source.h"
#include "converter/source/location.h"
#include "registry/options.h"

namespace floe::converter {

struct TransportOptions {
  registry::Options registry;
  ContainerdOptions containerd;
  // SRC, when an image is copied or converted from it: blobs of the same registry are mounted from
  // its repository instead of being sent. May be empty.
  std::string mount_from;
  // &GrpcContainerd(), or null in builds without gRPC. Borrowed.
  const ContainerdTransport* containerd_transport = nullptr;
  // Where archives are unpacked or built when they cannot be read in place. Empty: $TMPDIR.
  std::string work_dir;
};

absl::StatusOr<std::unique_ptr<ImageSource>> OpenSource(const ImageLocation& location,
                                                        const TransportOptions& options);
absl::StatusOr<std::unique_ptr<ImageDestination>> OpenDestination(const ImageLocation& location,
                                                                  const TransportOptions& options);

}  // namespace floe::converter
