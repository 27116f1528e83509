// SPDX-License-Identifier: Apache-2.0
#include "registry/challenge.h"

#include "absl/strings/ascii.h"

namespace floe::registry {
namespace {

// Walks over one header line. Every method leaves the position at the first character that it did
// not take.
class Scanner {
 public:
  explicit Scanner(absl::string_view text) : text_(text) {}

  bool AtEnd() const { return position_ == text_.size(); }
  char Peek() const { return AtEnd() ? '\0' : text_[position_]; }
  size_t position() const { return position_; }
  void Rewind(size_t position) { position_ = position; }

  void SkipSpace() {
    while (!AtEnd() && (Peek() == ' ' || Peek() == '\t')) ++position_;
  }
  // List separators may stand alone.
  void SkipCommas() {
    SkipSpace();
    while (!AtEnd() && Peek() == ',') {
      ++position_;
      SkipSpace();
    }
  }
  bool Take(char c) {
    if (Peek() != c || AtEnd()) return false;
    ++position_;
    return true;
  }
  std::string Token() {
    std::string token;
    while (!AtEnd() && IsTokenChar(Peek())) token += text_[position_++];
    return token;
  }
  // False when the closing quote is missing.
  bool Quoted(std::string& value) {
    if (!Take('"')) return false;
    while (!AtEnd()) {
      char c = text_[position_++];
      if (c == '"') return true;
      if (c == '\\') {
        if (AtEnd()) return false;
        c = text_[position_++];
      }
      value += c;
    }
    return false;
  }

 private:
  static bool IsTokenChar(char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
           absl::string_view("!#$%&'*+-.^_`|~/").find(c) != absl::string_view::npos;
  }

  const absl::string_view text_;
  size_t position_ = 0;
};

// One `name=value`; false, and nothing taken, when none stands there.
bool TakeParameter(Scanner& scanner, Challenge& challenge) {
  const size_t start = scanner.position();
  scanner.SkipCommas();
  const std::string name = absl::AsciiStrToLower(scanner.Token());
  scanner.SkipSpace();
  if (name.empty() || !scanner.Take('=')) {
    scanner.Rewind(start);
    return false;
  }
  scanner.SkipSpace();
  std::string value;
  if (scanner.Peek() != '"') {
    value = scanner.Token();
  } else if (!scanner.Quoted(value)) {
    scanner.Rewind(start);
    return false;
  }
  challenge.parameters[name] = value;
  scanner.SkipSpace();
  return true;
}

}  // namespace

std::vector<Challenge> ParseChallenges(absl::string_view header) {
  std::vector<Challenge> challenges;
  Scanner scanner(header);
  while (true) {
    scanner.SkipCommas();
    Challenge challenge;
    challenge.scheme = absl::AsciiStrToLower(scanner.Token());
    if (challenge.scheme.empty()) return challenges;
    scanner.SkipSpace();
    while (TakeParameter(scanner, challenge)) {
    }
    challenges.push_back(std::move(challenge));
    // After a challenge comes a comma or the end; anything else is not HTTP's grammar.
    if (scanner.AtEnd() || scanner.Peek() != ',') return challenges;
  }
}

}  // namespace floe::registry
