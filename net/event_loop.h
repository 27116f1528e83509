// SPDX-License-Identifier: Apache-2.0
// One thread that waits for many descriptors and timers (epoll, timerfd).
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/executor.h"
#include "base/status.h"
#include "base/timer.h"
#include "base/unique_fd.h"

namespace floe::net {

// As a Timer, and Post: thread safe. Work must be short and must not throw. The destructor runs
// what was posted, drops timers that are not due and joins; what is watched must be gone by then.
class EventLoop : public Timer, public Executor {
 public:
  // `events` as EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP.
  using Ready = std::function<void(uint32_t events)>;

  // `name` (at most 15 characters) is what ps shows. UNAVAILABLE, RESOURCE_EXHAUSTED: the kernel
  // has no descriptors left.
  static absl::StatusOr<std::unique_ptr<EventLoop>> Create(std::string name);
  ~EventLoop() override;

  // Runs `work` soon on the loop's thread, in the order of the calls, never inside this call.
  void Post(std::function<void()> work) FLOE_EXCLUDES(mutex_);
  void Run(std::function<void()> work) override { Post(std::move(work)); }
  bool InLoop() const { return std::this_thread::get_id() == loop_thread_.load(); }

  SteadyTime Now() override { return Clock::Real().Now(); }
  Id RunAt(SteadyTime when, std::function<void()> work) override FLOE_EXCLUDES(mutex_);
  bool Cancel(Id id) override FLOE_EXCLUDES(mutex_);

  // On the loop's thread only. `fd` is borrowed until Unwatch, which must come before it is closed;
  // afterwards `ready` is not called again.
  absl::Status Watch(int fd, uint32_t events, Ready ready);
  void ChangeEvents(int fd, uint32_t events);
  void Unwatch(int fd);

 private:
  struct Watched {
    uint64_t serial;
    std::shared_ptr<Ready> ready;
  };

  EventLoop(UniqueFd epoll, UniqueFd wake, UniqueFd clock);
  void Loop(const std::string& name);
  void Dispatch(uint64_t serial, uint32_t events);
  void RunPosted() FLOE_EXCLUDES(mutex_);
  void RunDue() FLOE_EXCLUDES(mutex_);
  // Makes the timerfd fire no later than the first timer.
  void Arm() FLOE_REQUIRES(mutex_);

  const UniqueFd epoll_;
  const UniqueFd wake_;   // eventfd
  const UniqueFd clock_;  // timerfd

  // The loop's thread only.
  uint64_t next_serial_ = 2;
  std::unordered_map<int, Watched> watched_;
  std::unordered_map<uint64_t, int> by_serial_;

  Mutex mutex_;
  bool stopping_ FLOE_GUARDED_BY(mutex_) = false;
  std::vector<std::function<void()>> posted_ FLOE_GUARDED_BY(mutex_);
  Id next_ FLOE_GUARDED_BY(mutex_) = 1;
  SteadyTime armed_ FLOE_GUARDED_BY(mutex_) = kNoDeadline;
  std::map<std::pair<SteadyTime, Id>, std::function<void()>> due_ FLOE_GUARDED_BY(mutex_);
  std::unordered_map<Id, SteadyTime> when_ FLOE_GUARDED_BY(mutex_);
  std::atomic<std::thread::id> loop_thread_{};
  std::thread thread_;
};

}  // namespace floe::net
