// SPDX-License-Identifier: Apache-2.0
#include "mount/probe.h"

#include <fcntl.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <thread>

#include "absl/strings/str_cat.h"
#include "mount/child.h"
#include "mount/fuse_mount.h"
#include "mount/probe_image.h"
#include "mount/tiny_fuse.h"

namespace floe::mount {
namespace {

constexpr char kFileName[] = "1";

// Serves the probe image on a thread. Once Cut() was called, reads of the file's data get one byte
// less than asked.
class ProbeServer {
 public:
  static absl::StatusOr<std::unique_ptr<ProbeServer>> Start() {
    auto server = std::unique_ptr<ProbeServer>(new ProbeServer);
    FLOE_ASSIGN_OR_RETURN(server->fuse_, CreateFuseMount());
    server->stop_.Reset(eventfd(0, EFD_CLOEXEC));
    if (!server->stop_) return ErrnoStatus(errno, "eventfd");
    server->files_.Add(kFileName, {2, server->image_.size(), [probe = server.get()](auto... a) {
                                     return probe->Read(a...);
                                   }});
    server->thread_ = std::thread([probe = server.get()] {
      (void)probe->files_.Serve(probe->fuse_.device.get(), probe->stop_.get());
    });
    return server;
  }
  // Ends the connection first, so that nobody still waits for an answer.
  ~ProbeServer() {
    if (!thread_.joinable()) return;
    (void)eventfd_write(stop_.get(), 1);
    thread_.join();
    fuse_.device.Reset();
  }

  int mount() const { return fuse_.mount.get(); }
  void Cut() { cut_ = true; }

 private:
  ProbeServer() : image_(MakeProbeImage()) {}

  int Read(uint64_t offset, MutableByteView out) {
    const size_t n = std::min<uint64_t>(out.size(), image_.size() - offset);
    std::copy_n(image_.begin() + static_cast<ptrdiff_t>(offset), n, out.begin());
    return static_cast<int>(cut_ && offset + n > kProbeDataOffset ? n - 1 : n);
  }

  const Bytes image_;
  std::atomic<bool> cut_{false};
  FuseMount fuse_;
  UniqueFd stop_;
  TinyFuse files_;
  std::thread thread_;
};

// In the child. The value is a ShortReadEffect.
void ReadProbeFile(int mount, ChildReport& report) {
  const int file = openat(mount, "probe", O_RDONLY | O_CLOEXEC);
  if (file < 0) return report.Fail("open the probe file");
  auto effect = ShortReadEffect::kCorrect;
  // A page at a time: the kernel may answer what was right before the cut.
  static uint8_t page[kProbeBlockBytes];
  for (uint64_t offset = 0; offset < kProbeDataBytes; offset += sizeof page) {
    const ssize_t n = pread(file, page, sizeof page, static_cast<off_t>(offset));
    if (n < 0 && errno != EIO) return report.Fail("read the probe file");
    for (ssize_t i = 0; i < n; ++i) {
      if (page[i] != kProbeByte) effect = ShortReadEffect::kZeros;
    }
    if (n < static_cast<ssize_t>(sizeof page) && effect == ShortReadEffect::kCorrect) {
      effect = ShortReadEffect::kError;
    }
  }
  report.value = static_cast<uint64_t>(effect);
}

}  // namespace

absl::StatusOr<ShortReadEffect> ProbeShortReads(Backend backend, SteadyTime deadline) {
  FLOE_ASSIGN_OR_RETURN(const std::unique_ptr<ProbeServer> server, ProbeServer::Start());
  FLOE_ASSIGN_OR_RETURN(const ErofsMount mounted,
                        MountErofs(server->mount(), kFileName, backend, deadline));
  server->Cut();
  const int mount = mounted.mount.get();
  const auto work = [mount](ChildReport& report, int&) { ReadProbeFile(mount, report); };
  const std::string what = absl::StrCat("probe the ", BackendName(backend), " back end");
  FLOE_ASSIGN_OR_RETURN(const ChildResult done, RunInChild(what, {mount}, work, deadline));
  FLOE_RETURN_IF_ERROR(done.report.ToStatus(what));
  return static_cast<ShortReadEffect>(done.report.value);
}

absl::StatusOr<ProbeResult> ChooseBackend(SteadyTime deadline) {
  const absl::StatusOr<ShortReadEffect> file = ProbeShortReads(Backend::kFile, deadline);
  if (file.ok() && *file != ShortReadEffect::kZeros) {
    return ProbeResult{Backend::kFile, "EROFS mounts files and reports failed reads"};
  }
  const std::string why =
      file.ok()
          ? "this kernel turns failed reads below EROFS into zeros (it lacks \"erofs: set fileio "
            "bio failed in short read case\")"
          : std::string(file.status().message());
  const absl::StatusOr<ShortReadEffect> loop = ProbeShortReads(Backend::kLoop, deadline);
  if (loop.ok() && *loop != ShortReadEffect::kZeros) return ProbeResult{Backend::kLoop, why};
  return absl::FailedPreconditionError(absl::StrCat(
      "images cannot be mounted on this kernel. By file: ", why,
      ". By loop device: ", loop.ok() ? "failed reads turn into zeros" : loop.status().message()));
}

}  // namespace floe::mount
