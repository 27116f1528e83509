// SPDX-License-Identifier: Apache-2.0
// One repository in a registry with its mirrors.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "converter/image/descriptor.h"
#include "converter/registry/credentials.h"
#include "converter/registry/endpoint.h"
#include "converter/registry/options.h"
#include "converter/registry/reference.h"
#include "net/http.h"

namespace floe::converter {

// Thread safe. Exchanges must not outlive it.
class RegistryClient {
 public:
  // Reads hosts.toml and Docker's config.json. `mount_from`: see Endpoint.
  static absl::StatusOr<std::shared_ptr<RegistryClient>> Open(const Reference& reference,
                                                              const RegistryOptions& options,
                                                              const std::string& mount_from = "");

  const Reference& reference() const { return reference_; }
  const RegistryOptions& options() const { return options_; }

  struct Answer {
    std::unique_ptr<net::HttpExchange> exchange;  // status 200..299
    Endpoint* endpoint;
  };
  enum class Need { kPull, kResolve };
  // Asks the servers that can, in order, until one has it. The last one's error, with the others'
  // beside it.
  absl::StatusOr<Answer> Fetch(const ApiRequest& request, Need need);

  // The server to push to. FAILED_PRECONDITION when hosts.toml allows none.
  absl::StatusOr<Endpoint*> PushEndpoint();

 private:
  RegistryClient(const Reference& reference, const RegistryOptions& options);

  const Reference reference_;
  const RegistryOptions options_;
  CredentialStore credentials_;
  net::HttpClient http_;
  std::vector<std::unique_ptr<Endpoint>> endpoints_;
};

}  // namespace floe::converter
