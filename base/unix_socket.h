// SPDX-License-Identifier: Apache-2.0
// Messages with descriptors over SOCK_SEQPACKET unix sockets: one send is one message.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/status.h"
#include "base/unique_fd.h"

namespace floe {

// The longest message that these functions send or accept, in bytes.
inline constexpr size_t kMaxMessageBytes = 128 << 10;
inline constexpr size_t kMaxMessageDescriptors = 16;

struct Message {
  Bytes bytes;
  std::vector<UniqueFd> descriptors;
};

struct Peer {
  pid_t pid = 0;
  uid_t uid = 0;
  gid_t gid = 0;
};

// A listening socket at `path` with `mode`; replaces a stale one (nobody accepts there), refuses
// with ALREADY_EXISTS when somebody does.
absl::StatusOr<UniqueFd> ListenUnix(const std::string& path, mode_t mode);
// UNAVAILABLE when nobody listens. Waits while the listener is behind with accepting.
absl::StatusOr<UniqueFd> ConnectUnix(const std::string& path);
// Never waits: RESOURCE_EXHAUSTED when the listener is behind.
absl::StatusOr<UniqueFd> ConnectUnixAtOnce(const std::string& path);
absl::StatusOr<UniqueFd> AcceptUnix(int listener);
// Two connected ends.
absl::StatusOr<std::pair<UniqueFd, UniqueFd>> UnixPair();
absl::StatusOr<Peer> PeerOf(int socket);

// `descriptors` are borrowed and duplicated into the receiver. DEADLINE_EXCEEDED, or UNAVAILABLE
// when the peer is gone.
absl::Status SendMessage(int socket, ByteView bytes, const std::vector<int>& descriptors = {},
                         SteadyTime deadline = kNoDeadline);
// UNAVAILABLE when the peer closed.
absl::StatusOr<Message> ReceiveMessage(int socket, SteadyTime deadline = kNoDeadline);

}  // namespace floe
