// SPDX-License-Identifier: Apache-2.0
#include "base/notify.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/unique_fd.h"

namespace floe {

absl::Status NotifyServiceManager(absl::string_view state) {
  const char* path = getenv("NOTIFY_SOCKET");
  if (path == nullptr || *path == '\0') return absl::OkStatus();
  struct sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  const size_t length = std::strlen(path);
  if (length >= sizeof address.sun_path) {
    return absl::InvalidArgumentError(absl::StrCat("NOTIFY_SOCKET is too long: ", path));
  }
  std::memcpy(address.sun_path, path, length);
  if (path[0] == '@') address.sun_path[0] = '\0';  // the abstract namespace
  const UniqueFd socket_fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket_fd) return ErrnoStatus(errno, "socket");
  const auto size = static_cast<socklen_t>(offsetof(struct sockaddr_un, sun_path) + length);
  if (sendto(socket_fd.get(), state.data(), state.size(), MSG_NOSIGNAL,
             reinterpret_cast<const struct sockaddr*>(&address), size) < 0) {
    return ErrnoStatus(errno, absl::StrCat("notify ", path));
  }
  return absl::OkStatus();
}

}  // namespace floe
