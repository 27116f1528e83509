// SPDX-License-Identifier: Apache-2.0
// The XML that S3 and STS answer with: elements and text. Strict; no document types, so no entities
// but XML's own five and numbers.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"

namespace floe::store {

struct XmlElement {
  std::string name;  // without a namespace prefix
  std::string text;  // all text directly within, decoded
  std::vector<XmlElement> children;

  // The first child of that name; null when there is none.
  const XmlElement* Child(absl::string_view child) const;
  // Its text; "" when there is none.
  std::string ChildText(absl::string_view child) const;
};

// The root element. DATA_LOSS for what is not well-formed, is nested deeper than 16 or has more
// than 100,000 elements. Attributes, comments and instructions are read and dropped.
absl::StatusOr<XmlElement> ParseXml(absl::string_view text);

// `text` as the content of an element.
std::string XmlEscape(absl::string_view text);

}  // namespace floe::store
