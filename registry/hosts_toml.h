// SPDX-License-Identifier: Apache-2.0
// containerd's registry configuration (containerd, docs/hosts.md): for each registry a directory
// with hosts.toml, or with certificates as Docker lays them out.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"

namespace floe::registry {

// One server to try for a registry.
struct HostConfig {
  std::string scheme;  // "http", "https"; empty: the default for this registry
  std::string host;    // "mirror.test:5000"; empty: the registry itself
  std::string path;    // "/v2", or as the url says with override_path
  bool can_pull = true;
  bool can_resolve = true;
  bool can_push = true;
  bool skip_verify = false;
  std::vector<std::string> ca_files;  // absolute paths
  std::string client_certificate;     // absolute path or empty
  std::string client_key;
  std::vector<std::pair<std::string, std::string>> headers;  // values may be secret: never shown
  int dial_timeout_ms = 0;                                   // 0: the default
};

// The servers of a hosts.toml in the order in which they are tried; the last is the registry itself
// ("server", or the default). `directory` is what relative paths are relative to. INVALID_ARGUMENT
// names file and setting.
absl::StatusOr<std::vector<HostConfig>> ParseHostsToml(absl::string_view text,
                                                       const std::string& directory);

// What is configured for `host` under `hosts_dir` ("" or missing: nothing): the first of
// host_port_/, host:port/ and _default/ that exists. Always at least one entry, the registry
// itself.
absl::StatusOr<std::vector<HostConfig>> LoadHostConfigs(const std::string& hosts_dir,
                                                        const std::string& host);

}  // namespace floe::registry
