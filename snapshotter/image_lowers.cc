// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/image_lowers.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/log.h"

namespace floe::snapshotter {
namespace {

constexpr std::chrono::seconds kUnmountPatience(30);

SteadyTime Soon() { return std::chrono::steady_clock::now() + kUnmountPatience; }

// What reaches the user: the image, the reason, the remedy.
absl::Status ForTheUser(const absl::Status& status, const LowerRequest& request) {
  // floe-fusefs may have named the image already.
  const bool named = absl::StrContains(status.message(), request.label);
  const std::string image = named ? "floe" : absl::StrCat("floe image ", request.label);
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return status;
    case absl::StatusCode::kNotFound:
      return absl::FailedPreconditionError(absl::StrCat(image, ": its manifest is lost (",
                                                        status.message(),
                                                        "); remove the image and pull it again"));
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kUnavailable:
      return absl::UnavailableError(absl::StrCat(image, ": ", status.message(), "; try again"));
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kDataLoss:
    case absl::StatusCode::kFailedPrecondition:
      return absl::FailedPreconditionError(absl::StrCat(image, ": ", status.message()));
    default:
      return Annotate(status, image);
  }
}

}  // namespace

ImageLowers::ImageLowers(ImageLowersOptions options)
    : options_(std::move(options)),
      mapped_(absl::StrCat(options_.root, "/snapshots"), absl::StrCat(options_.root, "/mapped")) {}

ImageLowers::~ImageLowers() = default;

absl::Status ImageLowers::Start() {
  MutexLock lock(start_mutex_);
  return StartLocked();
}

absl::Status ImageLowers::StartLocked() {
  if (mounter_ != nullptr) return absl::OkStatus();
  if (daemons_ == nullptr) {
    FLOE_ASSIGN_OR_RETURN(daemons_, mount::DaemonSupervisor::Start(options_.daemons));
  }
  mount::MounterOptions mounter_options = options_.mounter;
  mounter_options.root = options_.root;
  FLOE_ASSIGN_OR_RETURN(auto mounter, mount::ImageMounter::Create(mounter_options, *daemons_));
  FLOE_RETURN_IF_ERROR(HoldAgain(*mounter));
  mounter_ = std::move(mounter);
  return absl::OkStatus();
}

absl::Status ImageLowers::HoldAgain(mount::ImageMounter& mounter) {
  for (const mount::MountInfo& info : mounter.List()) {
    for (const LowerRequest& held : held_before_) {
      const std::string mapping = held.mapping ? mount::FormatIdMapping(*held.mapping) : "";
      if (held.manifest != info.key || mapping != info.mapping) continue;
      LowerRequest request = held;
      request.deadline = Soon();
      const auto mounted = held.mapping
                               ? mounter.MountIdmapped(ToMountRequest(request), *held.mapping)
                               : mounter.Mount(ToMountRequest(request));
      if (!mounted.ok()) {
        // The next Mounts tries again and tells the caller.
        Log(LogLevel::kWarning, "a mount from before the restart is not usable",
            {{"image", held.label}, {"reason", mounted.status().message()}});
      }
    }
  }
  held_before_.clear();
  return mounter.DropUnheld(Soon());
}

absl::StatusOr<mount::ImageMounter*> ImageLowers::Mounter() {
  MutexLock lock(start_mutex_);
  const absl::Status status = StartLocked();
  if (!status.ok()) {
    return absl::UnavailableError(
        absl::StrCat("floe's data plane does not start: ", status.message()));
  }
  return mounter_.get();
}

mount::MountRequest ImageLowers::ToMountRequest(const LowerRequest& request) const {
  mount::MountRequest to;
  to.manifest_path = absl::StrCat(options_.root, "/manifests/", request.manifest);
  to.key = request.manifest;
  to.label = request.label;
  to.holder = request.holder;
  to.deadline = request.deadline;
  to.may_refuse = request.may_refuse ? mount::MayRefuse::kYes : mount::MayRefuse::kNo;
  return to;
}

absl::StatusOr<std::string> ImageLowers::Acquire(const LowerRequest& request) {
  if (request.manifest.empty()) {
    if (!request.mapping) return absl::InternalError("ordinary layers need no provider");
    return mapped_.Acquire(*request.mapping, request.holder, request.deadline);
  }
  auto mounter = Mounter();
  if (!mounter.ok()) return ForTheUser(mounter.status(), request);
  auto path = request.mapping ? (*mounter)->MountIdmapped(ToMountRequest(request), *request.mapping)
                              : (*mounter)->Mount(ToMountRequest(request));
  if (!path.ok()) return ForTheUser(path.status(), request);
  return path;
}

absl::Status ImageLowers::Release(const std::string& holder) {
  absl::Status first = mapped_.Release(holder);
  mount::ImageMounter* mounter = nullptr;
  {
    MutexLock lock(start_mutex_);
    std::erase_if(held_before_, [&](const LowerRequest& held) { return held.holder == holder; });
    mounter = mounter_.get();
  }
  if (mounter == nullptr) return first;
  for (const mount::MountInfo& info : mounter->List()) {
    if (std::count(info.holders.begin(), info.holders.end(), holder) == 0) continue;
    first.Update(mounter->Release(info.key, holder, Soon()));
  }
  return first;
}

absl::Status ImageLowers::Recover(const std::vector<LowerRequest>& held) {
  absl::Status first;
  for (const LowerRequest& request : held) {
    if (request.manifest.empty() && request.mapping) {
      first.Update(mapped_.Recover(*request.mapping, request.holder));
    }
  }
  first.Update(mapped_.Detach(MappedLayers::Keep::kHeld));
  MutexLock lock(start_mutex_);
  for (const LowerRequest& request : held) {
    if (!request.manifest.empty()) held_before_.push_back(request);
  }
  return first;
}

absl::Status ImageLowers::Shutdown(SteadyTime deadline) {
  absl::Status first = mapped_.Detach(MappedLayers::Keep::kNothing);
  MutexLock lock(start_mutex_);
  FLOE_RETURN_IF_ERROR(StartLocked());
  first.Update(mounter_->UnmountAll(deadline));
  mounter_.reset();
  first.Update(daemons_->Shutdown(deadline));
  daemons_.reset();
  return first;
}

std::vector<mount::MountInfo> ImageLowers::Mounted() {
  MutexLock lock(start_mutex_);
  return mounter_ == nullptr ? std::vector<mount::MountInfo>() : mounter_->List();
}

}  // namespace floe::snapshotter
