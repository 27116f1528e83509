// SPDX-License-Identifier: Apache-2.0
// FUSE_INIT: what the kernel offers, what we answer, and what is kept of it for a successor.
//
// The kernel sends INIT once for a connection's whole life. A later daemon must behave as the first
// one promised, so the exchange is kept in the keeper's slot fuse.init:
//
//   SLOT = version:u32=1 request-length:u32 request reply-length:u32 reply
//
// request and reply are whole messages as they crossed /dev/fuse. A successor computes its own
// reply to the saved request and refuses to take over when it differs.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/status.h"

namespace floe::fusefs {

struct InitExchange {
  Bytes request;
  Bytes reply;
};

// The whole reply message to a whole INIT request message. A pure function: no setting changes it,
// because a successor may run with other settings. FAILED_PRECONDITION when the kernel's protocol
// is too old (below 7.31, Linux 5.4).
absl::StatusOr<Bytes> MakeInitReply(ByteView request);

Bytes EncodeInitExchange(const InitExchange& exchange);
absl::StatusOr<InitExchange> DecodeInitExchange(ByteView slot);

// FAILED_PRECONDITION when this program would have answered the saved request otherwise.
absl::Status CheckTakeover(const InitExchange& saved);

}  // namespace floe::fusefs
