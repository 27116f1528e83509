// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/filter/scanner.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace floe::snapshotter {
namespace {

bool IsFieldByte(char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_'; }
bool IsOperatorByte(char c) { return c == '=' || c == '!' || c == '~'; }
bool IsQuote(char c) { return c == '"' || c == '/' || c == '|'; }

// Unicode's white space, as Go's unicode.IsSpace has it.
bool IsSpace(uint32_t c) {
  return (c >= 0x09 && c <= 0x0d) || c == 0x20 || c == 0x85 || c == 0xa0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f ||
         c == 0x3000;
}

// A bare value holds anything visible but the comma.
bool IsValueCodePoint(uint32_t c) {
  return c != ',' && c > 0x20 && c != 0x7f && !(c >= 0x80 && c < 0xa0) && !IsSpace(c);
}

}  // namespace

CodePoint DecodeUtf8(absl::string_view text) {
  if (text.empty()) return {};
  const auto first = static_cast<unsigned char>(text[0]);
  if (first < 0x80) return {first, 1};
  const size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return {};
  uint32_t value = first & (0x7fu >> length);
  for (size_t i = 1; i < length; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte & 0xc0) != 0x80) return {};
    value = value << 6 | (byte & 0x3fu);
  }
  const bool overlong = (length == 3 && value < 0x800) || (length == 4 && value < 0x10000);
  const bool surrogate = value >= 0xd800 && value < 0xe000;
  if (overlong || surrogate || value > 0x10ffff) return {};
  return {value, length};
}

void AppendUtf8(uint32_t c, std::string& out) {
  if ((c >= 0xd800 && c < 0xe000) || c > 0x10ffff) c = 0xfffd;
  const auto put = [&out](uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (c < 0x80) return put(c);
  if (c < 0x800) {
    put(0xc0 | c >> 6);
  } else if (c < 0x10000) {
    put(0xe0 | c >> 12);
    put(0x80 | (c >> 6 & 0x3f));
  } else {
    put(0xf0 | c >> 18);
    put(0x80 | (c >> 12 & 0x3f));
    put(0x80 | (c >> 6 & 0x3f));
  }
  put(0x80 | (c & 0x3f));
}

int DigitValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return 16;
}

Token FilterScanner::Illegal(size_t start, absl::string_view reason) {
  return {TokenKind::kIllegal, start, std::string(reason)};
}

Token FilterScanner::Next() {
  CodePoint c = DecodeUtf8(input_.substr(position_));
  while (c.length > 0 && IsSpace(c.value)) {
    position_ += c.length;
    c = DecodeUtf8(input_.substr(position_));
  }
  const size_t start = position_;
  if (start >= input_.size()) return {TokenKind::kEnd, start, ""};
  if (c.length == 0) return Illegal(start, "not UTF-8");
  const char first = input_[start];
  if (IsQuote(first)) return Quoted(start, first);

  TokenKind kind;
  if (first == ',' || first == '.') {
    kind = TokenKind::kSeparator;
    value_next_ = false;
    ++position_;
  } else if (IsOperatorByte(first)) {
    kind = TokenKind::kOperator;
    value_next_ = true;
    while (IsOperatorByte(Peek())) ++position_;
  } else if (value_next_ && IsValueCodePoint(c.value)) {
    kind = TokenKind::kValue;
    value_next_ = false;
    for (; c.length > 0 && IsValueCodePoint(c.value); c = DecodeUtf8(input_.substr(position_))) {
      position_ += c.length;
    }
  } else if (IsFieldByte(first)) {
    kind = TokenKind::kField;
    while (IsFieldByte(Peek())) ++position_;
  } else {
    return Illegal(start, "unexpected character");
  }
  return {kind, start, std::string(input_.substr(start, position_ - start))};
}

Token FilterScanner::Quoted(size_t start, char quote) {
  ++position_;
  while (true) {
    if (position_ >= input_.size() || input_[position_] == '\n') {
      return Illegal(start, "quoted literal not terminated");
    }
    const CodePoint c = DecodeUtf8(input_.substr(position_));
    if (c.length == 0 || c.value == 0) return Illegal(start, "not UTF-8");
    position_ += c.length;
    if (c.value == static_cast<unsigned char>(quote)) break;
    if (c.value == '\\' && !SkipEscape(quote)) return Illegal(start, "illegal escape sequence");
  }
  value_next_ = false;
  return {TokenKind::kQuoted, start, std::string(input_.substr(start, position_ - start))};
}

bool FilterScanner::SkipDigits(int base, int count) {
  for (; count > 0; --count, ++position_) {
    if (DigitValue(Peek()) >= base) return false;
  }
  return true;
}

bool FilterScanner::SkipEscape(char quote) {
  const char c = Peek();
  if (c >= '0' && c <= '7') return SkipDigits(8, 3);
  ++position_;
  if (c == quote) return true;
  switch (c) {
    case 'a':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
    case 'v':
    case '\\':
      return true;
    case 'x':
      return SkipDigits(16, 2);
    case 'u':
      return SkipDigits(16, 4);
    case 'U':
      return SkipDigits(16, 8);
    default:
      return false;
  }
}

}  // namespace floe::snapshotter
