// SPDX-License-Identifier: Apache-2.0
#include "absl/strings/str_cat.h"
#include "fusefs/daemon.h"
#include "store/settings.h"

namespace floe::fusefs {
absl::Status DaemonOptions::Read(const Config& config) {
  FLOE_RETURN_IF_ERROR(config.CheckSections(kConfigSections));
  store::StoreSettings store;
  FLOE_RETURN_IF_ERROR(store.Read(config));
  if (!store.is_default) tiers.store_address = store.address;
  if (store.id) tiers.store_id = store.id;
  tiers.fast_address = store.fast;
  FLOE_RETURN_IF_ERROR(tiers.Read(config));
  store::KeySettings key_settings{keys, allow_unsigned};
  FLOE_RETURN_IF_ERROR(key_settings.Read(config));
  keys = key_settings.directory;
  allow_unsigned = key_settings.allow_unsigned;
  ConfigSection own = config.Section("fusefs");
  int64_t threads = static_cast<int64_t>(fuse_threads);
  int64_t workers = static_cast<int64_t>(tiers.worker_threads);
  own.String("control", &control);
  own.String("keeper", &keeper);
  own.String("user", &user);
  own.String("metrics", &metrics);
  own.String("cache_dir", &tiers.cache_dir);
  own.Size("cache_bytes", &tiers.cache_bytes);
  own.Double("free_share", 0, 0.99, &tiers.free_share);
  own.Size("memory_bytes", &tiers.memory_bytes);
  own.Duration("read_deadline", &fs.read_deadline);
  own.Int("fuse_threads", 1, 64, &threads);
  own.Int("worker_threads", 0, 1024, &workers);
  FLOE_RETURN_IF_ERROR(own.Finish());
  fuse_threads = static_cast<size_t>(threads);
  tiers.worker_threads = static_cast<size_t>(workers);
  ConfigSection log = config.Section("log");
  log.String("level", &log_level);
  log.Bool("json", &log_json);
  return log.Finish();
}

absl::Status DaemonOptions::Validate() const {
  FLOE_RETURN_IF_ERROR(tiers.Validate());
  for (const auto& [name, path] :
       {std::pair("control", &control), std::pair("keeper", &keeper), std::pair("keys", &keys),
        std::pair("cache-dir", &tiers.cache_dir)}) {
    if (path->empty() || (*path)[0] != '/') {
      return absl::InvalidArgumentError(
          absl::StrCat(name, " \"", *path, "\" must be an absolute path"));
    }
  }
  if (fs.read_deadline < std::chrono::milliseconds(100) ||
      fs.read_deadline > std::chrono::seconds(58)) {
    return absl::InvalidArgumentError(
        "read_deadline must lie between 100ms and 58s (readahead and read may wait one after the "
        "other, and the kernel reports tasks that hang for 120 s)");
  }
  if (fuse_threads == 0) return absl::InvalidArgumentError("fuse-threads: at least 1");
  return absl::OkStatus();
}

LogLevel DaemonOptions::Level() const {
  if (log_level == "debug") return LogLevel::kDebug;
  if (log_level == "warning") return LogLevel::kWarning;
  return log_level == "error" ? LogLevel::kError : LogLevel::kInfo;
}

}  // namespace floe::fusefs
