// SPDX-License-Identifier: Apache-2.0
// The caller's side of floe-keeper.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/unique_fd.h"
#include "keeper/protocol.h"

namespace floe::keeper {

struct Slot {
  Bytes blob;
  std::vector<UniqueFd> descriptors;
};

enum class PutMode { kReplace, kCreateOnly };

// One connection; calls wait for each other. Thread safe. Every call fails with UNAVAILABLE once
// the keeper is gone: connect again. The keeper answers from memory, so a call takes no longer than
// the keeper's scheduling; DEADLINE_EXCEEDED after 10 s says that it hangs.
class KeeperClient {
 public:
  // UNAVAILABLE when nobody listens at `path`; PERMISSION_DENIED when this user may not.
  static absl::StatusOr<std::unique_ptr<KeeperClient>> Connect(const std::string& path);
  // Over a socket that is connected already (inherited).
  explicit KeeperClient(UniqueFd socket) : socket_(std::move(socket)) {}

  // Speaks to another keeper from now on.
  void Replace(UniqueFd socket) FLOE_EXCLUDES(mutex_);

  absl::Status Hello();
  // `descriptors` are borrowed; the keeper gets duplicates. RESOURCE_EXHAUSTED at the limits of
  // protocol.h, with the slot unchanged; ALREADY_EXISTS for kCreateOnly on a taken name.
  absl::Status Put(const std::string& name, ByteView blob, const std::vector<int>& descriptors = {},
                   PutMode mode = PutMode::kReplace);
  // NOT_FOUND when there is no such slot. The slot stays.
  absl::StatusOr<Slot> Get(const std::string& name);
  // NOT_FOUND when there is no such slot.
  absl::Status Delete(const std::string& name);
  // All slots whose name begins with `prefix`, ascending.
  absl::StatusOr<std::vector<SlotInfo>> List(const std::string& prefix = "");
  // Makes the keeper drop everything and exit: every mount on its FUSE connection is dead after it.
  absl::Status Shutdown();

 private:
  absl::StatusOr<Slot> Call(const KeeperRequest& request, const std::vector<int>& descriptors)
      FLOE_EXCLUDES(mutex_);

  Mutex mutex_;
  UniqueFd socket_ FLOE_GUARDED_BY(mutex_);
};

}  // namespace floe::keeper
