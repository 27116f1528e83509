// SPDX-License-Identifier: Apache-2.0
#include "fusefs/image/chunk_loader.h"

#include <algorithm>
#include <atomic>
#include <optional>

#include "absl/strings/str_cat.h"

namespace floe::fusefs {

using store::FetchedChunk;
using store::OpenedKey;
using store::RequestOptions;

void ChunkSource::Enter(std::shared_ptr<const store::Urgency> urgency,
                        std::function<void()> fetch) {
  {
    MutexLock lock(mutex_);
    if (free_ == 0) {
      waiting_.push_back({std::move(urgency), std::move(fetch)});
      return;
    }
    --free_;
  }
  fetch();
}

std::function<void()> ChunkSource::TakeNext() {
  auto next = waiting_.begin();
  for (auto it = waiting_.begin(); it != waiting_.end(); ++it) {
    if (it->urgency->request_class() < next->urgency->request_class()) next = it;
    if (next->urgency->request_class() == store::RequestClass::kRunning) break;
  }
  std::function<void()> fetch = std::move(next->fetch);
  waiting_.erase(next);
  return fetch;
}

// A loop and not a recursion: a fetch that fails at once leaves from inside its own start.
void ChunkSource::Leave() {
  {
    MutexLock lock(mutex_);
    ++free_;
    if (std::exchange(draining_, true)) return;
  }
  while (true) {
    std::function<void()> next;
    {
      MutexLock lock(mutex_);
      if (free_ == 0 || waiting_.empty()) {
        draining_ = false;
        return;
      }
      --free_;
      next = TakeNext();
    }
    next();
  }
}

struct ChunkLoader::Waiter {
  explicit Waiter(LoadCallback callback) : done(std::move(callback)) {}
  // True when this was the first answer.
  bool Answer(const absl::StatusOr<OpenedChunk>& chunk) {
    if (answered.exchange(true, std::memory_order_acq_rel)) return false;
    done(chunk);
    return true;
  }
  const LoadCallback done;
  std::atomic<bool> answered{false};
};

struct ChunkLoader::Waiting {
  std::shared_ptr<Waiter> waiter;
  RequestOptions options;
  std::optional<Timer::Id> timer;
};

// A fetch under way. Its waiters are guarded by the loader's lock.
struct ChunkLoader::Flight {
  store::ChunkRef ref;
  std::shared_ptr<ChunkSource> source;
  SteadyTime deadline;
  std::shared_ptr<store::Urgency> urgency;
  std::vector<Waiting> waiters;

