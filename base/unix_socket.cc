// SPDX-License-Identifier: Apache-2.0
#include "base/unix_socket.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace floe {
namespace {

absl::StatusOr<struct sockaddr_un> AddressOf(const std::string& path) {
  struct sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return absl::InvalidArgumentError(absl::StrCat("socket path too long: ", path, " (at most ",
                                                   sizeof address.sun_path - 1, " bytes)"));
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

absl::StatusOr<UniqueFd> NewSocket(int flags = 0) {
  UniqueFd fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0));
  if (!fd) return ErrnoStatus(errno, "socket");
  return fd;
}

absl::Status WaitFor(int socket, short events, SteadyTime deadline) {
  if (deadline == kNoDeadline) return absl::OkStatus();
  while (true) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    struct pollfd entry = {socket, events, 0};
    const int rc = poll(&entry, 1, static_cast<int>(std::clamp<int64_t>(left.count(), 0, 1 << 30)));
    if (rc > 0) return absl::OkStatus();
    if (rc == 0) return absl::DeadlineExceededError("no answer in time");
    if (errno != EINTR) return ErrnoStatus(errno, "poll");
  }
}

void TakeDescriptors(struct msghdr& header, std::vector<UniqueFd>& descriptors) {
  for (cmsghdr* control = CMSG_FIRSTHDR(&header); control != nullptr;
       control = CMSG_NXTHDR(&header, control)) {
    if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(control) + i * sizeof(int), sizeof fd);
      descriptors.emplace_back(fd);
    }
  }
}

absl::StatusOr<UniqueFd> ConnectTo(const std::string& path, int socket_flags) {
  FLOE_ASSIGN_OR_RETURN(const struct sockaddr_un address, AddressOf(path));
  FLOE_ASSIGN_OR_RETURN(UniqueFd fd, NewSocket(socket_flags));
  int rc;
  do {
    rc = connect(fd.get(), reinterpret_cast<const struct sockaddr*>(&address), sizeof address);
  } while (rc != 0 && errno == EINTR);
  if (rc == 0) return fd;
  if (errno == ENOENT || errno == ECONNREFUSED) {
    return absl::UnavailableError(absl::StrCat("nobody serves ", path));
  }
  if (errno == EAGAIN) {
    return absl::ResourceExhaustedError(absl::StrCat(path, ": too many wait to be accepted"));
  }
  return ErrnoStatus(errno, absl::StrCat("connect ", path));
}

}  // namespace

absl::StatusOr<UniqueFd> ListenUnix(const std::string& path, mode_t mode) {
  FLOE_ASSIGN_OR_RETURN(const struct sockaddr_un address, AddressOf(path));
  if (ConnectUnix(path).ok()) {
    return absl::AlreadyExistsError(absl::StrCat("another process serves ", path));
  }
  unlink(path.c_str());
  FLOE_ASSIGN_OR_RETURN(UniqueFd fd, NewSocket());
  const mode_t before = umask(0777 & ~mode);
  const int rc = bind(fd.get(), reinterpret_cast<const struct sockaddr*>(&address), sizeof address);
  const int error = errno;
  umask(before);
  if (rc != 0) return ErrnoStatus(error, absl::StrCat("bind ", path));
  if (listen(fd.get(), 128) != 0) return ErrnoStatus(errno, absl::StrCat("listen ", path));
  return fd;
}

absl::StatusOr<UniqueFd> ConnectUnix(const std::string& path) { return ConnectTo(path, 0); }

absl::StatusOr<UniqueFd> ConnectUnixAtOnce(const std::string& path) {
  return ConnectTo(path, SOCK_NONBLOCK);
}

absl::StatusOr<UniqueFd> AcceptUnix(int listener) {
  int fd;
  do {
    fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) return ErrnoStatus(errno, "accept");
  return UniqueFd(fd);
}

absl::StatusOr<std::pair<UniqueFd, UniqueFd>> UnixPair() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    return ErrnoStatus(errno, "socketpair");
  }
  return std::pair(UniqueFd(ends[0]), UniqueFd(ends[1]));
}

absl::StatusOr<Peer> PeerOf(int socket) {
  struct ucred credentials = {};
  socklen_t length = sizeof credentials;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) {
    return ErrnoStatus(errno, "SO_PEERCRED");
  }
  return Peer{credentials.pid, credentials.uid, credentials.gid};
}

absl::Status SendMessage(int socket, ByteView bytes, const std::vector<int>& descriptors,
                         SteadyTime deadline) {
  if (bytes.size() > kMaxMessageBytes || descriptors.size() > kMaxMessageDescriptors) {
    return absl::InvalidArgumentError("message too long");
  }
  FLOE_RETURN_IF_ERROR(WaitFor(socket, POLLOUT, deadline));
  struct iovec part = {const_cast<uint8_t*>(bytes.data()), bytes.size()};
  alignas(struct cmsghdr) char control[CMSG_SPACE(kMaxMessageDescriptors * sizeof(int))] = {};
  struct msghdr header = {};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (!descriptors.empty()) {
    header.msg_control = control;
    header.msg_controllen = CMSG_SPACE(descriptors.size() * sizeof(int));
    cmsghdr* entry = CMSG_FIRSTHDR(&header);
    entry->cmsg_level = SOL_SOCKET;
    entry->cmsg_type = SCM_RIGHTS;
    entry->cmsg_len = CMSG_LEN(descriptors.size() * sizeof(int));
    std::memcpy(CMSG_DATA(entry), descriptors.data(), descriptors.size() * sizeof(int));
  }
  ssize_t n;
  do {
    n = sendmsg(socket, &header, MSG_NOSIGNAL);
  } while (n < 0 && errno == EINTR);
  if (n >= 0) return absl::OkStatus();
  if (errno == EPIPE || errno == ECONNRESET) return absl::UnavailableError("the peer is gone");
  return ErrnoStatus(errno, "send");
}

absl::StatusOr<Message> ReceiveMessage(int socket, SteadyTime deadline) {
  FLOE_RETURN_IF_ERROR(WaitFor(socket, POLLIN, deadline));
  Message message;
  message.bytes.resize(kMaxMessageBytes);
  struct iovec part = {message.bytes.data(), message.bytes.size()};
  alignas(struct cmsghdr) char control[CMSG_SPACE(kMaxMessageDescriptors * sizeof(int))];
  struct msghdr header = {};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  ssize_t n;
  do {
    n = recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
  } while (n < 0 && errno == EINTR);
  if (n < 0 && errno != ECONNRESET) return ErrnoStatus(errno, "receive");
  if (n <= 0) return absl::UnavailableError("the peer closed the connection");
  TakeDescriptors(header, message.descriptors);
  if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
    return absl::InvalidArgumentError("message too long");
  }
  message.bytes.resize(static_cast<size_t>(n));
  return message;
}

}  // namespace floe
