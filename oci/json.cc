// SPDX-License-Identifier: Apache-2.0
#include "oci/json.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"

namespace floe::oci {
namespace {

constexpr size_t kMaxNesting = 100;

// Whether a value lies inside more than kMaxNesting others. What copies, writes or frees a document
// calls itself once a level, and an attacker's document must not choose how deep our stack is.
bool NestsTooDeep(ByteView text) {
  size_t depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const uint8_t c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      if (c == '"') quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kMaxNesting) return true;
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return false;
}

absl::Status WrongType(absl::string_view what, absl::string_view name, absl::string_view wanted) {
  return absl::InvalidArgumentError(absl::StrCat(what, ": \"", name, "\" is not ", wanted));
}

// Null when the member is absent or null.
const nlohmann::json* Find(const nlohmann::json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  const auto it = object.find(name);
  return it == object.end() || it->is_null() ? nullptr : &*it;
}

}  // namespace

absl::StatusOr<nlohmann::json> ParseJsonObject(ByteView text, absl::string_view what) {
  if (NestsTooDeep(text)) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, ": values nested more than ", kMaxNesting, " deep"));
  }
  nlohmann::json json = nlohmann::json::parse(text.begin(), text.end(), nullptr, false);
  if (json.is_discarded()) {
    return absl::InvalidArgumentError(absl::StrCat(what, ": not valid JSON"));
  }
  if (!json.is_object()) {
    return absl::InvalidArgumentError(absl::StrCat(what, ": not a JSON object"));
  }
  return json;
}

absl::StatusOr<std::string> StringMember(const nlohmann::json& object, const char* name,
                                         absl::string_view what) {
  const nlohmann::json* member = Find(object, name);
  if (member == nullptr) return std::string();
  if (!member->is_string()) return WrongType(what, name, "a text");
  return member->get<std::string>();
}

absl::StatusOr<uint64_t> SizeMember(const nlohmann::json& object, const char* name,
                                    absl::string_view what) {
  const nlohmann::json* member = Find(object, name);
  if (member == nullptr || !member->is_number_integer()) {
    return WrongType(what, name, "a whole number");
  }
  if (!member->is_number_unsigned() || member->get<uint64_t>() > INT64_MAX) {
    return WrongType(what, name, "a possible size");
  }
  return member->get<uint64_t>();
}

absl::StatusOr<std::map<std::string, std::string>> StringMapMember(const nlohmann::json& object,
                                                                   const char* name,
                                                                   absl::string_view what) {
  std::map<std::string, std::string> map;
  const nlohmann::json* member = Find(object, name);
  if (member == nullptr) return map;
  if (!member->is_object()) return WrongType(what, name, "an object");
  for (const auto& [key, value] : member->items()) {
    if (!value.is_string()) return WrongType(what, absl::StrCat(name, ".", key), "a text");
    map[key] = value.get<std::string>();
  }
  return map;
}

absl::StatusOr<const nlohmann::json*> ArrayMember(const nlohmann::json& object, const char* name,
                                                  absl::string_view what) {
  const nlohmann::json* member = Find(object, name);
  if (member != nullptr && !member->is_array()) return WrongType(what, name, "an array");
  return member;
}

std::string OtherMembers(const nlohmann::json& object, const std::set<std::string>& known) {
  nlohmann::json other = nlohmann::json::object();
  for (const auto& [key, value] : object.items()) {
    if (!known.count(key)) other[key] = value;
  }
  return other.empty() ? std::string() : other.dump();
}

void MergeOtherMembers(const std::string& other, nlohmann::json& object) {
  if (other.empty()) return;
  const nlohmann::json members = nlohmann::json::parse(other, nullptr, false);
  if (!members.is_object()) return;
  for (const auto& [key, value] : members.items()) {
    if (!object.contains(key)) object[key] = value;
  }
}

}  // namespace floe::oci
