// SPDX-License-Identifier: Apache-2.0
#include "registry/options.h"

#include "absl/strings/str_cat.h"

namespace floe::registry {

absl::Status Options::Validate() const {
  if (attempts < 1 || attempts > 100) {
    return absl::InvalidArgumentError(
        absl::StrCat("registry attempts must be 1 to 100, not ", attempts));
  }
  if (connect_timeout.count() <= 0 || stall_timeout.count() <= 0 || first_pause.count() < 0 ||
      max_pause.count() < 0) {
    return absl::InvalidArgumentError("registry timeouts must be positive");
  }
  if (!client_key.empty() && client_certificate.empty()) {
    return absl::InvalidArgumentError("--key needs --cert, the certificate that belongs to it");
  }
  if (plain_http && (!ca_file.empty() || !client_certificate.empty())) {
    return absl::InvalidArgumentError("--plain-http excludes --ca and --cert: there is no TLS");
  }
  return absl::OkStatus();
}

}  // namespace floe::registry
