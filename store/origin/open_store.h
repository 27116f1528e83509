// SPDX-License-Identifier: Apache-2.0
// Opening a store by its address, and making one: what converter, node and CLI start from.
//
//   folder:/srv/floe                          a folder (a plain absolute path means the same)
//   s3://bucket[/prefix][?endpoint=URL&...]   S3 (s3/s3_address.h)
//   registry:HOST/REPOSITORY[?NAME=VALUE&...]  an OCI registry (registry/address.h)
// An unknown scheme is INVALID_ARGUMENT and says which exist.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "store/keys/key_directory.h"
#include "store/origin/store_handle.h"

namespace floe::store {

inline constexpr char kDefaultStoreAddress[] = "folder:/var/lib/floe-store";

struct OpenStoreOptions {
  // What the configuration remembers; FAILED_PRECONDITION when the store says another id.
  std::optional<StoreId> expected_id;
  size_t io_threads = 4;
};

// NOT_FOUND: nothing there ("floe store init"); UNAVAILABLE: there, but unreadable now;
// FAILED_PRECONDITION: another id, or a layout newer than this floe; DATA_LOSS: damaged.
// Blocks on I/O.
absl::StatusOr<std::shared_ptr<StoreHandle>> OpenStore(const std::string& address,
                                                       const OpenStoreOptions& options = {});

enum class DomainChoice {
  kNew,     // a random domain id and secret, kept in the key directory
  kPublic,  // the empty secret: anyone can confirm what is stored (store.md, "Domain")
};
struct InitStoreOptions {
  DomainChoice domain = DomainChoice::kNew;
  // Joins an existing domain whose secret is in the key directory; overrides `domain`.
  std::optional<DomainId> join;
};

// Makes an empty store with one active root. ALREADY_EXISTS when there is one, FAILED_PRECONDITION
// when the place holds something else, or the server cannot hold a store. Interrupted, it can be
// run again.
absl::StatusOr<StoreInfo> InitStore(const std::string& address, const KeyDirectory& keys,
                                    const InitStoreOptions& options = {});

// What a converter seals with: the store's first domain, its secret, and the active root.
absl::StatusOr<SealingDomain> LoadSealingDomain(const StoreHandle& store, const KeyDirectory& keys);

}  // namespace floe::store
