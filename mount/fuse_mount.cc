// SPDX-License-Identifier: Apache-2.0
#include "mount/fuse_mount.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/sysmacros.h>

#include <array>
#include <memory>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/bytes.h"
#include "base/file.h"
#include "mount/syscalls.h"

namespace floe::mount {
namespace {

constexpr uint64_t kFuseMountAttributes =
    MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
constexpr uint32_t kMaxReadBytes = 1 << 20;

// fusectl in a mount of our own, detached: it need not be mounted in /sys, and nothing is left
// behind.
absl::StatusOr<UniqueFd> OpenControl() { return MakeDetachedMount("fusectl", {}, 0); }

absl::StatusOr<uint64_t> ReadNumber(int directory, const std::string& path) {
  FLOE_ASSIGN_OR_RETURN(const UniqueFd file, OpenFileAt(directory, path, O_RDONLY));
  char text[32] = {};
  const ssize_t n = read(file.get(), text, sizeof text - 1);
  if (n < 0) return ErrnoStatus(errno, absl::StrCat("read ", path));
  absl::string_view digits(text, static_cast<size_t>(n));
  absl::ConsumeSuffix(&digits, "\n");
  uint64_t value = 0;
  if (!absl::SimpleAtoi(digits, &value)) return absl::InternalError(absl::StrCat("read ", path));
  return value;
}

}  // namespace

absl::StatusOr<FuseMount> CreateFuseMount() {
  FuseMount result;
  absl::StatusOr<UniqueFd> device = OpenFile("/dev/fuse", O_RDWR);
  if (!device.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat(device.status().message(), ": load the module fuse, and run as root"));
  }
  result.device = *std::move(device);
  FLOE_ASSIGN_OR_RETURN(result.mount, MakeDetachedMount("fuse",
                                                        {{"source", "floe"},
                                                         {"subtype", "floe"},
                                                         {"fd", absl::StrCat(result.device.get())},
                                                         {"rootmode", "40000"},
                                                         {"user_id", "0"},
                                                         {"group_id", "0"},
                                                         {"max_read", absl::StrCat(kMaxReadBytes)}},
                                                        kFuseMountAttributes));
  std::array<uint8_t, 16> random;
  if (getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size())) {
    return ErrnoStatus(errno, "getrandom");
  }
  result.id = ToHex(random);
  return result;
}

absl::StatusOr<uint32_t> FuseConnectionNumber(int mount) {
  FLOE_ASSIGN_OR_RETURN(const dev_t device, DeviceOf(mount));
  // The kernel's own form of a device number with major 0.
  return static_cast<uint32_t>(minor(device));
}

absl::StatusOr<std::vector<FuseConnection>> ListFuseConnections() {
  FLOE_ASSIGN_OR_RETURN(UniqueFd control, OpenControl());
  FLOE_ASSIGN_OR_RETURN(UniqueFd listing, OpenFileAt(control.get(), ".", O_RDONLY | O_DIRECTORY));
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(fdopendir(listing.Release()), closedir);
  std::vector<FuseConnection> connections;
  while (const dirent* entry = readdir(dir.get())) {
    FuseConnection connection;
    if (!absl::SimpleAtoi(entry->d_name, &connection.number)) continue;
    // One that ends while we look is left out.
    const auto waiting = ReadNumber(control.get(), absl::StrCat(entry->d_name, "/waiting"));
    if (!waiting.ok()) continue;
    connection.waiting = *waiting;
    connections.push_back(connection);
  }
  return connections;
}

absl::Status AbortFuseConnection(uint32_t number) {
  FLOE_ASSIGN_OR_RETURN(UniqueFd control, OpenControl());
  absl::StatusOr<UniqueFd> knob =
      OpenFileAt(control.get(), absl::StrCat(number, "/abort"), O_WRONLY);
  if (absl::IsNotFound(knob.status())) {
    return absl::NotFoundError(absl::StrCat("there is no FUSE connection ", number));
  }
  FLOE_RETURN_IF_ERROR(knob.status());
  return Annotate(WriteFull(knob->get(), AsBytes("1")), absl::StrCat("abort connection ", number));
}

}  // namespace floe::mount
