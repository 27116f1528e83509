// SPDX-License-Identifier: Apache-2.0
#include "base/config_toml.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"

namespace floe {
namespace {

// The bytes of the text that begins at `text`, its quotes included; to the end of the line (or of
// `text`) when the closing quotes are missing, which toml++ then refuses.
size_t QuotedLength(absl::string_view text) {
  const char quote = text[0];
  const char triple[] = {quote, quote, quote};
  const bool multiline = absl::StartsWith(text, absl::string_view(triple, 3));
  for (size_t i = multiline ? 3 : 1; i < text.size(); ++i) {
    if (text[i] == '\\' && quote == '"') {
      ++i;
    } else if (text[i] == '\n' && !multiline) {
      return i;
    } else if (!multiline && text[i] == quote) {
      return i + 1;
    } else if (multiline && absl::StartsWith(text.substr(i), absl::string_view(triple, 3))) {
      // Up to two quotes may stand before the closing three.
      const size_t last = std::min(i + 5, text.size());
      for (i += 3; i < last && text[i] == quote;) ++i;
      return i;
    }
  }
  return text.size();
}

// `text` begins with the '[' of a table's header. True when a name or the closing ']' follows.
bool NameFollows(absl::string_view text) {
  size_t i = text.find_first_not_of(" \t", 1);
  if (i != absl::string_view::npos && text[i] == '[') i = text.find_first_not_of(" \t", i + 1);
  if (i == absl::string_view::npos) return true;  // the end of the file has an error of its own
  const char c = text[i];
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '"' ||
         c == '\'' || c == ']';
}

// A quote in the middle of a word is part of it for toml++, and what follows is no text.
bool TextMayFollow(absl::string_view before) {
  const size_t last = before.find_last_not_of(" \t");
  return last == absl::string_view::npos ||
         absl::string_view("\n=[{,.").find(before[last]) != absl::string_view::npos;
}

}  // namespace

std::optional<TomlFault> FaultBeforeParsing(absl::string_view toml) {
  size_t line = 1;
  int depth = 0;  // of brackets and braces: inside them no header begins
  bool line_begins = true;
  if (absl::StartsWith(toml, "\xef\xbb\xbf")) toml.remove_prefix(3);  // a byte order mark
  size_t i = 0;
  while (i < toml.size()) {
    const char c = toml[i];
    size_t length = 1;
    if (c == '#') {
      length = std::min(toml.find('\n', i), toml.size()) - i;
    } else if (c == '"' || c == '\'') {
      if (!TextMayFollow(toml.substr(0, i))) return TomlFault{line, "no text may begin here"};
      length = QuotedLength(toml.substr(i));
    } else if (static_cast<unsigned char>(c) >= 0x80) {
      return TomlFault{line, "characters beyond ASCII may stand in texts and comments only"};
    } else if (c == '[' && line_begins && depth == 0 && !NameFollows(toml.substr(i))) {
      return TomlFault{line, "a table needs a name of letters, digits, - and _, or one in quotes"};
    }
    depth = std::max(0, depth + (c == '[' || c == '{') - (c == ']' || c == '}'));
    length = std::min(length, toml.size() - i);
    for (const char passed : toml.substr(i, length)) line += passed == '\n' ? 1 : 0;
    line_begins = c == '\n' || (line_begins && (c == ' ' || c == '\t' || c == '\r'));
    i += length;
  }
  return std::nullopt;
}

}  // namespace floe
