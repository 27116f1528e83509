// SPDX-License-Identifier: Apache-2.0
// Who we are to a registry: Docker's config.json with its credential helpers.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "base/secret.h"
#include "base/status.h"

namespace floe::registry {

// Overwrites a text that held a secret on its way, and empties it.
void WipeText(std::string& text);

// All empty: anonymous.
struct Credentials {
  std::string username;
  Secret password;
  Secret identity_token;  // exchanged for access tokens (OAuth2 refresh token)
  Secret registry_token;  // sent as it is

  bool empty() const {
    return password.empty() && identity_token.empty() && registry_token.empty();
  }
};

// What is known for a host at the time of the call; may block.
using CredentialFinder = std::function<absl::StatusOr<Credentials>(const std::string& host)>;

// Reads config.json once. Thread compatible; Find may run a helper program and wait for it.
class CredentialStore {
 public:
  // `directory` holds config.json; a missing file is an empty store. INVALID_ARGUMENT when the file
  // is broken, without quoting from it.
  static absl::StatusOr<CredentialStore> Load(const std::string& directory);
  // $DOCKER_CONFIG, else ~/.docker, else "" (no home).
  static std::string DefaultDirectory();

  CredentialStore() = default;

  // For a registry host as in references ("docker.io", "registry.test:5000"), or a mirror's.
  // Helpers come first (credHelpers, then credsStore), then "auths". FAILED_PRECONDITION names a
  // helper that cannot be run or answers nonsense.
  absl::StatusOr<Credentials> Find(const std::string& host) const;

 private:
  struct Entry {
    std::string username;
    Secret password;
    Secret identity_token;
    Secret registry_token;
  };
  static absl::StatusOr<CredentialStore> Parse(ByteView text, const std::string& path);

  std::map<std::string, Entry> entries_;        // by host
  std::map<std::string, std::string> helpers_;  // by host
  std::string default_helper_;
};

}  // namespace floe::registry
