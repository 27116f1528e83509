// SPDX-License-Identifier: Apache-2.0
#include "base/config_toml.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace floe {
namespace {

// True when a '#' after `code` surely begins a comment: texts in it, of one kind, are closed.
bool CommentMayFollow(absl::string_view code) {
  const auto doubles = std::count(code.begin(), code.end(), '"');
  const auto singles = std::count(code.begin(), code.end(), '\'');
  const bool escapes = doubles > 0 && absl::StrContains(code, "\\");
  return doubles % 2 == 0 && singles % 2 == 0 && (doubles == 0 || singles == 0) && !escapes;
}

// True when each character beyond ASCII surely stands in a comment. Where texts may run over lines,
// no quote of the line may precede it.
bool BeyondAsciiInCommentsOnly(absl::string_view line, bool texts_over_lines) {
  const auto beyond =
      std::find_if_not(line.begin(), line.end(), [](char c) { return absl::ascii_isascii(c); });
  if (beyond == line.end()) return true;
  const absl::string_view before = line.substr(0, static_cast<size_t>(beyond - line.begin()));
  const size_t comment = before.find('#');
  if (comment == absl::string_view::npos) return false;
  if (texts_over_lines) return before.find_first_of("\"'") == absl::string_view::npos;
  return CommentMayFollow(before.substr(0, comment));
}

}  // namespace

std::optional<TomlFault> FaultBeforeParsing(absl::string_view toml) {
  absl::ConsumePrefix(&toml, "\xef\xbb\xbf");  // a byte order mark may come first
  const bool texts_over_lines = absl::StrContains(toml, "\"\"\"") || absl::StrContains(toml, "'''");
  size_t number = 0;
  for (const absl::string_view line : absl::StrSplit(toml, '\n')) {
    ++number;
    if (!BeyondAsciiInCommentsOnly(line, texts_over_lines)) {
      return TomlFault{number, "characters beyond ASCII may stand in comments only; write \\uXXXX"};
    }
  }
  return std::nullopt;
}

}  // namespace floe
