// SPDX-License-Identifier: Apache-2.0
// The objects behind a store's address: the one place that knows every kind of origin.
#pragma once

#include <memory>
#include <string>

#include "store/origin/object_store.h"

namespace floe::store {

struct OpenedObjects {
  std::string address;  // as it is written in full
  std::shared_ptr<ObjectStore> objects;
  // The same for chunks, whose readers and writers have retries of their own.
  std::shared_ptr<ObjectStore> chunk_objects;
  // Whether the place keeps what a store relies on; null: known. Blocks.
  std::function<absl::Status()> probe = nullptr;
};

// For reading and writing a store. NOT_FOUND: no such folder; INVALID_ARGUMENT: no such address.
absl::StatusOr<OpenedObjects> OpenObjects(const std::string& address, size_t io_threads);
// For making one: makes the folder.
absl::StatusOr<OpenedObjects> MakeObjects(const std::string& address);
absl::Status ProbeObjects(const OpenedObjects& opened);

}  // namespace floe::store
