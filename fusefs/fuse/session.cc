// SPDX-License-Identifier: Apache-2.0
#include "fusefs/fuse/session.h"

#include <fcntl.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "base/log.h"

namespace floe::fusefs {
namespace {

// The kernel wants room for the largest write it could send; ours are 4 KiB.
constexpr size_t kRequestBytes = 64 << 10;
constexpr int kNotifyResend = 7;  // FUSE_NOTIFY_RESEND, newer than Debian 12's header

}  // namespace

// What calls need after the session is gone.
class SessionCore {
 public:
  explicit SessionCore(UniqueFd device) : device_(std::move(device)) {}

  int fd() const { return device_.get(); }

  void Track(const std::shared_ptr<Call>& call) FLOE_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    pending_[call->unique()] = call;
  }
  std::shared_ptr<Call> Find(uint64_t unique) FLOE_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    const auto found = pending_.find(unique);
    return found == pending_.end() ? nullptr : found->second.lock();
  }
  void Untrack(uint64_t unique) FLOE_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    pending_.erase(unique);
  }
  // No write starts after this has returned.
  void Silence() FLOE_EXCLUDES(write_mutex_) {
    MutexLock lock(write_mutex_);
    silent_ = true;
    while (writers_ > 0) idle_.Wait(write_mutex_);
  }

  // The one place that writes to the kernel. False: silenced, or nobody waits for the answer.
  bool Reply(uint64_t unique, int error, std::span<const struct iovec> parts)
      FLOE_EXCLUDES(write_mutex_) {
    {
      MutexLock lock(write_mutex_);
      if (silent_) return false;
      ++writers_;
    }
    const bool taken = Write(unique, error, parts);
    MutexLock lock(write_mutex_);
    if (--writers_ == 0 && silent_) idle_.NotifyAll();
    return taken;
  }

 private:
  bool Write(uint64_t unique, int error, std::span<const struct iovec> parts) {
    struct fuse_out_header header = {};
    std::vector<struct iovec> all = {{&header, sizeof header}};
    all.insert(all.end(), parts.begin(), parts.end());
    size_t length = 0;
    for (const struct iovec& part : all) length += part.iov_len;
    header.len = static_cast<uint32_t>(length);
    header.error = -error;
    header.unique = unique;
    ssize_t n;
    do {
      n = writev(device_.get(), all.data(), static_cast<int>(all.size()));
    } while (n < 0 && errno == EINTR);
    if (n == static_cast<ssize_t>(length)) return true;
    // ENOENT: the request was aborted or answered by a predecessor. Anything else is a bug of ours
    // and must not leave the reader waiting for ever.
    if (n < 0 && errno != ENOENT && errno != ENODEV) {
      const absl::Status status = ErrnoStatus(errno, "write to /dev/fuse");
      Log(LogLevel::kError, "FUSE reply refused", {{"reason", status.message()}});
      if (error == 0) return Write(unique, EIO, {}) && false;
    }
    return false;
  }

  const UniqueFd device_;
  Mutex mutex_;
  std::unordered_map<uint64_t, std::weak_ptr<Call>> pending_ FLOE_GUARDED_BY(mutex_);
  Mutex write_mutex_;
  CondVar idle_;
  int writers_ FLOE_GUARDED_BY(write_mutex_) = 0;
  bool silent_ FLOE_GUARDED_BY(write_mutex_) = false;
};

bool Call::Error(int error) {
  if (answered_.exchange(true, std::memory_order_acq_rel)) return false;
  core_->Untrack(unique_);
  return core_->Reply(unique_, error, {});
}

bool Call::Data(std::span<const struct iovec> parts) {
  if (answered_.exchange(true, std::memory_order_acq_rel)) return false;
  core_->Untrack(unique_);
  return core_->Reply(unique_, 0, parts);
}

bool Call::Data(ByteView bytes) {
  const struct iovec part = {const_cast<uint8_t*>(bytes.data()), bytes.size()};
  return Data(std::span(&part, 1));
}

