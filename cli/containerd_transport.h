// SPDX-License-Identifier: Apache-2.0
// Which door to containerd this build has: the one place in cli/ that knows of FLOE_GRPC.
#pragma once

#include "converter/containerd/transport.h"

namespace floe::cli {

// Null in builds without gRPC.
inline const converter::ContainerdTransport* BuiltInContainerd() {
#if defined(FLOE_HAVE_GRPC)
  return &converter::GrpcContainerd();
#else
  return nullptr;
#endif
}

}  // namespace floe::cli
