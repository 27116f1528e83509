// SPDX-License-Identifier: Apache-2.0
#include "net/event_loop.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"

namespace floe::net {
namespace {

constexpr uint64_t kWakeSerial = 0;
constexpr uint64_t kClockSerial = 1;

absl::Status AddToEpoll(int epoll, int fd, uint32_t events, uint64_t serial) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = serial;
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0) return absl::OkStatus();
  return ErrnoStatus(errno, "epoll_ctl");
}

void DrainCounter(int fd) {
  uint64_t count = 0;
  while (read(fd, &count, sizeof count) < 0 && errno == EINTR) {
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<EventLoop>> EventLoop::Create(std::string name) {
  UniqueFd epoll(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.valid()) return ErrnoStatus(errno, "epoll_create1");
  UniqueFd wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake.valid()) return ErrnoStatus(errno, "eventfd");
  UniqueFd clock(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!clock.valid()) return ErrnoStatus(errno, "timerfd_create");
  FLOE_RETURN_IF_ERROR(AddToEpoll(epoll.get(), wake.get(), EPOLLIN, kWakeSerial));
  FLOE_RETURN_IF_ERROR(AddToEpoll(epoll.get(), clock.get(), EPOLLIN, kClockSerial));
  std::unique_ptr<EventLoop> loop(
      new EventLoop(std::move(epoll), std::move(wake), std::move(clock)));
  loop->thread_ = std::thread([raw = loop.get(), name = std::move(name)] { raw->Loop(name); });
  return loop;
}

EventLoop::EventLoop(UniqueFd epoll, UniqueFd wake, UniqueFd clock)
    : epoll_(std::move(epoll)), wake_(std::move(wake)), clock_(std::move(clock)) {}

EventLoop::~EventLoop() {
  if (!thread_.joinable()) return;
  Post([this] {
    MutexLock lock(mutex_);
    stopping_ = true;
  });
  thread_.join();
}

void EventLoop::Post(std::function<void()> work) {
  bool first = false;
  {
    MutexLock lock(mutex_);
    first = posted_.empty();
    posted_.push_back(std::move(work));
  }
  // The loop itself looks before it waits.
  if (!first || InLoop()) return;
  const uint64_t one = 1;
  // It fails only when the counter is full, and then the loop wakes anyway.
  (void)!write(wake_.get(), &one, sizeof one);
}

Timer::Id EventLoop::RunAt(SteadyTime when, std::function<void()> work) {
  MutexLock lock(mutex_);
  const Id id = next_++;
  if (when == kNoDeadline) return id;
  due_.emplace(std::make_pair(when, id), std::move(work));
  when_[id] = when;
  Arm();
  return id;
}

bool EventLoop::Cancel(Id id) {
  std::function<void()> dropped;  // destroyed outside the lock
  MutexLock lock(mutex_);
  const auto found = when_.find(id);
  if (found == when_.end()) return false;
  const auto entry = due_.find({found->second, id});
  dropped = std::move(entry->second);
  due_.erase(entry);
  when_.erase(found);
  return true;
}

void EventLoop::Arm() {
  if (due_.empty() || due_.begin()->first.first >= armed_) return;
  armed_ = due_.begin()->first.first;
  // steady_clock is CLOCK_MONOTONIC. A time of zero would disarm it.
  const auto since =
      std::max<std::chrono::nanoseconds>(armed_.time_since_epoch(), std::chrono::nanoseconds(1));
  itimerspec spec{};
  spec.it_value.tv_sec = static_cast<time_t>(since.count() / 1'000'000'000);
  spec.it_value.tv_nsec = static_cast<long>(since.count() % 1'000'000'000);
  timerfd_settime(clock_.get(), TFD_TIMER_ABSTIME, &spec, nullptr);
}

absl::Status EventLoop::Watch(int fd, uint32_t events, Ready ready) {
  const uint64_t serial = next_serial_++;
  FLOE_RETURN_IF_ERROR(AddToEpoll(epoll_.get(), fd, events, serial));
  watched_[fd] = {serial, std::make_shared<Ready>(std::move(ready))};
  by_serial_[serial] = fd;
  return absl::OkStatus();
}

void EventLoop::ChangeEvents(int fd, uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = watched_.at(fd).serial;
  epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event);
}

void EventLoop::Unwatch(int fd) {
  const auto found = watched_.find(fd);
  if (found == watched_.end()) return;
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
  by_serial_.erase(found->second.serial);
  watched_.erase(found);
}

void EventLoop::Dispatch(uint64_t serial, uint32_t events) {
  // Gone: an earlier event of the same round ended it. Its number may be another's by now.
  const auto fd = by_serial_.find(serial);
  if (fd == by_serial_.end()) return;
  const std::shared_ptr<Ready> ready = watched_.at(fd->second).ready;
  (*ready)(events);
}

void EventLoop::RunPosted() {
  std::vector<std::function<void()>> posted;
  {
    MutexLock lock(mutex_);
    posted.swap(posted_);
  }
  for (auto& work : posted) {
    work();
    work = nullptr;
  }
}

void EventLoop::RunDue() {
  while (true) {
    std::function<void()> work;
    {
      MutexLock lock(mutex_);
      if (due_.empty() || due_.begin()->first.first > Now()) {
        armed_ = kNoDeadline;
        Arm();
        return;
      }
      when_.erase(due_.begin()->first.second);
      work = std::move(due_.begin()->second);
      due_.erase(due_.begin());
    }
    work();
  }
}

void EventLoop::Loop(const std::string& name) {
  loop_thread_ = std::this_thread::get_id();
  pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
  std::array<epoll_event, 64> events;
  while (true) {
    bool waits = false;
    {
      MutexLock lock(mutex_);
      waits = posted_.empty();
      if (stopping_ && waits) return;
    }
    const int count = epoll_wait(epoll_.get(), events.data(), events.size(), waits ? -1 : 0);
    bool due = false;
    for (int i = 0; i < count; ++i) {
      const uint64_t serial = events[i].data.u64;
      if (serial == kWakeSerial) {
        DrainCounter(wake_.get());
      } else if (serial == kClockSerial) {
        DrainCounter(clock_.get());
        due = true;
      } else {
        Dispatch(serial, events[i].events);
      }
    }
    if (due) RunDue();
    RunPosted();
  }
}

}  // namespace floe::net
