// SPDX-License-Identifier: Apache-2.0
#include "mount/mount_maker.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/log.h"
#include "mount/fuse_slots.h"
#include "mount/syscalls.h"

namespace floe::mount {
namespace {

// For tidying up after a failure whose own deadline may be over.
constexpr std::chrono::seconds kTidyPatience(5);

// Never used before, whatever floe-fusefs still serves for containers of the past.
absl::StatusOr<std::string> NewName() {
  std::array<uint8_t, 8> random;
  if (getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size())) {
    return ErrnoStatus(errno, "getrandom");
  }
  return ToHex(random);
}

// What the kernel says of a mount, in terms of what the caller can do.
absl::Status ExplainMountFailure(const absl::Status& status, const std::string& label) {
  if (absl::IsInvalidArgument(status)) {
    return absl::FailedPreconditionError(
        absl::StrCat("the flat image of ", label, " is not one that this kernel can mount (",
                     status.message(), "): convert the image again"));
  }
  if (absl::IsUnknown(status) || absl::IsInternal(status)) {
    return absl::UnavailableError(absl::StrCat("the first blocks of ", label,
                                               " could not be read (", status.message(),
                                               "): the log of floe-fusefs says why; try again"));
  }
  return status;
}

}  // namespace

MountMaker::MountMaker(std::string directory, Backend backend, uint32_t cold_readahead_kib,
                       uint64_t next_number, DaemonSupervisor& daemons)
    : directory_(std::move(directory)),
      backend_(backend),
      cold_readahead_kib_(cold_readahead_kib),
      next_number_(next_number),
      daemons_(daemons) {}

MountRecord MountMaker::NewRecord(const std::string& key) {
  MountRecord record;
  record.number = next_number_++;
  record.path = absl::StrCat(directory_, "/", record.number);
  record.key = key;
  record.backend = backend_;
  return record;
}

absl::Status MountMaker::Attach(const MountRecord& record, int mount) {
  if (mkdir(record.path.c_str(), 0700) != 0 && errno != EEXIST) {
    return ErrnoStatus(errno, absl::StrCat("mkdir ", record.path));
  }
  absl::Status status = WriteRecord(record);
  if (status.ok()) status = MoveMount(mount, record.path);
  if (!status.ok()) RemoveRecord(record);
  return status;
}

absl::StatusOr<ErofsMount> MountMaker::Mount(const FuseMount& fuse, const Image& image,
                                             const std::string& name, SteadyTime deadline) {
  FLOE_ASSIGN_OR_RETURN(const UniqueFd manifest, OpenFile(image.manifest_path, O_RDONLY));
  const auto opened =
      daemons_.fusefs().OpenImage(name, manifest.get(), image.label, deadline, image.may_refuse);
  FLOE_RETURN_IF_ERROR(opened.status());
  absl::StatusOr<ErofsMount> mounted = MountErofs(fuse.mount.get(), name, backend_, deadline);
  if (!mounted.ok()) return ExplainMountFailure(mounted.status(), image.label);
  if (const absl::Status set = SetReadahead(mounted->bdi, cold_readahead_kib_); !set.ok()) {
    Log(LogLevel::kWarning, "the readahead of an image stays the kernel's",
        {{"image", image.label}, {"why", set.message()}});
  }
  return mounted;
}

absl::StatusOr<MountRecord> MountMaker::Make(const Image& image, SteadyTime deadline) {
  const std::shared_ptr<const FuseMount> fuse = daemons_.fuse();
  if (!fuse) return absl::UnavailableError("there is no FUSE connection: floe is being stopped");
  MountRecord record = NewRecord(image.key);
  record.connection = fuse->id;
  FLOE_ASSIGN_OR_RETURN(record.name, NewName());
  absl::StatusOr<ErofsMount> mounted = Mount(*fuse, image, record.name, deadline);
  absl::Status status = mounted.status();
  if (status.ok()) {
    record.bdi = mounted->bdi;
    status = Attach(record, mounted->mount.get());
  }
  if (status.ok()) return record;
  // Also after a failed OpenImage: a daemon that answered too late serves it all the same.
  mounted = status;
  (void)daemons_.fusefs().CloseImage(record.name, Clock::Real().Now() + kTidyPatience);
  return status;
}

absl::StatusOr<MountRecord> MountMaker::Clone(const MountRecord& plain, const IdMapping& mapping,
                                              SteadyTime deadline) {
  MountRecord record = NewRecord(plain.key);
  record.name = plain.name;
  record.connection = plain.connection;
  record.bdi = plain.bdi;
  record.mapping = FormatIdMapping(mapping);
  FLOE_ASSIGN_OR_RETURN(const UniqueFd clone, CloneIdmapped(plain.path, mapping, deadline));
  FLOE_RETURN_IF_ERROR(Attach(record, clone.get()));
  return record;
}

absl::Status MountMaker::Unmake(const MountRecord& record, SteadyTime deadline) {
  FLOE_RETURN_IF_ERROR(UnmountErofs(record.path, deadline));
  if (record.mapping.empty()) {
    const absl::Status closed = daemons_.fusefs().CloseImage(record.name, deadline);
    if (!closed.ok() && !absl::IsNotFound(closed)) return closed;
  }
  RemoveRecord(record);
  return absl::OkStatus();
}

absl::Status MountMaker::Check(const MountRecord& record) const {
  const std::shared_ptr<const FuseMount> fuse = daemons_.fuse();
  if (!fuse || fuse->id != record.connection || !FuseAlive(*fuse)) {
    return absl::FailedPreconditionError(
        absl::StrCat(record.path, " is a mount on a FUSE connection that has ended"));
  }
  return CheckErofs(record.path);
}

}  // namespace floe::mount
