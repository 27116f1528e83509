// SPDX-License-Identifier: Apache-2.0
// Go's string literals.
#include "snapshotter/filter/filter.h"
#include "snapshotter/filter/scanner.h"

namespace floe::snapshotter {
namespace {

// Reads `count` digits of `base` from `text` and takes them off.
std::optional<uint32_t> TakeDigits(absl::string_view& text, int base, size_t count) {
  if (text.size() < count) return std::nullopt;
  uint32_t value = 0;
  for (size_t i = 0; i < count; ++i) {
    const int digit = DigitValue(text[i]);
    if (digit >= base) return std::nullopt;
    value = value * static_cast<uint32_t>(base) + static_cast<uint32_t>(digit);
  }
  text.remove_prefix(count);
  return value;
}

std::optional<char> SimpleEscape(char c, char quote) {
  switch (c) {
    case 'a':
      return '\a';
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'v':
      return '\v';
    case '\\':
      return '\\';
    default:
      if (c == quote) return quote;
      return std::nullopt;
  }
}

// `text` begins after the backslash. \x and \101 are bytes, \u and \U code points.
bool AppendEscape(absl::string_view& text, char quote, std::string& out) {
  if (text.empty()) return false;
  const char c = text[0];
  if (const auto simple = SimpleEscape(c, quote)) {
    text.remove_prefix(1);
    out.push_back(*simple);
    return true;
  }
  if (c >= '0' && c <= '7') {
    const auto byte = TakeDigits(text, 8, 3);
    if (!byte || *byte > 255) return false;
    out.push_back(static_cast<char>(*byte));
    return true;
  }
  text.remove_prefix(1);
  if (c == 'x') {
    const auto byte = TakeDigits(text, 16, 2);
    if (byte) out.push_back(static_cast<char>(*byte));
    return byte.has_value();
  }
  if (c != 'u' && c != 'U') return false;
  const auto code_point = TakeDigits(text, 16, c == 'u' ? 4 : 8);
  if (!code_point || *code_point > 0x10ffff) return false;
  AppendUtf8(*code_point, out);
  return true;
}

}  // namespace

std::optional<std::string> Unquote(absl::string_view literal) {
  if (literal.size() < 2 || literal.front() != literal.back()) return std::nullopt;
  const char quote = literal.front();
  if (quote != '"' && quote != '/' && quote != '|') return std::nullopt;
  absl::string_view text = literal.substr(1, literal.size() - 2);
  std::string out;
  while (!text.empty()) {
    const char c = text[0];
    if (c == quote || c == '\n') return std::nullopt;
    text.remove_prefix(1);
    if (c != '\\') {
      out.push_back(c);
    } else if (!AppendEscape(text, quote, out)) {
      return std::nullopt;
    }
  }
  return out;
}

}  // namespace floe::snapshotter
