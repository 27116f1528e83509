// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/options.h"

#include "absl/strings/str_cat.h"

namespace floe::snapshotter {
namespace {

bool IsAbsolute(const std::string& path) { return !path.empty() && path[0] == '/'; }

absl::Status MustBeAbsolute(const char* name, const std::string& path) {
  if (IsAbsolute(path)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(name, " \"", path, "\" must be an absolute path"));
}

}  // namespace

absl::Status ProgramOptions::Read(const Config& file) {
  FLOE_RETURN_IF_ERROR(file.CheckSections(kConfigSections));
  ConfigSection own = file.Section("snapshotter");
  own.String("root", &root);
  own.String("socket", &socket);
  own.String("runtime_dir", &runtime_dir);
  own.String("keeper_program", &keeper_program);
  own.String("fusefs_program", &fusefs_program);
  own.String("backend", &backend);
  own.Duration("mount_timeout", &mount_timeout);
  own.String("containerd", &containerd);
  own.String("metrics", &metrics);
  FLOE_RETURN_IF_ERROR(own.Finish());
  ConfigSection log = file.Section("log");
  log.String("level", &log_level);
  log.Bool("json", &log_json);
  return log.Finish();
}

absl::Status ProgramOptions::Validate() const {
  FLOE_RETURN_IF_ERROR(MustBeAbsolute("root", root));
  FLOE_RETURN_IF_ERROR(MustBeAbsolute("socket", socket));
  FLOE_RETURN_IF_ERROR(MustBeAbsolute("runtime-dir", runtime_dir));
  FLOE_RETURN_IF_ERROR(MustBeAbsolute("containerd", containerd));
  if (backend != "auto" && backend != "file" && backend != "loop") {
    return absl::InvalidArgumentError(
        absl::StrCat("backend \"", backend, "\" must be auto, file or loop"));
  }
  if (log_level != "debug" && log_level != "info" && log_level != "warning" &&
      log_level != "error") {
    return absl::InvalidArgumentError(
        absl::StrCat("log level \"", log_level, "\" must be debug, info, warning or error"));
  }
  if (mount_timeout < std::chrono::seconds(1) || mount_timeout > std::chrono::seconds(110)) {
    return absl::InvalidArgumentError(
        "mount_timeout must lie between 1s and 110s (the kernel reports tasks that hang for 120 "
        "s)");
  }
  return absl::OkStatus();
}

SnapshotterOptions ProgramOptions::ForSnapshotter() const {
  SnapshotterOptions options;
  options.root = root;
  options.mount_timeout = mount_timeout;
  return options;
}

ImageLowersOptions ProgramOptions::ForImages() const {
  ImageLowersOptions options;
  options.root = root;
  options.daemons.runtime_dir = runtime_dir;
  options.daemons.keeper_program = keeper_program;
  options.daemons.fusefs_program = fusefs_program;
  options.daemons.fusefs_arguments = {"--config", config};
  if (backend == "file") options.mounter.backend = mount::Backend::kFile;
  if (backend == "loop") options.mounter.backend = mount::Backend::kLoop;
  return options;
}

}  // namespace floe::snapshotter
