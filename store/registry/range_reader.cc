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

// Grows as neighbours join.
struct RangeReader::Run {
  explicit Run(Wanted first) : low(first.place.offset), high(EndOf(first.place)) {
    wanted.push_back(std::move(first));
  }
  // Takes `one`, which has no callback afterwards, when it is near and the whole stays small.
  void Offer(Wanted& one) {
    const uint64_t start = std::min<uint64_t>(low, one.place.offset);
    const uint64_t end = std::max(high, EndOf(one.place));
    const bool near =
        one.place.offset <= high + kMostGapBytes && EndOf(one.place) + kMostGapBytes >= low;
    if (!near || end - start > kMostRangeBytes) return;
    low = start;
    high = end;
    wanted.push_back(std::move(one));
    one.done = nullptr;
  }

  std::vector<Wanted> wanted;
  uint64_t low;
  uint64_t high;
};

std::vector<RangeReader::Wanted> RangeReader::TakeRun() {
  MutexLock lock(mutex_);
  if (queue_.empty()) return {};  // went with a neighbour
  const auto first = std::min_element(
      queue_.begin(), queue_.end(),
      [](const Wanted& a, const Wanted& b) { return ClassNow(a.options) < ClassNow(b.options); });
  Run run(std::move(*first));
  queue_.erase(first);
  const std::shared_ptr<const PackBlob> pack = run.wanted[0].place.blob;
  const uint32_t middle = run.wanted[0].place.offset;
  std::vector<Wanted*> same;
  for (Wanted& wanted : queue_) {
    if (wanted.place.blob == pack) same.push_back(&wanted);
  }
  const auto by_offset = [](const Wanted* a, const Wanted* b) {
    return a->place.offset < b->place.offset;
  };
  std::sort(same.begin(), same.end(), by_offset);
  // Outwards from the first, so that each finds its nearer neighbour taken.
  for (Wanted* one : same) {
    if (one->place.offset >= middle) run.Offer(*one);
  }
  for (auto it = same.rbegin(); it != same.rend(); ++it) {
    if ((*it)->done != nullptr && (*it)->place.offset < middle) run.Offer(**it);
  }
  std::erase_if(queue_, [](const Wanted& wanted) { return wanted.done == nullptr; });
  std::sort(run.wanted.begin(), run.wanted.end(),
            [](const Wanted& a, const Wanted& b) { return a.place.offset < b.place.offset; });
  return std::move(run.wanted);
}

void RangeReader::Read(std::vector<Wanted> run) {
  const std::shared_ptr<const PackBlob> pack = run[0].place.blob;
  std::vector<std::shared_ptr<Bytes>> buffers;
  std::vector<registry::RangePiece> pieces;
  uint64_t at = run[0].place.offset;
  for (const Wanted& wanted : run) {
    // The same chunk twice: the second answer is the first's bytes.
    if (wanted.place.offset < at) {
      buffers.push_back(buffers.back());
      continue;
    }
    const size_t gap = static_cast<size_t>(wanted.place.offset - at);
    if (gap > 0) pieces.push_back({{}, gap});
    buffers.push_back(std::make_shared<Bytes>(wanted.place.length));
    pieces.push_back({MutableByteView(*buffers.back()), 0});
    at = EndOf(wanted.place);
  }
  requests_.fetch_add(1, std::memory_order_relaxed);
  const absl::Status read =
      repository_.ReadRange(oci::DigestString(pack->digest), run[0].place.offset, pieces);
  TellOfIgnoredRanges();
  for (size_t i = 0; i < run.size(); ++i) {
    if (!read.ok()) {
      run[i].done(Explain(read, *pack));
    } else if (buffers[i]->size() != run[i].place.length) {
      run[i].done(absl::DataLossError("the index has chunks that overlap"));
    } else {
      run[i].done(buffers[i]);
    }
  }
}

void RangeReader::TellOfIgnoredRanges() {
  if (repository_.ignored_ranges() == 0 || told_.exchange(true)) return;
  Log(LogLevel::kWarning,
      "the registry sends whole blobs where a range was asked for: reads are slow; use another "
      "registry, or a proxy that honours Range",
      {{"repository", repository_.Name()}});
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
