// SPDX-License-Identifier: Apache-2.0
// How floe talks to registries.
#pragma once

#include <chrono>
#include <string>

#include "base/cancel.h"
#include "base/status.h"

namespace floe::registry {

struct Options {
  bool plain_http = false;         // --plain-http: http instead of https
  bool skip_verify = false;        // --insecure-skip-verify: any server certificate
  std::string ca_file;             // --ca: PEM file of authorities, beside the system's
  std::string client_certificate;  // --cert, PEM
  std::string client_key;          // --key, PEM; may be in client_certificate
  // containerd's registry configuration: hosts.toml and certificates. Empty: none.
  std::string hosts_dir = "/etc/containerd/certs.d";
  // Docker's client configuration with credentials. Empty: $DOCKER_CONFIG, else ~/.docker.
  std::string docker_config_dir;
  std::string user_agent = "floe/" FLOE_VERSION;

  std::chrono::milliseconds connect_timeout{30'000};
  // A transfer from which nothing came for so long is broken.
  std::chrono::milliseconds stall_timeout{60'000};
  // Attempts in a row that bring nothing before an operation fails, and the pause after the first;
  // it doubles from there. Retry-After is obeyed up to `max_pause`.
  int attempts = 6;
  std::chrono::milliseconds first_pause{250};
  std::chrono::milliseconds max_pause{60'000};

  CancelToken cancel;

  absl::Status Validate() const;
};

}  // namespace floe::registry
