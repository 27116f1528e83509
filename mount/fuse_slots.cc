// SPDX-License-Identifier: Apache-2.0
#include "mount/fuse_slots.h"

#include <poll.h>

namespace floe::mount {

bool FuseAlive(const FuseMount& fuse) {
  struct pollfd device = {fuse.device.get(), 0, 0};
  return poll(&device, 1, 0) >= 0 && (device.revents & POLLERR) == 0;
}

absl::StatusOr<FuseMount> LoadFuse(keeper::KeeperClient& keeper) {
  FLOE_ASSIGN_OR_RETURN(keeper::Slot device, keeper.Get(keeper::kFuseDeviceSlot));
  FLOE_ASSIGN_OR_RETURN(keeper::Slot mount, keeper.Get(keeper::kFuseMountSlot));
  if (device.descriptors.size() != 1 || mount.descriptors.size() != 1) {
    return absl::NotFoundError("floe-keeper holds half a FUSE connection");
  }
  FuseMount fuse{std::move(device.descriptors[0]), std::move(mount.descriptors[0]),
                 std::string(AsText(mount.blob))};
  if (!FuseAlive(fuse)) return absl::NotFoundError("the FUSE connection has ended");
  return fuse;
}

absl::Status StoreFuse(keeper::KeeperClient& keeper, const FuseMount& fuse) {
  FLOE_RETURN_IF_ERROR(keeper.Put(keeper::kFuseMountSlot, AsBytes(fuse.id), {fuse.mount.get()}));
  return keeper.Put(keeper::kFuseDeviceSlot, {}, {fuse.device.get()});
}

absl::StatusOr<FuseMount> ReplaceFuse(keeper::KeeperClient& keeper) {
  std::vector<std::string> stale = {keeper::kFuseDeviceSlot, keeper::kFuseMountSlot,
                                    keeper::kFuseInitSlot};
  FLOE_ASSIGN_OR_RETURN(const auto images, keeper.List(keeper::kImageSlotPrefix));
  for (const keeper::SlotInfo& image : images) stale.push_back(image.name);
  for (const std::string& slot : stale) {
    const absl::Status gone = keeper.Delete(slot);
    if (!gone.ok() && !absl::IsNotFound(gone)) return gone;
  }
  FLOE_ASSIGN_OR_RETURN(FuseMount fuse, CreateFuseMount());
  FLOE_RETURN_IF_ERROR(StoreFuse(keeper, fuse));
  return fuse;
}

}  // namespace floe::mount
