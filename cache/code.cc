// SPDX-License-Identifier: Apache-2.0
#include "cache/code.h"

#include <algorithm>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace floe::cache {

Code CodeFor(const Code& wanted, size_t servers) {
  if (servers == 0) return {1, 0};
  if (servers >= wanted.shards()) return wanted;
  const size_t r = std::min(wanted.r, servers - 1);
  return {servers - r, r};
}

absl::StatusOr<Code> ParseCode(absl::string_view text) {
  const std::vector<std::string> parts = absl::StrSplit(text, '+');
  Code code;
  // SimpleAtoi takes signs and blanks, this form does not.
  const bool digits = text.find_first_not_of("0123456789+") == absl::string_view::npos;
  if (!digits || parts.size() != 2 || !absl::SimpleAtoi(parts[0], &code.k) ||
      !absl::SimpleAtoi(parts[1], &code.r) || code.k == 0 || code.k > kMaxShards ||
      code.r > kMaxShards || code.shards() > kMaxShards) {
    return absl::InvalidArgumentError(
        absl::StrCat("code \"", text, "\": write DATA+PARITY such as 4+1, 1+1 (two copies) or ",
                     "1+0 (one copy), with at most ", kMaxShards, " shards"));
  }
  return code;
}

std::string CodeText(const Code& code) { return absl::StrCat(code.k, "+", code.r); }

}  // namespace floe::cache
