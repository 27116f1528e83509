// SPDX-License-Identifier: Apache-2.0
// The door to containerd. Its implementation needs gRPC, so builds without it leave this null in
// TransportOptions and every containerd:// location is refused with a clear text.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "base/cancel.h"
#include "base/status.h"
#include "converter/source/image_destination.h"
#include "converter/source/image_source.h"

namespace floe::converter {

struct ContainerdOptions {
  std::string address = "/run/containerd/containerd.sock";  // --address, a unix socket
  std::string name_space = "default";                       // --namespace
  std::chrono::seconds lease_time{24 *
                                  3600};  // what an interrupted conversion leaves lives so long
  std::chrono::seconds call_timeout{60};  // for calls that move no blob
  CancelToken cancel;
};

class ContainerdTransport {
 public:
  virtual ~ContainerdTransport() = default;
  // `reference` is an image's name in containerd.
  virtual absl::StatusOr<std::unique_ptr<ImageSource>> OpenSource(
      const std::string& reference, const ContainerdOptions& options) const = 0;
  virtual absl::StatusOr<std::unique_ptr<ImageDestination>> OpenDestination(
      const std::string& reference, const ContainerdOptions& options) const = 0;
};

// Defined in library converter_containerd only (FLOE_GRPC). Lives for ever.
const ContainerdTransport& GrpcContainerd();

}  // namespace floe::converter
