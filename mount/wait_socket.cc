// SPDX-License-Identifier: Apache-2.0
#include "mount/wait_socket.h"

#include <poll.h>
#include <sys/inotify.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "base/unix_socket.h"

namespace floe::mount {
namespace {

// A socket's name appears (inotify) a moment before listen(2), which nothing reports.
constexpr int kLookAgainMilliseconds = 10;

std::string DirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, std::max<size_t>(slash, 1));
}

int MillisecondsToLook(SteadyTime deadline, bool named) {
  using std::chrono::milliseconds;
  if (named) return kLookAgainMilliseconds;
  if (deadline == kNoDeadline) return -1;
  const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::Real().Now());
  return static_cast<int>(std::clamp<int64_t>(left.count(), 0, 1 << 30));
}

}  // namespace

absl::StatusOr<UniqueFd> ConnectWhenServed(const std::string& path,
                                           const std::vector<int>& interrupts,
                                           SteadyTime deadline) {
  absl::StatusOr<UniqueFd> socket = ConnectUnix(path);
  if (!absl::IsUnavailable(socket.status())) return socket;
  const UniqueFd watch(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!watch) return ErrnoStatus(errno, "inotify");
  const std::string directory = DirectoryOf(path);
  if (inotify_add_watch(watch.get(), directory.c_str(), IN_CREATE | IN_MOVED_TO) < 0) {
    return ErrnoStatus(errno, absl::StrCat("watch ", directory));
  }
  std::vector<struct pollfd> events = {{watch.get(), POLLIN, 0}};
  for (const int fd : interrupts) events.push_back({fd, POLLIN, 0});
  while (true) {
    // After the watch began, so that no name appears unseen.
    socket = ConnectUnix(path);
    if (!absl::IsUnavailable(socket.status()) || Clock::Real().Now() >= deadline) return socket;
    const bool named = access(path.c_str(), F_OK) == 0;
    const int rc = poll(events.data(), events.size(), MillisecondsToLook(deadline, named));
    if (rc < 0 && errno != EINTR) return ErrnoStatus(errno, "poll");
    for (size_t i = 1; i < events.size(); ++i) {
      if (rc > 0 && events[i].revents != 0) return socket;
    }
    char names[4096];
    while (read(watch.get(), names, sizeof names) > 0) {
    }
  }
}

}  // namespace floe::mount
