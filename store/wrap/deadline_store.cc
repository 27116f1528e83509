// SPDX-License-Identifier: Apache-2.0
#include "store/wrap/deadline_store.h"

#include <algorithm>
#include <atomic>

#include "absl/strings/str_cat.h"

namespace floe::store {
namespace {

// One call under way, shared by the two that may answer it.
template <typename T>
struct Pending {
  std::function<void(absl::StatusOr<T>)> done;
  std::atomic<bool> answered{false};

  void Answer(absl::StatusOr<T> result) {
    if (!answered.exchange(true)) std::exchange(done, nullptr)(std::move(result));
  }
};

}  // namespace

template <typename T>
std::pair<RequestOptions, std::function<void(absl::StatusOr<T>)>> DeadlineStore::Guard(
    const RequestOptions& options, std::function<void(absl::StatusOr<T>)> done) {
  RequestOptions told = options;
  told.deadline = std::min(
      options.deadline, timer_.Now() + std::chrono::duration_cast<SteadyTime::duration>(timeout_));
  const auto pending = std::make_shared<Pending<T>>();
  pending->done = std::move(done);
  calls_.Begin();
  // The timer's work owns itself and does not touch this object: it may run late.
  const Timer::Id id = timer_.RunAt(told.deadline, [pending, name = Name()] {
    pending->Answer(absl::DeadlineExceededError(
        absl::StrCat(name, " did not answer in time; is it reachable?")));
  });
  return {std::move(told), [this, pending, id](absl::StatusOr<T> result) {
            timer_.Cancel(id);
            pending->Answer(std::move(result));
            calls_.End();
          }};
}

void DeadlineStore::Get(const ChunkId& id, const RequestOptions& options, GetCallback done) {
  auto [told, answer] = Guard<FetchedChunk>(options, std::move(done));
  inner().Get(id, told, std::move(answer));
}

void DeadlineStore::Put(const VerifiedSealed& chunk, const RequestOptions& options,
                        PutCallback done) {
  auto [told, answer] = Guard<PutResult>(options, std::move(done));
  inner().Put(chunk, told, std::move(answer));
}

void DeadlineStore::List(const std::string& from, size_t limit, const RequestOptions& options,
                         ListCallback done) {
  auto [told, answer] = Guard<ChunkPage>(options, std::move(done));
  inner().List(from, limit, told, std::move(answer));
}

}  // namespace floe::store