absl::StatusOr<std::unique_ptr<Session>> Session::Start(UniqueFd device, SessionOptions options,
                                                        FuseHandler handler) {
  UniqueFd stop(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!stop) return ErrnoStatus(errno, "eventfd");
  if (fcntl(device.get(), F_SETFL, O_NONBLOCK) != 0) return ErrnoStatus(errno, "fcntl /dev/fuse");
  auto core = std::make_shared<SessionCore>(std::move(device));
  std::unique_ptr<Session> session(
      new Session(std::move(core), std::move(stop), std::move(options), std::move(handler)));
  for (size_t i = 0; i < session->options_.threads; ++i) {
    session->threads_.emplace_back([s = session.get()] { s->Loop(); });
  }
  return session;
}

Session::Session(std::shared_ptr<SessionCore> core, UniqueFd stop, SessionOptions options,
                 FuseHandler handler)
    : core_(std::move(core)),
      stop_(std::move(stop)),
      options_(std::move(options)),
      handler_(std::move(handler)) {}

Session::~Session() { Stop(); }

void Session::Stop() {
  (void)eventfd_write(stop_.get(), 1);
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  core_->Silence();
}

void Session::Loop() {
  pthread_setname_np(pthread_self(), "fuse");
  const UniqueFd poller(epoll_create1(EPOLL_CLOEXEC));
  // Exclusive: one request wakes one thread.
  struct epoll_event request = {EPOLLIN | EPOLLEXCLUSIVE, {.fd = core_->fd()}};
  struct epoll_event stop = {EPOLLIN, {.fd = stop_.get()}};
  epoll_ctl(poller.get(), EPOLL_CTL_ADD, core_->fd(), &request);
  epoll_ctl(poller.get(), EPOLL_CTL_ADD, stop_.get(), &stop);
  Bytes buffer(kRequestBytes);
  while (true) {
    struct epoll_event events[2];
    const int count = epoll_wait(poller.get(), events, 2, -1);
    for (int i = 0; i < count; ++i) {
      if (events[i].data.fd == stop_.get()) return;
    }
    if (count <= 0) continue;
    const ssize_t n = read(core_->fd(), buffer.data(), buffer.size());
    if (n > 0) {
      Handle(ByteView(buffer).first(static_cast<size_t>(n)));
    } else if (n == 0 || errno == ENODEV) {
      // Unmounted or aborted: nothing will ever come again.
      if (!ended_.exchange(true) && options_.on_end) options_.on_end();
      return;
    }  // else EAGAIN, EINTR, ENOENT: another thread had it, or it was withdrawn
  }
}

void Session::Handle(ByteView message) {
  struct fuse_in_header header;
  if (message.size() < sizeof header) return;
  std::memcpy(&header, message.data(), sizeof header);
  const FuseRequest request{header.opcode, header.unique, header.nodeid, message,
                            message.subspan(sizeof header)};
  if (header.opcode == FUSE_INTERRUPT) {
    struct fuse_interrupt_in interrupt;
    if (request.body.size() < sizeof interrupt) return;
    std::memcpy(&interrupt, request.body.data(), sizeof interrupt);
    Interrupt(interrupt.unique);
    return;
  }
  auto call = std::make_shared<Call>(core_, header.unique);
  if (header.opcode != FUSE_FORGET && header.opcode != FUSE_BATCH_FORGET) core_->Track(call);
  handler_(request, std::move(call));
}

// One that is not tracked is another thread's, whose own answer will then be refused, or was a dead
// predecessor's, and nobody's now: to ask the kernel for the interrupt again (EAGAIN) would be to
// spin until the connection ends. The kernel ignores what nobody waits for.
void Session::Interrupt(uint64_t unique) {
  if (const auto target = core_->Find(unique)) {
    target->Error(EINTR);
  } else {
    core_->Reply(unique, EINTR, {});
  }
}

absl::Status ResendRequests(int device) {
  struct fuse_out_header header = {};
  header.len = sizeof header;
  header.error = kNotifyResend;
  if (write(device, &header, sizeof header) == static_cast<ssize_t>(sizeof header)) {
    return absl::OkStatus();
  }
  if (errno == EINVAL) {
    return absl::UnimplementedError("this kernel cannot resend FUSE requests (Linux 6.9 can)");
  }
  return ErrnoStatus(errno, "FUSE_NOTIFY_RESEND");
}

}  // namespace floe::fusefs