  ~Flight() { Wipe(ref.key); }
};

ChunkLoader::ChunkLoader(store::MemoryTier& memory, Executor& workers, Timer& timer,
                         LoaderCounters counters)
    : memory_(memory), workers_(workers), timer_(timer), counters_(counters) {}

void ChunkLoader::Load(const store::ChunkRef& ref, const std::shared_ptr<ChunkSource>& source,
                       const RequestOptions& options, LoadCallback done) {
  const OpenedKey key = OpenedKey::Of(ref);
  if (OpenedChunk chunk = memory_.Get(key)) {
    done(std::move(chunk));
    return;
  }
  Waiting waiting{std::make_shared<Waiter>(std::move(done)), options, std::nullopt};
  if (options.deadline != kNoDeadline)
    waiting.timer = WatchDeadline(waiting.waiter, options, ref.id);
  OpenedChunk landed;
  std::shared_ptr<Flight> launched;
  std::shared_ptr<store::Urgency> joined;
  {
    MutexLock lock(mutex_);
    const auto found = flights_.find(key);
    if (found != flights_.end()) {
      found->second->waiters.push_back(std::move(waiting));
      joined = found->second->urgency;
    } else if (!(landed = memory_.Peek(key))) {  // else a flight ended since the first look
      launched =
          std::make_shared<Flight>(Flight{ref,
                                          source,
                                          options.deadline,
                                          std::make_shared<store::Urgency>(options.request_class),
                                          {}});
      launched->waiters.push_back(std::move(waiting));
      flights_[key] = launched;
    }
  }
  if (joined) {
    if (counters_.joined != nullptr) counters_.joined->Add();
    joined->Raise(options.request_class);  // not under the lock: it may start the fetch here
  } else if (launched) {
    Launch(launched, options);
  } else {
    Answer(waiting, std::move(landed));
  }
}

Timer::Id ChunkLoader::WatchDeadline(const std::shared_ptr<Waiter>& waiter,
                                     const RequestOptions& options, const store::ChunkId& id) {
  return timer_.RunAt(options.deadline, [weak = std::weak_ptr<Waiter>(waiter), id] {
    if (const auto late = weak.lock()) {
      late->Answer(absl::DeadlineExceededError(
          absl::StrCat("chunk ", id.ToHex(), ": did not arrive in time")));
    }
  });
}

void ChunkLoader::Answer(const Waiting& waiting, const absl::StatusOr<OpenedChunk>& chunk) {
  if (waiting.waiter->Answer(chunk) && waiting.timer) timer_.Cancel(*waiting.timer);
}

void ChunkLoader::Launch(const std::shared_ptr<Flight>& flight, const RequestOptions& options) {
  if (counters_.fetches != nullptr) counters_.fetches->Add();
  RequestOptions fetch = options;
  fetch.cancel = {};  // others may join, and what is fetched is kept
  fetch.urgency = flight->urgency;
  flight->source->Enter(flight->urgency, [self = shared_from_this(), flight, fetch] {
    flight->source->store().Get(flight->ref.id, fetch,
                                [self, flight](absl::StatusOr<FetchedChunk> fetched) {
                                  self->Fetched(flight, std::move(fetched));
                                });
  });
}

void ChunkLoader::Fetched(const std::shared_ptr<Flight>& flight,
                          absl::StatusOr<FetchedChunk> fetched) {
  if (!fetched.ok()) {
    const absl::Status& status = fetched.status();
    flight->source->Leave();
    Land(flight, Annotate(status, absl::StrCat("chunk ", flight->ref.id.ToHex())));
    return;
  }
  workers_.RunHere([self = shared_from_this(), flight, bytes = *std::move(fetched)]() mutable {
    const absl::StatusOr<OpenedChunk> opened = self->Open(flight->ref, std::move(bytes));
    flight->source->Leave();  // not before: what waits to be opened takes memory
    self->Land(flight, opened);
  });
}

absl::StatusOr<OpenedChunk> ChunkLoader::Open(const store::ChunkRef& ref, FetchedChunk fetched) {
  auto opened = [&]() -> absl::StatusOr<OpenedChunk> {
    FLOE_ASSIGN_OR_RETURN(const store::VerifiedSealed sealed,
                          store::Verified(ref.id, std::move(fetched)));
    auto raw = std::make_shared<Bytes>(ref.raw_length);
    FLOE_RETURN_IF_ERROR(store::OpenChunk(sealed, ref, *raw));
    return OpenedChunk(std::move(raw));
  }();
  if (!opened.ok()) {
    if (counters_.open_failures != nullptr) counters_.open_failures->Add();
    return Annotate(opened.status(), absl::StrCat("chunk ", ref.id.ToHex()));
  }
  memory_.Put(OpenedKey::Of(ref), *opened);
  return opened;
}

void ChunkLoader::Land(const std::shared_ptr<Flight>& flight,
                       const absl::StatusOr<OpenedChunk>& chunk) {
  std::vector<Waiting> waiters;
  std::shared_ptr<Flight> again;
  RequestOptions again_options;
  {
    MutexLock lock(mutex_);
    waiters.swap(flight->waiters);
    const OpenedKey key = OpenedKey::Of(flight->ref);
    flights_.erase(key);
    if (absl::IsDeadlineExceeded(chunk.status())) {
      again = SplitLate(*flight, waiters);
      if (again) {
        again_options = again->waiters.front().options;
        flights_[key] = again;
      }
    }
  }
  for (const Waiting& waiting : waiters) Answer(waiting, chunk);
  if (again) Launch(again, again_options);
}

// The fetch ran out of its first reader's time; those who joined later still have some. Takes them
// out of `waiters` into a new flight.
std::shared_ptr<ChunkLoader::Flight> ChunkLoader::SplitLate(const Flight& flight,
                                                            std::vector<Waiting>& waiters) {
  const SteadyTime over = std::max(flight.deadline, timer_.Now());
  const auto late = std::stable_partition(
      waiters.begin(), waiters.end(),
      [over](const Waiting& waiting) { return waiting.options.deadline <= over; });
  if (late == waiters.end()) return nullptr;
  auto next = std::make_shared<Flight>(Flight{flight.ref, flight.source, over, nullptr, {}});
  next->waiters.assign(std::make_move_iterator(late), std::make_move_iterator(waiters.end()));
  waiters.erase(late, waiters.end());
  // The one with the most time leads.
  std::stable_sort(next->waiters.begin(), next->waiters.end(), [](const auto& a, const auto& b) {
    return a.options.deadline > b.options.deadline;
  });
  next->deadline = next->waiters.front().options.deadline;
  const auto most_urgent = std::min_element(
      next->waiters.begin(), next->waiters.end(), [](const auto& a, const auto& b) {
        return a.options.request_class < b.options.request_class;
      });
  next->urgency = std::make_shared<store::Urgency>(most_urgent->options.request_class);
  return next;
}

}  // namespace floe::fusefs
