// SPDX-License-Identifier: Apache-2.0
#include "store/origin/store_log.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace floe::store {
namespace {

constexpr uint64_t kMaxLogEntryBytes = 1 << 20;

absl::Status Damaged(uint64_t seq, absl::string_view what) {
  return absl::DataLossError(absl::StrCat("the store's log is damaged at entry ", seq, ": ", what,
                                          "; restore log/ from a backup of the store"));
}

// active -> retired -> expired -> deleting -> gone, and back from expired when it proved alive.
bool IsStep(RootState from, RootState to) {
  if (from == RootState::kExpired && to == RootState::kRetired) return true;
  return static_cast<int>(to) == static_cast<int>(from) + 1;
}

absl::Status Apply(const LogEntry& entry, const RootTransition& transition,
                   std::vector<RootStatus>& roots) {
  const auto known = std::find_if(roots.begin(), roots.end(),
                                  [&](const RootStatus& r) { return r.id == transition.root; });
  if (known == roots.end()) {
    if (transition.state != RootState::kActive) return Damaged(entry.seq, "an unknown root");
    roots.insert(roots.begin(),
                 {transition.root, transition.state, entry.seq, entry.seq, entry.time});
    return absl::OkStatus();
  }
  if (!IsStep(known->state, transition.state)) {
    return Damaged(entry.seq, absl::StrCat("a root goes from ", RootStateName(known->state), " to ",
                                           RootStateName(transition.state)));
  }
  known->state = transition.state;
  known->state_seq = entry.seq;
  known->since = entry.time;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<RootStatus>> ReplayLog(const std::vector<LogEntry>& entries) {
  std::vector<RootStatus> roots;
  uint64_t seq = 0;
  for (const LogEntry& entry : entries) {
    if (entry.seq != ++seq) return Damaged(seq, absl::StrCat("it says it is ", entry.seq));
    for (const RootTransition& transition : entry.transitions) {
      FLOE_RETURN_IF_ERROR(Apply(entry, transition, roots));
    }
    const auto active = std::count_if(roots.begin(), roots.end(), [](const RootStatus& root) {
      return root.state == RootState::kActive;
    });
    if (active != 1) return Damaged(seq, absl::StrCat(active, " roots are active instead of one"));
  }
  if (roots.empty()) return Damaged(1, "it is missing");
  return roots;
}

absl::StatusOr<std::vector<RootStatus>> ReadLog(ObjectStore& objects) {
  std::vector<LogEntry> entries;
  while (true) {
    const uint64_t seq = entries.size() + 1;
    auto bytes = GetObject(objects, LogEntryName(seq), kMaxLogEntryBytes);
    if (absl::IsNotFound(bytes.status())) break;
    if (!bytes.ok()) return bytes.status();
    auto entry = DecodeLogEntry(AsText(**bytes));
    if (!entry.ok()) return Annotate(entry.status(), LogEntryName(seq));
    entries.push_back(*std::move(entry));
  }
  return ReplayLog(entries);
}

absl::Status AppendLog(ObjectStore& objects, const LogEntry& entry) {
  const std::string text = EncodeLogEntry(entry);
  const ByteView bytes = AsBytes(text);
  auto put = PutObject(objects, LogEntryName(entry.seq),
                       std::make_shared<Bytes>(bytes.begin(), bytes.end()), PutDurability::kAtOnce);
  // Of another size is somebody else's too.
  if (absl::IsDataLoss(put.status()) || (put.ok() && *put == PutResult::kExisted)) {
    return absl::AbortedError(
        absl::StrCat("log entry ", entry.seq, " was written by somebody else meanwhile"));
  }
  return put.status();
}

}  // namespace floe::store
