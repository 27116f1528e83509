// SPDX-License-Identifier: Apache-2.0
#include "base/config_toml.h"

#include <algorithm>

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

}  // namespace

std::optional<size_t> LineOfStrayCharacter(absl::string_view toml) {
  size_t line = 1;
  size_t i = absl::StartsWith(toml, "\xef\xbb\xbf") ? 3 : 0;  // a byte order mark may come first
  while (i < toml.size()) {
    size_t length = 1;
    if (toml[i] == '#') {
      length = std::min(toml.find('\n', i), toml.size()) - i;
    } else if (toml[i] == '"' || toml[i] == '\'') {
      length = QuotedLength(toml.substr(i));
    } else if (static_cast<unsigned char>(toml[i]) >= 0x80) {
      return line;
    }
    length = std::min(length, toml.size() - i);
    for (const char c : toml.substr(i, length)) line += c == '\n' ? 1 : 0;
    i += length;
  }
  return std::nullopt;
}

}  // namespace floe
