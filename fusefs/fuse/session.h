// SPDX-License-Identifier: Apache-2.0
// The kernel's FUSE connection over an inherited /dev/fuse descriptor: threads that read requests,
// and the one function that replies. The protocol is spoken directly (linux/fuse.h), not through
// libfuse: see ARCHITECTURE.md.
//
// The descriptor is never cloned (FUSE_DEV_IOC_CLONE): when a clone closes, the kernel ends with
// ECONNABORTED every request that was read through it, and a killed daemon's readers would see
// that.
#pragma once

#include <sys/uio.h>

#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "base/mutex.h"
#include "base/status.h"
#include "base/unique_fd.h"

namespace floe::fusefs {

// A request as read; `body` (what follows the header) is borrowed for the length of the handler
// call.
struct FuseRequest {
  uint32_t opcode = 0;
  uint64_t unique = 0;
  uint64_t node = 0;
  ByteView whole;
  ByteView body;
};

class SessionCore;

// One request that still has to be answered. Whoever answers first wins, later answers are dropped.
// Answers after the session's Stop() are dropped too: the kernel keeps the request for a successor.
// Thread safe; may outlive the session.
class Call {
 public:
  Call(std::shared_ptr<SessionCore> core, uint64_t unique)
      : core_(std::move(core)), unique_(unique) {}

  // True when the kernel took the answer; false when another came first, or nobody waits any more.
  bool Error(int error);  // errno > 0
  bool Ok() { return Data(std::span<const struct iovec>()); }
  // All parts together are the full answer; a read's is as long as was asked or to the end of file.
  bool Data(std::span<const struct iovec> parts);
  bool Data(ByteView bytes);
  template <typename T>
  bool Struct(const T& out) {
    return Data(ByteView(reinterpret_cast<const uint8_t*>(&out), sizeof out));
  }
  bool answered() const { return answered_.load(std::memory_order_acquire); }
  uint64_t unique() const { return unique_; }

 private:
  const std::shared_ptr<SessionCore> core_;
  const uint64_t unique_;
  std::atomic<bool> answered_{false};
};

// Handles one request on a session thread and must not wait. It answers through `call`, now or
// later, unless the request wants no answer (FORGET).
using FuseHandler = std::function<void(const FuseRequest& request, std::shared_ptr<Call> call)>;

struct SessionOptions {
  size_t threads = 2;
  // Called once, on a session thread, when the kernel has ended the connection (unmounted,
  // aborted).
  std::function<void()> on_end;
};

// Thread safe.
class Session {
 public:
  // Serves `device` (/dev/fuse of a mount) until Stop or the connection's end. FUSE_INTERRUPT is
  // handled here: the request is answered with EINTR at once, whatever its work still does.
  static absl::StatusOr<std::unique_ptr<Session>> Start(UniqueFd device, SessionOptions options,
                                                        FuseHandler handler);
  ~Session();

  // Stops reading, then drops every further answer, so that a successor finds unanswered requests
  // whole. Idempotent.
  void Stop();

 private:
  Session(std::shared_ptr<SessionCore> core, UniqueFd stop, SessionOptions options,
          FuseHandler handler);
  void Loop();
  void Handle(ByteView message);
  void Interrupt(uint64_t unique);

  const std::shared_ptr<SessionCore> core_;
  const UniqueFd stop_;
  const SessionOptions options_;
  const FuseHandler handler_;
  std::atomic<bool> ended_{false};
  std::vector<std::thread> threads_;
};

// Asks the kernel to queue again what a dead predecessor had read and not answered (Linux 6.9).
// UNIMPLEMENTED on older kernels. Before Session::Start.
absl::Status ResendRequests(int device);

}  // namespace floe::fusefs
