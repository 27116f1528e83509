// SPDX-License-Identifier: Apache-2.0
// The way back: a converted image becomes an ordinary one with one ordinary layer.
#pragma once

#include <string>

#include "base/cancel.h"
#include "base/status.h"
#include "converter/source/image_destination.h"
#include "converter/source/image_source.h"
#include "converter/source/select.h"
#include "store/keys/key_directory.h"
#include "store/origin/store_handle.h"

namespace floe::converter {

struct ExportOptions {
  PlatformChoice platforms;           // one image is exported: the first that fits
  std::string work_dir = "/var/tmp";  // needs the compressed size of the image
  store::TrustPolicy trust;
  const store::KeyRing* keys = nullptr;  // borrowed, never null
  CancelToken cancel;
};

struct ExportReport {
  std::string digest;  // of the ordinary image's manifest
  std::string platform;
  uint64_t layer_bytes = 0;
};

// FAILED_PRECONDITION: `source` is not converted. Otherwise as SelectImages, OpenManifest,
// StoreHandle and ImageDestination say. All or nothing at the destination.
absl::StatusOr<ExportReport> Export(ImageSource& source, ImageDestination& destination,
                                    store::StoreHandle& store, const ExportOptions& options);

}  // namespace floe::converter
