// SPDX-License-Identifier: Apache-2.0
#include "registry/client.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace floe::registry {
namespace {

net::HttpClientOptions HttpOptions(const Options& options) {
  return {options.user_agent, options.connect_timeout, options.stall_timeout, options.cancel};
}

}  // namespace

Client::Client(const Reference& reference, const Options& options)
    : reference_(reference), options_(options), http_(HttpOptions(options)) {}

absl::StatusOr<std::shared_ptr<Client>> Client::Open(const Reference& reference,
                                                     const Options& options,
                                                     const std::string& mount_from) {
  FLOE_RETURN_IF_ERROR(options.Validate());
  std::shared_ptr<Client> client(new Client(reference, options));
  const std::string& configured = options.docker_config_dir;
  const std::string directory =
      configured.empty() ? CredentialStore::DefaultDirectory() : configured;
  FLOE_RETURN_IF_ERROR(CredentialStore::Load(directory).status());
  // Read again whenever a registry asks: passwords that expire are replaced in the file while we
  // run.
  const CredentialFinder find =
      [directory](const std::string& host) -> absl::StatusOr<Credentials> {
    FLOE_ASSIGN_OR_RETURN(const CredentialStore store, CredentialStore::Load(directory));
    return store.Find(host);
  };
  FLOE_ASSIGN_OR_RETURN(const std::vector<HostConfig> configs,
                        LoadHostConfigs(options.hosts_dir, reference.host));
  for (const HostConfig& config : configs) {
    FLOE_ASSIGN_OR_RETURN(
        std::unique_ptr<Endpoint> endpoint,
        Endpoint::Create(client->http_, client->options_, config, reference, find, mount_from));
    client->endpoints_.push_back(std::move(endpoint));
  }
  return client;
}

absl::StatusOr<Client::Answer> Client::Fetch(const ApiRequest& request, Need need, int attempts) {
  std::vector<Endpoint*> able;
  for (const auto& endpoint : endpoints_) {
    const HostConfig& config = endpoint->config();
    if (need == Need::kPull ? config.can_pull : config.can_resolve) able.push_back(endpoint.get());
  }
  absl::Status failure = absl::FailedPreconditionError(
      absl::StrCat(reference_.host, ": hosts.toml names no server that may be asked"));
  std::vector<std::string> before;
  for (Endpoint* endpoint : able) {
    // A mirror that is down is passed over at once; the registry itself is worth waiting for.
    const int patience = attempts > 0 ? attempts : options_.attempts;
    absl::StatusOr<std::unique_ptr<net::HttpExchange>> exchange =
        endpoint->Send(request, endpoint == able.back() ? patience : 1);
    if (exchange.ok() && (*exchange)->status() / 100 == 2) {
      return Answer{*std::move(exchange), endpoint};
    }
    failure = exchange.ok() ? endpoint->StatusOf(**exchange, request.path) : exchange.status();
    if (absl::IsCancelled(failure)) return failure;
    if (endpoint != able.back()) before.push_back(std::string(failure.message()));
  }
  if (before.empty()) return failure;
  return absl::Status(failure.code(), absl::StrCat(failure.message(), " [mirrors tried before: ",
                                                   absl::StrJoin(before, "; "), "]"));
}

absl::StatusOr<Endpoint*> Client::PushEndpoint() {
  for (const auto& endpoint : endpoints_) {
    if (endpoint->config().can_push) return endpoint.get();
  }
  return absl::FailedPreconditionError(
      absl::StrCat(reference_.host, ": hosts.toml names no server with the capability \"push\""));
}

}  // namespace floe::registry
