// SPDX-License-Identifier: Apache-2.0
// The slots that floe-keeper holds, and their limits. Not thread safe: the keeper has one thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "keeper/protocol.h"

namespace floe::keeper {

class Table {
 public:
  // Does what a request asks. `descriptors` are what came beside it and stay here only for kPut;
  // `reply_descriptors` are borrowed from the table, for sending. kShutdown is the server's.
  KeeperReply Handle(const KeeperRequest& request, std::vector<UniqueFd> descriptors,
                     std::vector<int>& reply_descriptors);

  // Whether a slot holds a /dev/fuse descriptor: closing the last one ends every container's files.
  bool HoldsFuse() const;

 private:
  struct Slot {
    Bytes blob;
    std::vector<UniqueFd> descriptors;
  };

  absl::Status Put(const KeeperRequest& request, std::vector<UniqueFd> descriptors);
  Bytes ListPage(const std::string& prefix, absl::string_view after) const;

  std::map<std::string, Slot, std::less<>> slots_;
  size_t blob_bytes_ = 0;
};

}  // namespace floe::keeper
