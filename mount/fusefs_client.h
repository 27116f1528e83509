// SPDX-License-Identifier: Apache-2.0
// The caller's side of floe-fusefs' control door (proto/control.proto).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"

namespace floe::mount {

// Whether floe-fusefs may refuse to open an image because the origin cannot keep up: for new
// containers only.
enum class MayRefuse { kNo, kYes };

// Thread safe: each call has a connection of its own. Codes and texts of errors are the daemon's,
// verbatim. While nobody listens (floe-fusefs is being started again) a call waits until its
// deadline, then answers UNAVAILABLE. A deadline that passes in the daemon is DEADLINE_EXCEEDED.
class FusefsClient {
 public:
  explicit FusefsClient(std::string socket_path) : socket_path_(std::move(socket_path)) {}

  struct Opened {
    uint64_t inode = 0;
    uint64_t size_bytes = 0;  // of the flat image
    std::string manifest_id;  // hexadecimal
    uint32_t chunks = 0;
  };
  struct Image {
    std::string name;
    std::string manifest_id;
    uint64_t inode = 0;
    uint64_t size_bytes = 0;
    uint64_t open_count = 0;
    bool closing = false;
    uint64_t local_bytes = 0;
    uint64_t sealed_bytes = 0;
  };
  struct Daemon {
    uint32_t pid = 0;
    std::string version;
  };

  // Serves the manifest behind `manifest` (borrowed) as file `name` ([0-9a-f-]+); returns when
  // superblock and metadata are local. UNAVAILABLE also when it may refuse and does.
  absl::StatusOr<Opened> OpenImage(const std::string& name, int manifest, const std::string& label,
                                   SteadyTime deadline,
                                   MayRefuse may_refuse = MayRefuse::kNo) const;
  // NOT_FOUND when there is no such image.
  absl::Status CloseImage(const std::string& name, SteadyTime deadline) const;
  absl::StatusOr<std::vector<Image>> ListImages(SteadyTime deadline) const;
  // Makes the daemon put all that it keeps into the keeper behind `keeper` (a connected socket,
  // borrowed), which it uses from then on. Does not wait for one that is not there, or ends over
  // it: the next one begins with what the keeper holds.
  absl::Status UseKeeper(int keeper, SteadyTime deadline) const;
  absl::Status CheckManifest(int manifest, SteadyTime deadline) const;
  // Prometheus' text form.
  absl::StatusOr<std::string> Metrics(SteadyTime deadline) const;
  // Does not wait for a daemon: UNAVAILABLE at once when nobody listens.
  absl::StatusOr<Daemon> Ping(SteadyTime deadline) const;

  const std::string& socket_path() const { return socket_path_; }

 private:
  std::string socket_path_;
};

}  // namespace floe::mount
