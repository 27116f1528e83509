// SPDX-License-Identifier: Apache-2.0
#include "store/s3/xml.h"

#include <cstdint>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"

namespace floe::store {
namespace {

constexpr int kMaxXmlDepth = 16;
constexpr size_t kMaxXmlElements = 100'000;

bool IsNameChar(char c) {
  return absl::ascii_isalnum(c) || c == '_' || c == '-' || c == '.' || c == ':' ||
         (static_cast<unsigned char>(c) & 0x80) != 0;
}

// Appends a code point as UTF-8; false when XML does not allow it.
bool AppendCodePoint(uint32_t code, std::string& out) {
  const bool control = code < 0x20 && code != '\t' && code != '\n' && code != '\r';
  if (control || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return false;
  const auto tail = [&](int shift) {
    out.push_back(static_cast<char>(0x80 | ((code >> shift) & 0x3f)));
  };
  if (code < 0x80) {
    out.push_back(static_cast<char>(code));
  } else if (code < 0x800) {
    out.push_back(static_cast<char>(0xc0 | (code >> 6)));
    tail(0);
  } else if (code < 0x10000) {
    out.push_back(static_cast<char>(0xe0 | (code >> 12)));
    tail(6);
    tail(0);
  } else {
    out.push_back(static_cast<char>(0xf0 | (code >> 18)));
    tail(12);
    tail(6);
    tail(0);
  }
  return true;
}

// `entity` is what stands between '&' and ';'.
bool AppendEntity(absl::string_view entity, std::string& out) {
  static constexpr std::pair<absl::string_view, char> kNamed[] = {
      {"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}};
  for (const auto& [name, c] : kNamed) {
    if (entity == name) {
      out.push_back(c);
      return true;
    }
  }
  uint32_t code = 0;
  if (absl::ConsumePrefix(&entity, "#x")) {
    return entity.size() <= 6 && absl::SimpleHexAtoi(entity, &code) && AppendCodePoint(code, out);
  }
  return absl::ConsumePrefix(&entity, "#") && entity.size() <= 7 && !entity.empty() &&
         absl::ascii_isdigit(entity[0]) && absl::SimpleAtoi(entity, &code) &&
         AppendCodePoint(code, out);
}

class XmlParser {
 public:
  explicit XmlParser(absl::string_view text) : rest_(text) {}

  std::optional<XmlElement> Parse() {
    absl::ConsumePrefix(&rest_, "\xef\xbb\xbf");
    if (!SkipBetween()) return std::nullopt;
    XmlElement root;
    if (!ParseElement(root, 0) || !SkipBetween() || !rest_.empty()) return std::nullopt;
    return root;
  }

 private:
  // The text before `end`, which is passed over too; nullopt when it does not come.
  std::optional<absl::string_view> Until(absl::string_view end) {
    const size_t at = rest_.find(end);
    if (at == absl::string_view::npos) return std::nullopt;
    const absl::string_view before = rest_.substr(0, at);
    rest_.remove_prefix(at + end.size());
    return before;
  }

  void SkipSpace() { rest_ = absl::StripLeadingAsciiWhitespace(rest_); }

  // A comment or an instruction, if one begins here; false when it has no end.
  bool SkipAside(bool* skipped) {
    *skipped = true;
    if (absl::ConsumePrefix(&rest_, "<!--")) return Until("-->").has_value();
    if (absl::ConsumePrefix(&rest_, "<?")) return Until("?>").has_value();
    *skipped = false;
    return true;
  }

  // Space, comments and instructions around the root element.
  bool SkipBetween() {
    bool skipped = true;
    while (skipped) {
      SkipSpace();
      if (!SkipAside(&skipped)) return false;
    }
    return true;
  }

  std::optional<std::string> ParseName() {
    size_t length = 0;
    while (length < rest_.size() && IsNameChar(rest_[length])) ++length;
    const absl::string_view name = rest_.substr(0, length);
    if (name.empty() || absl::ascii_isdigit(name[0]) || name[0] == '-' || name[0] == '.') {
      return std::nullopt;
    }
    rest_.remove_prefix(length);
    return std::string(name);
  }

  bool SkipAttributes() {
    while (true) {
      const bool spaced = !rest_.empty() && absl::ascii_isspace(rest_[0]);
      SkipSpace();
      if (rest_.empty()) return false;
      if (rest_[0] == '>' || rest_[0] == '/') return true;
      if (!spaced || !ParseName()) return false;
      SkipSpace();
      if (!absl::ConsumePrefix(&rest_, "=")) return false;
      SkipSpace();
      if (rest_.empty() || (rest_[0] != '"' && rest_[0] != '\'')) return false;
      const absl::string_view quote = rest_.substr(0, 1);
      rest_.remove_prefix(1);
      const std::optional<absl::string_view> value = Until(quote);
      if (!value || value->find('<') != absl::string_view::npos) return false;
    }
  }

  bool ParseElement(XmlElement& element, int depth) {
    if (depth >= kMaxXmlDepth || ++elements_ > kMaxXmlElements) return false;
    if (!absl::ConsumePrefix(&rest_, "<")) return false;
    const std::optional<std::string> name = ParseName();
    if (!name || !SkipAttributes()) return false;
    element.name = name->substr(name->find(':') + 1);
    if (absl::ConsumePrefix(&rest_, "/>")) return true;
    if (!absl::ConsumePrefix(&rest_, ">")) return false;
    if (!ParseContent(element, depth)) return false;
    if (!absl::ConsumePrefix(&rest_, absl::StrCat("</", *name))) return false;
    SkipSpace();
    return absl::ConsumePrefix(&rest_, ">");
  }

  // Up to the end tag.
  bool ParseContent(XmlElement& element, int depth) {
    while (!rest_.empty()) {
      if (absl::StartsWith(rest_, "</")) return true;
      if (absl::ConsumePrefix(&rest_, "<![CDATA[")) {
        const std::optional<absl::string_view> data = Until("]]>");
        if (!data) return false;
        absl::StrAppend(&element.text, *data);
      } else if (rest_[0] == '<') {
        bool skipped = false;
        if (!SkipAside(&skipped)) return false;
        if (skipped) continue;
        if (!ParseElement(element.children.emplace_back(), depth + 1)) return false;
      } else if (!ParseText(element.text)) {
        return false;
      }
    }
    return false;
  }

  bool ParseText(std::string& out) {
    const size_t length = rest_.find_first_of("<&");
    if (length == absl::string_view::npos) return false;
    absl::StrAppend(&out, rest_.substr(0, length));
    rest_.remove_prefix(length);
    if (rest_[0] == '<') return true;
    rest_.remove_prefix(1);
    const size_t end = rest_.substr(0, 10).find(';');
    if (end == absl::string_view::npos || !AppendEntity(rest_.substr(0, end), out)) return false;
    rest_.remove_prefix(end + 1);
    return true;
  }

  absl::string_view rest_;
  size_t elements_ = 0;
};

}  // namespace

const XmlElement* XmlElement::Child(absl::string_view child) const {
  for (const XmlElement& element : children) {
    if (element.name == child) return &element;
  }
  return nullptr;
}

std::string XmlElement::ChildText(absl::string_view child) const {
  const XmlElement* element = Child(child);
  return element == nullptr ? "" : element->text;
}

absl::StatusOr<XmlElement> ParseXml(absl::string_view text) {
  std::optional<XmlElement> root = XmlParser(text).Parse();
  if (!root) return absl::DataLossError("the server's answer is no well-formed XML");
  return *std::move(root);
}

std::string XmlEscape(absl::string_view text) {
  return absl::StrReplaceAll(
      text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}, {"'", "&apos;"}});
}

}  // namespace floe::store
