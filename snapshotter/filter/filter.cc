// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/filter/filter.h"

#include <re2/re2.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "snapshotter/filter/scanner.h"

namespace floe::snapshotter {

// Recursive descent over one expression; a method a production.
class FilterParser {
 public:
  using Selector = Filter::Selector;
  using Operator = Filter::Operator;

  explicit FilterParser(absl::string_view input) : input_(input), scanner_(input) {}

  absl::StatusOr<std::vector<Selector>> Selectors() {
    std::vector<Selector> selectors;
    while (true) {
      FLOE_ASSIGN_OR_RETURN(Selector selector, OneSelector());
      selectors.push_back(std::move(selector));
      const Token token = scanner_.Next();
      if (token.kind == TokenKind::kEnd) return selectors;
      if (token.text != "," || token.kind != TokenKind::kSeparator) {
        return Error(token, "unexpected input");
      }
    }
  }

 private:
  absl::StatusOr<Selector> OneSelector() {
    Selector selector;
    FLOE_ASSIGN_OR_RETURN(selector.path, FieldPath());
    // A space may stand before the operator and before the comma.
    FilterScanner ahead = scanner_;
    const Token token = ahead.Next();
    if (token.kind == TokenKind::kEnd || token.kind == TokenKind::kSeparator) return selector;
    FLOE_ASSIGN_OR_RETURN(selector.op, OneOperator());
    const bool regular = selector.op == Operator::kMatches;
    FLOE_ASSIGN_OR_RETURN(selector.value, Value(regular));
    if (regular) selector.pattern = Compile(selector.value);
    return selector;
  }

  absl::StatusOr<std::vector<std::string>> FieldPath() {
    std::vector<std::string> path;
    while (true) {
      FLOE_ASSIGN_OR_RETURN(std::string field, Field());
      path.push_back(std::move(field));
      if (scanner_.Peek() != '.') return path;
      scanner_.Next();
    }
  }

  absl::StatusOr<std::string> Field() {
    const Token token = scanner_.Next();
    if (token.kind == TokenKind::kField) return token.text;
    if (token.kind == TokenKind::kQuoted) return Unquoted(token, /*any_quote=*/false);
    return Error(token, "expected a field");
  }

  absl::StatusOr<Operator> OneOperator() {
    const Token token = scanner_.Next();
    if (token.kind == TokenKind::kOperator) {
      if (token.text == "==") return Operator::kEqual;
      if (token.text == "!=") return Operator::kNotEqual;
      if (token.text == "~=") return Operator::kMatches;
    }
    return Error(token, "expected an operator (==, != or ~=)");
  }

  absl::StatusOr<std::string> Value(bool any_quote) {
    const Token token = scanner_.Next();
    if (token.kind == TokenKind::kValue || token.kind == TokenKind::kField) return token.text;
    if (token.kind == TokenKind::kQuoted) return Unquoted(token, any_quote);
    return Error(token, "expected a value");
  }

  absl::StatusOr<std::string> Unquoted(const Token& token, bool any_quote) {
    if (!any_quote && token.text[0] != '"') {
      return Error(token, "only the value of ~= may stand in / or |");
    }
    auto text = Unquote(token.text);
    if (!text) return Error(token, "not a Go string");
    return *std::move(text);
  }

  static std::shared_ptr<const re2::RE2> Compile(const std::string& pattern) {
    auto compiled = std::make_shared<const re2::RE2>(pattern, re2::RE2::Quiet);
    return compiled->ok() ? compiled : nullptr;
  }

  absl::Status Error(const Token& token, absl::string_view expected) {
    const std::string reason = token.kind == TokenKind::kIllegal
                                   ? absl::StrCat(expected, ": ", token.text)
                                   : std::string(expected);
    return absl::InvalidArgumentError(
        absl::StrCat("filter ", input_, ": ", reason, " at byte ", token.position));
  }

  absl::string_view input_;
  FilterScanner scanner_;
};

absl::StatusOr<Filter> Filter::Parse(const std::vector<std::string>& expressions) {
  Filter filter;
  for (const std::string& expression : expressions) {
    std::vector<Selector> selectors;
    if (!expression.empty()) {
      FLOE_ASSIGN_OR_RETURN(selectors, FilterParser(expression).Selectors());
    }
    filter.alternatives_.push_back(std::move(selectors));
  }
  return filter;
}

bool Filter::Selector::Matches(const FieldReader& read) const {
  const std::optional<std::string> found = read(path);
  switch (op) {
    case Operator::kPresent:
      return found.has_value();
    case Operator::kEqual:
      return found == value;
    case Operator::kNotEqual:
      return found.value_or("") != value;
    case Operator::kMatches:
      return pattern != nullptr && re2::RE2::PartialMatch(found.value_or(""), *pattern);
  }
  return false;
}

bool Filter::Matches(const FieldReader& read) const {
  if (alternatives_.empty()) return true;
  for (const std::vector<Selector>& selectors : alternatives_) {
    bool all = true;
    for (const Selector& selector : selectors) all = all && selector.Matches(read);
    if (all) return true;
  }
  return false;
}

}  // namespace floe::snapshotter
