// SPDX-License-Identifier: Apache-2.0
// A share in OutstandingCalls: whoever holds one keeps the counter's owner from going.
#pragma once

#include <memory>

#include "store/outstanding_calls.h"

namespace floe::cache {

// Copyable; the call ends with the last copy.
using CallToken = std::shared_ptr<void>;

inline CallToken BeginCall(store::OutstandingCalls& calls) {
  calls.Begin();
  return CallToken(nullptr, [&calls](void*) { calls.End(); });
}

}  // namespace floe::cache
