// SPDX-License-Identifier: Apache-2.0
// Converting again finds the existing result (store.md, "Manifest"): in the destination first, then
// in the store under x/.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "converter/convert.h"
#include "converter/publish/tiny_image.h"
#include "store/conversion.h"

namespace floe::converter {

// What names the conversion of `image` with these keys and options.
store::ConversionId ConversionOf(const SourceImage& image, const ConvertKeys& keys,
                                 const ConvertOptions& options);

struct EarlierResult {
  TinyImage image;
  std::string manifest_id;  // hexadecimal
  bool in_destination = false;
};

// Images of floe's in the destination, read once. Immutable.
class DestinationImages {
 public:
  // Empty when `existing` is null or names nothing of floe's: a destination that cannot be read is
  // one where nothing is found.
  static DestinationImages Read(ImageSource* existing);

  // Empty when it names nothing.
  const std::string& top_digest() const { return top_digest_; }
  // The one that carries this conversion's name, its documents complete; nullptr if none.
  const SourceImage* Find(const store::ConversionId& conversion) const;

 private:
  std::string top_digest_;
  std::vector<SourceImage> images_;
};

// Uses a result only while its manifest is in a readable root of `store`. Whatever goes wrong with
// an earlier result is logged and means that there is none: converting is always right.
std::optional<EarlierResult> FindEarlier(const store::ConversionId& conversion,
                                         const DestinationImages& destination,
                                         ImageSource* existing, store::StoreHandle& store);

}  // namespace floe::converter
