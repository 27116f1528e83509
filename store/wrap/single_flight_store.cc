// SPDX-License-Identifier: Apache-2.0
#include "store/wrap/single_flight_store.h"

#include "absl/strings/str_cat.h"

namespace floe::store {

void SingleFlightStore::Get(const ChunkId& id, const RequestOptions& options, GetCallback done) {
  std::shared_ptr<Flight> flight;
  bool first = false;
  {
    MutexLock lock(mutex_);
    std::shared_ptr<Flight>& entry = flights_[id];
    first = entry == nullptr;
    if (first) {
      entry = std::make_shared<Flight>();
      entry->urgency = options.urgency != nullptr
                           ? options.urgency
                           : std::make_shared<Urgency>(options.request_class);
    }
    flight = entry;
    const uint64_t key = ++next_waiter_;
    Waiter& waiter = flight->waiters[key];
    waiter.done = std::move(done);
    if (options.deadline != kNoDeadline) {
      calls_.Begin();  // ended by TimeOut, or by whoever cancels it
      waiter.timeout =
          timer_.RunAt(options.deadline, [this, id, flight, key] { TimeOut(id, flight, key); });
    }
  }
  if (!first) {
    if (shared_ != nullptr) shared_->Add();
    Follow(options, flight);
    return;
  }
  // Each waiter has its own deadline; the fetch ends when nobody waits.
  RequestOptions told;
  told.request_class = options.request_class;
  told.urgency = flight->urgency;
  told.cancel = flight->cancel.token();
  calls_.Begin();
  inner().Get(id, told, [this, id, flight](absl::StatusOr<FetchedChunk> result) {
    Land(id, flight, result);
    calls_.End();
  });
}

// The fetch is as urgent as the one who joins, also when that one rises later.
void SingleFlightStore::Follow(const RequestOptions& options,
                               const std::shared_ptr<Flight>& flight) {
  if (options.urgency != nullptr && options.urgency != flight->urgency) {
    options.urgency->Listen(flight.get(), [weak = std::weak_ptr<Urgency>(flight->urgency),
                                           rising = std::weak_ptr<Urgency>(options.urgency)] {
      const auto fetch = weak.lock();
      const auto risen = rising.lock();
      if (fetch != nullptr && risen != nullptr) fetch->Raise(risen->request_class());
    });
    flight->urgency->Raise(options.urgency->request_class());
  }
  flight->urgency->Raise(options.request_class);
}

void SingleFlightStore::Leave(const ChunkId& id, const std::shared_ptr<Flight>& flight) {
  const auto entry = flights_.find(id);
  if (entry != flights_.end() && entry->second == flight) flights_.erase(entry);
}

void SingleFlightStore::Land(const ChunkId& id, const std::shared_ptr<Flight>& flight,
                             const absl::StatusOr<FetchedChunk>& result) {
  std::map<uint64_t, Waiter> waiters;
  {
    MutexLock lock(mutex_);
    Leave(id, flight);
    waiters.swap(flight->waiters);
  }
  for (auto& [key, waiter] : waiters) {
    // One that is running now finds its waiter gone, and ends its own count.
    if (waiter.timeout != 0 && timer_.Cancel(waiter.timeout)) calls_.End();
    waiter.done(result);
  }
}

void SingleFlightStore::TimeOut(const ChunkId& id, const std::shared_ptr<Flight>& flight,
                                uint64_t key) {
  GetCallback done;
  {
    MutexLock lock(mutex_);
    const auto waiter = flight->waiters.find(key);
    if (waiter != flight->waiters.end()) {
      done = std::move(waiter->second.done);
      flight->waiters.erase(waiter);
      if (flight->waiters.empty()) {
        Leave(id, flight);
        flight->cancel.Cancel();
      }
    }
  }
  if (done) {
    done(absl::DeadlineExceededError(
        absl::StrCat("chunk ", id.ToHex(), ": ", Name(), " did not answer in time")));
  }
  calls_.End();
}

}  // namespace floe::store
