// SPDX-License-Identifier: Apache-2.0
// Cuts a filter expression into tokens (grammar: filter.h).
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace floe::snapshotter {

enum class TokenKind { kEnd, kField, kValue, kQuoted, kSeparator, kOperator, kIllegal };

struct Token {
  TokenKind kind = TokenKind::kEnd;
  size_t position = 0;  // byte offset of its first byte
  std::string text;     // as written; for kIllegal the reason
};

// Which bytes a bare word may hold depends on its place: after an operator it is a value.
class FilterScanner {
 public:
  // `input` must outlive the scanner.
  explicit FilterScanner(absl::string_view input) : input_(input) {}

  Token Next();
  // The next byte without a token being cut; 0 at the end. Spaces are not skipped.
  char Peek() const { return position_ < input_.size() ? input_[position_] : '\0'; }
  size_t position() const { return position_; }

 private:
  Token Illegal(size_t start, absl::string_view reason);
  Token Quoted(size_t start, char quote);
  // Past one escape sequence, after its backslash; false: not one of Go's.
  bool SkipEscape(char quote);
  bool SkipDigits(int base, int count);

  absl::string_view input_;
  size_t position_ = 0;
  bool value_next_ = false;
};

// The code point at `text`'s start and its length in bytes; length 0: not valid UTF-8.
struct CodePoint {
  uint32_t value = 0;
  size_t length = 0;
};
CodePoint DecodeUtf8(absl::string_view text);
void AppendUtf8(uint32_t code_point, std::string& out);

// The value of a digit, 16 for anything else.
int DigitValue(char c);

}  // namespace floe::snapshotter
