// SPDX-License-Identifier: Apache-2.0
// containerd's filter expressions (doc/filters.md):
//
//   selectors := selector ("," selector)*            all of them must match
//   selector  := fieldpath (operator value)?         without operator: the field is present
//   fieldpath := field ("." field)*
//   field     := quoted | [A-Za-z0-9_]+
//   operator  := "==" | "!=" | "~="
//   value     := quoted | [^\s,]+
//   quoted    := '"' Go string '"';  as the value of "~=" also /.../ and |...|
//
// White space between tokens is skipped. "~=" is RE2, unanchored; one that does not compile never
// matches. The empty expression matches everything.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"

namespace re2 {
class RE2;
}

namespace floe::snapshotter {

// Value of a field path; nullopt: the field is absent.
using FieldReader = std::function<std::optional<std::string>(const std::vector<std::string>& path)>;

// A parsed filter: several expressions, any of which may match. Immutable, thread safe.
class Filter {
 public:
  // INVALID_ARGUMENT shows the place. No expression at all matches everything.
  static absl::StatusOr<Filter> Parse(const std::vector<std::string>& expressions);

  bool Matches(const FieldReader& read) const;

 private:
  friend class FilterParser;
  enum class Operator { kPresent, kEqual, kNotEqual, kMatches };
  struct Selector {
    std::vector<std::string> path;
    Operator op = Operator::kPresent;
    std::string value;
    std::shared_ptr<const re2::RE2> pattern;  // for kMatches, null when it does not compile

    bool Matches(const FieldReader& read) const;
  };
  std::vector<std::vector<Selector>> alternatives_;
};

// The value of a Go string literal whose quotes are ", / or |; nullopt when it is none.
std::optional<std::string> Unquote(absl::string_view literal);

}  // namespace floe::snapshotter
