// SPDX-License-Identifier: Apache-2.0
#include "store/registry/range_reader.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "oci/digest.h"
#include "store/wrap/limit_policy.h"

namespace floe::store {
namespace {

RequestClass ClassNow(const RequestOptions& options) {
  return options.urgency ? std::min(options.urgency->request_class(), options.request_class)
                         : options.request_class;
}

uint64_t EndOf(const PackPlace& place) { return uint64_t{place.offset} + place.length; }

}  // namespace

absl::Status StillWantedNow(const RequestOptions& options) {
  if (options.cancel.cancelled()) return absl::CancelledError("cancelled before it began");
  if (options.deadline != kNoDeadline && Clock::Real().Now() >= options.deadline) {
    return absl::DeadlineExceededError("the deadline passed before it began");
  }
  return absl::OkStatus();
}

void RangeReader::Get(const PackPlace& place, const RequestOptions& options, Done done) {
  {
    MutexLock lock(mutex_);
    queue_.push_back({place, options, std::move(done)});
  }
  pool_.Run([this] { ReadSome(); });
}

void RangeReader::ReadSome() {
  std::vector<Wanted> run = TakeRun();
  std::vector<Wanted> wanted;
  for (Wanted& one : run) {
    const absl::Status status = StillWantedNow(one.options);
    if (status.ok()) {
      wanted.push_back(std::move(one));
    } else {
      one.done(status);
    }
  }
  if (!wanted.empty()) Read(std::move(wanted));
}

std::vector<RangeReader::Wanted> RangeReader::TakeRun() {
  MutexLock lock(mutex_);
  std::vector<Wanted> run;
  if (queue_.empty()) return run;  // went with a neighbour
  const auto first = std::min_element(
      queue_.begin(), queue_.end(),
      [](const Wanted& a, const Wanted& b) { return ClassNow(a.options) < ClassNow(b.options); });
  const PackBlob* pack = first->place.blob.get();
  run.push_back(std::move(*first));
  queue_.erase(first);
  std::vector<std::deque<Wanted>::iterator> same;
  for (auto it = queue_.begin(); it != queue_.end(); ++it) {
    if (it->place.blob.get() == pack) same.push_back(it);
  }
  std::sort(same.begin(), same.end(),
            [](auto a, auto b) { return a->place.offset < b->place.offset; });
  uint64_t low = run[0].place.offset;
  uint64_t high = EndOf(run[0].place);
  const auto take = [&](std::deque<Wanted>::iterator it) {
    const uint64_t start = std::min<uint64_t>(low, it->place.offset);
    const uint64_t end = std::max(high, EndOf(it->place));
    const bool near =
        it->place.offset <= high + kMostGapBytes && EndOf(it->place) + kMostGapBytes >= low;
    if (!near || end - start > kMostRangeBytes) return;
    low = start;
    high = end;
    run.push_back(std::move(*it));
    it->done = nullptr;  // taken
  };
  for (const auto& it : same) {
    if (it->place.offset >= run[0].place.offset) take(it);
  }
  for (auto it = same.rbegin(); it != same.rend(); ++it) {
    if ((*it)->done != nullptr && (*it)->place.offset < run[0].place.offset) take(*it);
  }
  std::erase_if(queue_, [](const Wanted& wanted) { return wanted.done == nullptr; });
  std::sort(run.begin(), run.end(),
            [](const Wanted& a, const Wanted& b) { return a.place.offset < b.place.offset; });
  return run;
}

void RangeReader::Read(std::vector<Wanted> run) {
  const PackBlob& pack = *run[0].place.blob;
  std::vector<std::shared_ptr<Bytes>> buffers;
  std::vector<registry::RangePiece> pieces;
  uint64_t at = run[0].place.offset;
  for (const Wanted& wanted : run) {
    buffers.push_back(std::make_shared<Bytes>(wanted.place.length));
    // The same chunk twice: the second answer is a copy of the first.
    if (wanted.place.offset < at) continue;
    if (wanted.place.offset > at)
      pieces.push_back({{}, static_cast<size_t>(wanted.place.offset - at)});
    pieces.push_back({MutableByteView(*buffers.back()), 0});
    at = EndOf(wanted.place);
  }
  requests_.fetch_add(1, std::memory_order_relaxed);
  const uint64_t ignored = repository_.ignored_ranges();
  const absl::Status read =
      repository_.ReadRange(oci::DigestString(pack.digest), run[0].place.offset, pieces);
  if (repository_.ignored_ranges() != ignored && !told_.exchange(true)) {
    Log(LogLevel::kWarning,
        "the registry sends whole blobs where a range was asked for: reads are slow; use another "
        "registry, or a proxy that honours Range",
        {{"repository", repository_.Name()}});
  }
  uint64_t served = run[0].place.offset;
  for (size_t i = 0; i < run.size(); ++i) {
    const PackPlace& place = run[i].place;
    if (read.ok() && i > 0 && place.offset < served) {
      run[i].done(place.offset == run[i - 1].place.offset && place.length == run[i - 1].place.length
                      ? absl::StatusOr<SealedBytes>(buffers[i] = buffers[i - 1])
                      : absl::DataLossError("the index has chunks that overlap"));
      continue;
    }
    served = EndOf(place);
    run[i].done(read.ok() ? absl::StatusOr<SealedBytes>(buffers[i]) : Explain(read, pack));
  }
}

absl::Status RangeReader::Explain(const absl::Status& status, const PackBlob& pack) {
  if (registry::SaysSlowDown(status)) return SlowDown(status.message());
  if (!absl::IsNotFound(status)) return status;
  return absl::NotFoundError(absl::StrCat(
      repository_.Name(), ": pack ", oci::DigestString(pack.digest),
      " is not in the repository any more: its image was deleted and the registry collected "
      "garbage; convert the image again"));
}

}  // namespace floe::store
