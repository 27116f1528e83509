// SPDX-License-Identifier: Apache-2.0
#include "mount/child.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/mutex.h"
#include "base/unix_socket.h"

namespace floe::mount {
namespace {

// How long a child may take to vanish after its report or after SIGKILL before it is set aside.
constexpr int kEndMilliseconds = 200;

struct Child {
  pid_t pid = -1;
  UniqueFd pidfd;
};

class AbandonedChildren {
 public:
  void Add(Child child) FLOE_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    children_.push_back(std::move(child));
  }
  size_t Reap() FLOE_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    std::erase_if(children_, [](const Child& child) {
      return waitpid(child.pid, nullptr, WNOHANG) == child.pid;
    });
    return children_.size();
  }

 private:
  Mutex mutex_;
  std::vector<Child> children_ FLOE_GUARDED_BY(mutex_);
};

AbandonedChildren& Abandoned() {
  static AbandonedChildren* const children = new AbandonedChildren;
  return *children;
}

// Closes all but 0..2 and `keep` (sorted).
void CloseAllBut(const std::vector<int>& keep) {
  int from = 3;
  for (const int fd : keep) {
    if (fd > from) syscall(SYS_close_range, from, fd - 1, 0U);
    if (fd >= from) from = fd + 1;
  }
  syscall(SYS_close_range, from, ~0U, 0U);
}

void SendReport(int channel, const ChildReport& report, int descriptor) {
  struct iovec part = {const_cast<ChildReport*>(&report), sizeof report};
  alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  struct msghdr header = {};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (descriptor >= 0) {
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    cmsghdr* entry = CMSG_FIRSTHDR(&header);
    entry->cmsg_level = SOL_SOCKET;
    entry->cmsg_type = SCM_RIGHTS;
    entry->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(entry), &descriptor, sizeof descriptor);
  }
  sendmsg(channel, &header, MSG_NOSIGNAL);
}

// The child keeps all signals blocked: no handler of ours may run in it.
pid_t ForkWithSignalsBlocked() {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = fork();
  const int error = errno;
  if (pid != 0) pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = error;
  return pid;
}

absl::StatusOr<Child> StartChild(const std::vector<int>& keep, int channel,
                                 const std::function<void(ChildReport&, int&)>& work) {
  std::vector<int> open = keep;
  open.push_back(channel);
  std::sort(open.begin(), open.end());
  const pid_t parent = getpid();
  Child child{ForkWithSignalsBlocked(), {}};
  if (child.pid < 0) return ErrnoStatus(errno, "fork");
  if (child.pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    CloseAllBut(open);
    ChildReport report;
    int descriptor = -1;
    work(report, descriptor);
    SendReport(channel, report, descriptor);
    _exit(0);
  }
  child.pidfd.Reset(static_cast<int>(syscall(SYS_pidfd_open, child.pid, 0)));
  return child;
}

void EndChild(Child child, const std::string& what) {
  struct pollfd ended = {child.pidfd.get(), POLLIN, 0};
  if (poll(&ended, 1, kEndMilliseconds) == 1) {
    waitpid(child.pid, nullptr, 0);
    return;
  }
  Log(LogLevel::kWarning, "a child sleeps in the kernel; it is left to end by itself",
      {{"what", what}, {"pid", child.pid}});
  Abandoned().Add(std::move(child));
}

absl::StatusOr<ChildResult> TakeReport(const std::string& what, Message message) {
  ChildResult result;
  if (message.bytes.size() != sizeof result.report) {
    return absl::InternalError(absl::StrCat(what, ": a child's report was cut"));
  }
  std::memcpy(static_cast<void*>(&result.report), message.bytes.data(), sizeof result.report);
  if (!message.descriptors.empty()) result.descriptor = std::move(message.descriptors[0]);
  return result;
}

}  // namespace

void ChildReport::Fail(const char* failed_step) {
  error = errno;
  std::strncpy(step, failed_step, sizeof step - 1);
}

absl::Status ChildReport::ToStatus(const std::string& what) const {
  if (error == 0) return absl::OkStatus();
  const std::string where = absl::StrCat(what, ": ", step);
  return ErrnoStatus(error, words[0] ? absl::StrCat(where, " (", words, ")") : where);
}

size_t ReapAbandonedChildren() { return Abandoned().Reap(); }

absl::StatusOr<ChildResult> RunInChild(
    const std::string& what, const std::vector<int>& keep,
    const std::function<void(ChildReport& report, int& descriptor)>& work, SteadyTime deadline) {
  ReapAbandonedChildren();
  FLOE_ASSIGN_OR_RETURN(auto channel, UnixPair());
  FLOE_ASSIGN_OR_RETURN(Child child, StartChild(keep, channel.second.get(), work));
  channel.second.Reset();
  absl::StatusOr<Message> message = ReceiveMessage(channel.first.get(), deadline);
  if (!message.ok()) kill(child.pid, SIGKILL);
  EndChild(std::move(child), what);
  if (message.ok()) return TakeReport(what, *std::move(message));
  if (absl::IsDeadlineExceeded(message.status())) {
    return absl::DeadlineExceededError(absl::StrCat(what, ": the kernel did not finish in time"));
  }
  return absl::InternalError(absl::StrCat(what, ": the child ended without a report"));
}

}  // namespace floe::mount
