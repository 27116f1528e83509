// SPDX-License-Identifier: Apache-2.0
// What an image is, in floe's terms: what `floe inspect` shows.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "converter/source/image_source.h"
#include "converter/source/select.h"
#include "store/keys/key_directory.h"
#include "store/manifest.h"
#include "store/origin/store_handle.h"

namespace floe::converter {

// How much of an image's chunks other images of the store use too. Sealed bytes are known only
// where the manifest can be opened; 0 otherwise.
struct StoreShare {
  std::string location;        // root id in hexadecimal
  uint64_t images = 0;         // other manifests looked at
  uint64_t shared_chunks = 0;  // also in another manifest
  uint64_t shared_raw_bytes = 0;
  uint64_t shared_sealed_bytes = 0;
};

// One platform's image that floe made.
struct FloeImage {
  store::ManifestEnvelope envelope;
  uint64_t manifest_bytes = 0;
  std::string signed_by;        // name or id of a trusted signer; empty: none
  std::string signature_error;  // why not
  // With a key that opens it.
  std::optional<store::Manifest> opened;
  std::string open_error;  // why it could not be opened
  uint64_t raw_bytes = 0;
  uint64_t sealed_bytes = 0;
  // With a store that holds it.
  std::optional<StoreShare> share;
  std::string store_error;  // why the store says nothing of it
};

struct InspectedImage {
  SourceImage source;
  std::optional<FloeImage> floe;  // absent: an ordinary image
};

struct InspectOptions {
  PlatformChoice platforms;
  store::TrustPolicy trust;
  const store::KeyRing* keys = nullptr;  // borrowed; null: open nothing
  store::StoreHandle* store = nullptr;   // borrowed; null: ask no store
};

// What cannot be found out (no key, no store) is said in the result; an error is an image that
// cannot be read or a manifest that is damaged.
absl::StatusOr<std::vector<InspectedImage>> Inspect(ImageSource& source,
                                                    const InspectOptions& options);

}  // namespace floe::converter
