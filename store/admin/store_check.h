// SPDX-License-Identifier: Apache-2.0
// `floe store check`: does the store keep its promises (store.md, "Garbage collection", I2 and I3)?
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "store/origin/store_handle.h"

namespace floe::store {

struct CheckProgress {
  uint64_t done = 0;   // chunks read (deep), or records looked at
  uint64_t total = 0;  // of them
};
struct CheckOptions {
  bool deep = false;  // reads every chunk and hashes it; otherwise chunks must only be there
  size_t in_flight = 16;
  CancelToken cancel;
  std::function<void(const CheckProgress&)> progress;  // optional; called on the caller's thread
};

struct CheckReport {
  uint64_t roots = 0;
  uint64_t records = 0;
  uint64_t chunks = 0;        // stored, over all readable roots
  uint64_t chunk_bytes = 0;   // sealed bytes of them
  uint64_t unreferenced = 0;  // named by no record: of interrupted conversions, or under way
  uint64_t hashed_bytes = 0;  // deep
  // One line each: thing, what is wrong, remedy. At most kMaxListedProblems, then only counted.
  std::vector<std::string> problems;
  uint64_t problem_count = 0;
  bool ok() const { return problem_count == 0; }
};
inline constexpr size_t kMaxListedProblems = 100;

// Every readable root: each record is well-formed and has its own name, each chunk that it names is
// there, and (deep) every chunk stored hashes to its name. An error means that the check could not
// be made (CANCELLED, UNAVAILABLE); damage is in the report. Blocks.
absl::StatusOr<CheckReport> CheckStore(StoreHandle& store, const CheckOptions& options = {});

}  // namespace floe::store
