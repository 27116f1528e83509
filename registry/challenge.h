// SPDX-License-Identifier: Apache-2.0
// What a registry asks for: the WWW-Authenticate header (RFC 9110, 11.6.1).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace floe::registry {

struct Challenge {
  std::string scheme;                             // lower case: "bearer", "basic"
  std::map<std::string, std::string> parameters;  // names in lower case
};

// All challenges of one header line; what cannot be read ends the list. Several challenges in one
// line are understood.
std::vector<Challenge> ParseChallenges(absl::string_view header);

}  // namespace floe::registry
