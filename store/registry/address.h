// SPDX-License-Identifier: Apache-2.0
// registry:HOST/REPOSITORY[?NAME=VALUE&...]: a repository of an OCI registry as a store
// (doc/registry-origin.md). No credentials are in it.
#pragma once

#include <string>

#include "base/status.h"
#include "registry/options.h"
#include "registry/reference.h"

namespace floe::store {

inline constexpr char kRegistryScheme[] = "registry:";

struct RegistryAddress {
  registry::Reference repository;  // host and repository
  // plain-http, ca, cert, key, hosts (hosts.toml), config (directory of Docker's config.json).
  registry::Options options;
  uint64_t pack_bytes = 32 << 20;  // pack: a pack blob is closed when it has so many
};

bool IsRegistryAddress(absl::string_view address);
// INVALID_ARGUMENT names the part that is wrong and what is accepted.
absl::StatusOr<RegistryAddress> ParseRegistryAddress(const std::string& address);

}  // namespace floe::store
