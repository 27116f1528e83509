// SPDX-License-Identifier: Apache-2.0
#include "mount/erofs_child.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/mount.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace floe::mount {
namespace {

constexpr unsigned kAttributes =
    MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
constexpr int kLoopAttempts = 64;

int FailContext(int context, const char* step, ChildReport& report) {
  report.Fail(step);
  // The last line is the reason; the first two characters are its severity.
  char line[sizeof report.words] = {};
  ssize_t n;
  while (context >= 0 && (n = read(context, line, sizeof line - 1)) > 0) {
    if (line[n - 1] == '\n') --n;
    line[n] = 0;
    const size_t skip = n > 2 && line[1] == ' ' ? 2 : 0;
    std::memcpy(report.words, line + skip, static_cast<size_t>(n) - skip + 1);
  }
  if (context >= 0) close(context);
  return -1;
}

bool Configure(int device, int file, bool direct_io, uint32_t block_size) {
  struct loop_config config = {};
  config.fd = static_cast<uint32_t>(file);
  config.block_size = block_size;
  config.info.lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR;
  if (direct_io) config.info.lo_flags |= LO_FLAGS_DIRECT_IO;
  return ioctl(device, LOOP_CONFIGURE, &config) == 0;
}

// Direct I/O keeps the image out of the page cache of the file below; not every kernel agrees to
// it.
bool ConfigureAsWellAsPossible(int device, int file) {
  return Configure(device, file, true, 4096) ||
         (errno == EINVAL && Configure(device, file, true, 512)) ||
         (errno == EINVAL && Configure(device, file, false, 4096)) ||
         (errno == EINVAL && Configure(device, file, false, 512));
}

}  // namespace

int MakeErofs(const char* source, ChildReport& report) {
  const int context = fsopen("erofs", FSOPEN_CLOEXEC);
  if (context < 0) return FailContext(context, "fsopen erofs", report);
  // "ro" for the super block too: a read-only loop device is not opened for writing.
  if (fsconfig(context, FSCONFIG_SET_FLAG, "ro", nullptr, 0) != 0 ||
      fsconfig(context, FSCONFIG_SET_STRING, "source", source, 0) != 0) {
    return FailContext(context, "name the image", report);
  }
  if (fsconfig(context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) {
    return FailContext(context, "read the file system", report);
  }
  const int mount = fsmount(context, FSMOUNT_CLOEXEC, kAttributes);
  if (mount < 0) return FailContext(context, "fsmount", report);
  close(context);
  return mount;
}

int AttachLoop(int file, uint32_t& number, ChildReport& report) {
  const int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
  if (control < 0) {
    report.Fail("open /dev/loop-control");
    return -1;
  }
  // Somebody else may take the free device between the question and the answer.
  for (int attempt = 0; attempt < kLoopAttempts; ++attempt) {
    const int free_number = ioctl(control, LOOP_CTL_GET_FREE);
    if (free_number < 0) break;
    char path[32];
    std::snprintf(path, sizeof path, "/dev/loop%d", free_number);
    const int device = open(path, O_RDWR | O_CLOEXEC);
    if (device < 0) break;
    if (ConfigureAsWellAsPossible(device, file)) {
      close(control);
      number = static_cast<uint32_t>(free_number);
      return device;
    }
    const int error = errno;
    close(device);
    errno = error;
    if (error != EBUSY) break;
  }
  report.Fail("set up a loop device");
  close(control);
  return -1;
}

}  // namespace floe::mount
