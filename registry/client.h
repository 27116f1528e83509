// SPDX-License-Identifier: Apache-2.0
// One repository in a registry with its mirrors.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "net/http.h"
#include "oci/descriptor.h"
#include "registry/credentials.h"
#include "registry/endpoint.h"
#include "registry/options.h"
#include "registry/reference.h"

namespace floe::registry {

// Thread safe. Exchanges must not outlive it.
class Client {
 public:
  // Reads hosts.toml and Docker's config.json. `mount_from`: see Endpoint.
  static absl::StatusOr<std::shared_ptr<Client>> Open(const Reference& reference,
                                                      const Options& options,
                                                      const std::string& mount_from = "");

  const Reference& reference() const { return reference_; }
  const Options& options() const { return options_; }

  struct Answer {
    std::unique_ptr<net::HttpExchange> exchange;  // status 200..299
    Endpoint* endpoint;
  };
  enum class Need { kPull, kResolve };
  // Asks the servers that can, in order, until one has it. The last one's error, with the others'
  // beside it. `attempts` for the last one; 0: what the options say.
  absl::StatusOr<Answer> Fetch(const ApiRequest& request, Need need, int attempts = 0);

  // The server to push to. FAILED_PRECONDITION when hosts.toml allows none.
  absl::StatusOr<Endpoint*> PushEndpoint();

 private:
  Client(const Reference& reference, const Options& options);

  const Reference reference_;
  const Options options_;
  net::HttpClient http_;
  std::vector<std::unique_ptr<Endpoint>> endpoints_;
};

}  // namespace floe::registry
