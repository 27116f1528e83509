// SPDX-License-Identifier: Apache-2.0
// Names and small documents of a store: floe.json, log/<seq>, and where things lie (doc/store.md).
// Pure functions, no I/O.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "store/chunk_id.h"
#include "store/conversion.h"
#include "store/seal/seal.h"

namespace floe::store {

using StoreId = std::array<uint8_t, 16>;

inline constexpr uint32_t kStoreLayoutVersion = 1;

struct StoreDomain {
  DomainId id{};
  std::string name;  // for people: "default", "public"
};

// floe.json, written once.
struct StoreInfo {
  StoreId id{};
  uint32_t layout_version = kStoreLayoutVersion;
  std::vector<StoreDomain> domains;  // at least one; converters use the first
};

// store.md, "Garbage collection".
enum class RootState { kActive, kRetired, kExpired, kDeleting, kGone };
std::string RootStateName(RootState state);

// A record may be put into a root that was retired less than this ago: longer than any conversion,
// plus how long the log may be remembered, plus the difference of two clocks (I7).
inline constexpr std::chrono::hours kRetirementGrace{24};

struct RootTransition {
  RootId root{};
  RootState state = RootState::kActive;
};
// log/<seq>: what changes at once.
struct LogEntry {
  uint64_t seq = 0;
  SystemTime time;  // the writer's clock, whole seconds
  std::vector<RootTransition> transitions;
};

struct RootStatus {
  RootId id{};
  RootState state = RootState::kActive;
  uint64_t born_seq = 0;   // the log entry that made it
  uint64_t state_seq = 0;  // the log entry that gave it this state
  SystemTime since;        // of that entry
  // Chunks and records of it may be read.
  bool readable() const { return state != RootState::kDeleting && state != RootState::kGone; }
};

std::string EncodeStoreInfo(const StoreInfo& info);
// DATA_LOSS when malformed, FAILED_PRECONDITION for a newer layout.
absl::StatusOr<StoreInfo> DecodeStoreInfo(absl::string_view text);
std::string EncodeLogEntry(const LogEntry& entry);
absl::StatusOr<LogEntry> DecodeLogEntry(absl::string_view text);

// The state after all entries, newest root first. DATA_LOSS when seqs have gaps, a transition is
// not one of the allowed steps, or not exactly one root is active.
absl::StatusOr<std::vector<RootStatus>> ReplayLog(const std::vector<LogEntry>& entries);

// Object names; hexadecimal is lower case.
inline constexpr char kStoreInfoName[] = "floe.json";
std::string LogEntryName(uint64_t seq);                        // log/0000000001
std::string ChunkPrefix(const RootId& root);                   // r/<root>/c/
std::string ChunkName(const RootId& root, const ChunkId& id);  // r/<root>/c/<hh>/<id>
std::string RecordPrefix(const RootId& root);                  // r/<root>/m/
std::string RecordName(const RootId& root, const ManifestId& id);
std::string ConversionName(const ConversionId& id);  // x/<conversion>
// The id at the end of a chunk's name; nullopt for a name that is none (a temporary file).
std::optional<ChunkId> ChunkIdOfName(absl::string_view name);
std::optional<ManifestId> ManifestIdOfName(absl::string_view name);

}  // namespace floe::store
