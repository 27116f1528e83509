// SPDX-License-Identifier: Apache-2.0
#include "mount/mount_adoption.h"

#include <unistd.h>

#include <set>

#include "base/log.h"

namespace floe::mount {
namespace {

void ClearAway(const MountRecord& record, MountMaker& maker, SteadyTime deadline) {
  const absl::Status status = maker.Unmake(record, deadline);
  Log(status.ok() ? LogLevel::kInfo : LogLevel::kWarning, "a dead mount was cleared away",
      {{"path", record.path}, {"key", record.key}, {"status", status.ToString()}});
}

}  // namespace

absl::StatusOr<std::vector<MountRecord>> AdoptMounts(const FoundMounts& found, MountMaker& maker,
                                                     SteadyTime deadline) {
  FLOE_ASSIGN_OR_RETURN(const auto images, maker.daemons().fusefs().ListImages(deadline));
  std::set<std::string> served;
  for (const FusefsClient::Image& image : images) {
    if (!image.closing) served.insert(image.name);
  }
  std::vector<MountRecord> adopted;
  std::set<std::string> needed;
  for (const MountRecord& record : found.records) {
    if (served.count(record.name) == 0 || !maker.Check(record).ok()) {
      ClearAway(record, maker, deadline);
      continue;
    }
    needed.insert(record.name);
    adopted.push_back(record);
  }
  for (const std::string& path : found.strays) {
    FLOE_RETURN_IF_ERROR(UnmountErofs(path, deadline));
    rmdir(path.c_str());
    unlink((path + ".record").c_str());
  }
  for (const std::string& name : served) {
    if (needed.count(name) > 0) continue;
    const absl::Status closed = maker.daemons().fusefs().CloseImage(name, deadline);
    if (!closed.ok() && !absl::IsNotFound(closed)) return closed;
  }
  return adopted;
}

}  // namespace floe::mount
