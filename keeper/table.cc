// SPDX-License-Identifier: Apache-2.0
#include "keeper/table.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>

namespace floe::keeper {
namespace {

constexpr size_t kSlotsAPage = 512;  // times the longest name fits one message

bool IsFuseDevice(int fd) {
  struct stat st;
  return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(10, 229);
}

}  // namespace

KeeperReply Table::Handle(const KeeperRequest& request, std::vector<UniqueFd> descriptors,
                          std::vector<int>& reply_descriptors) {
  switch (request.op) {
    case KeeperOp::kHello:
      return {absl::OkStatus(), {}};
    case KeeperOp::kPut:
      return {Put(request, std::move(descriptors)), {}};
    case KeeperOp::kList:
      return {absl::OkStatus(), ListPage(request.name, AsText(request.blob))};
    case KeeperOp::kGet:
    case KeeperOp::kDelete: {
      const auto slot = slots_.find(request.name);
      if (slot == slots_.end()) return {absl::NotFoundError("no such slot"), {}};
      if (request.op == KeeperOp::kGet) {
        for (const UniqueFd& fd : slot->second.descriptors) reply_descriptors.push_back(fd.get());
        return {absl::OkStatus(), slot->second.blob};
      }
      blob_bytes_ -= slot->second.blob.size();
      slots_.erase(slot);
      return {absl::OkStatus(), {}};
    }
    case KeeperOp::kShutdown:
      break;
  }
  return {absl::InvalidArgumentError("unknown keeper operation"), {}};
}

absl::Status Table::Put(const KeeperRequest& request, std::vector<UniqueFd> descriptors) {
  if (!ValidSlotName(request.name)) return absl::InvalidArgumentError("bad slot name");
  if (request.blob.size() > kMaxSlotBlobBytes || descriptors.size() > kMaxSlotDescriptors) {
    return absl::ResourceExhaustedError("slot too large");
  }
  const auto old = slots_.find(request.name);
  if (old == slots_.end() && slots_.size() >= kMaxSlots) {
    return absl::ResourceExhaustedError("too many slots");
  }
  if (old != slots_.end() && (request.flags & kCreateOnlyFlag) != 0) {
    return absl::AlreadyExistsError("the slot is taken");
  }
  const size_t freed = old == slots_.end() ? 0 : old->second.blob.size();
  if (blob_bytes_ - freed + request.blob.size() > kMaxTotalBlobBytes) {
    return absl::ResourceExhaustedError("too many bytes in all slots");
  }
  blob_bytes_ += request.blob.size() - freed;
  slots_[request.name] = Slot{request.blob, std::move(descriptors)};
  return absl::OkStatus();
}

Bytes Table::ListPage(const std::string& prefix, absl::string_view after) const {
  std::vector<SlotInfo> page;
  auto slot = after.empty() ? slots_.lower_bound(prefix) : slots_.upper_bound(std::string(after));
  for (; slot != slots_.end() && page.size() < kSlotsAPage; ++slot) {
    if (slot->first.compare(0, prefix.size(), prefix) != 0) break;
    page.push_back({slot->first, slot->second.descriptors.size(), slot->second.blob.size()});
  }
  return EncodeList(page);
}

bool Table::HoldsFuse() const {
  return std::any_of(slots_.begin(), slots_.end(), [](const auto& slot) {
    const auto& fds = slot.second.descriptors;
    return std::any_of(fds.begin(), fds.end(),
                       [](const UniqueFd& fd) { return IsFuseDevice(fd.get()); });
  });
}

}  // namespace floe::keeper
