// SPDX-License-Identifier: Apache-2.0
#include <ctime>
#include <nlohmann/json.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "store/s3/credential_sources.h"
#include "store/s3/xml.h"

namespace floe::store {
namespace {

// Keeps a copy in secret memory and wipes the text.
Secret TakeSecret(std::string& text) {
  Secret secret = Secret::Copy(AsBytes(text));
  Wipe({reinterpret_cast<uint8_t*>(text.data()), text.size()});
  return secret;
}

struct RawKeys {
  std::string id;
  std::string secret;
  std::string token;
  std::string expires;  // RFC 3339, or ""
};

absl::StatusOr<S3Credentials> ToCredentials(RawKeys& raw) {
  S3Credentials credentials;
  credentials.access_key_id = raw.id;
  credentials.secret_access_key = TakeSecret(raw.secret);
  if (!raw.token.empty()) {
    credentials.session_token = std::make_shared<const Secret>(TakeSecret(raw.token));
  }
  if (credentials.access_key_id.empty() || credentials.secret_access_key.empty()) {
    return absl::InvalidArgumentError("a key is missing");
  }
  if (raw.expires.empty()) return credentials;
  absl::Time time;
  std::string unused;
  if (!absl::ParseTime(absl::RFC3339_full, raw.expires, &time, &unused)) {
    return absl::InvalidArgumentError("the time when they expire is malformed");
  }
  credentials.expires = absl::ToChronoTime(time);
  return credentials;
}

}  // namespace

absl::StatusOr<S3Credentials> ParseCredentialsFile(absl::string_view text,
                                                   const std::string& profile) {
  RawKeys raw;
  bool found = false;
  bool within = false;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    line = absl::StripAsciiWhitespace(line);
    if (line.empty() || line[0] == '#' || line[0] == ';') continue;
    if (line[0] == '[') {
      const size_t end = line.find(']');
      within = end != absl::string_view::npos &&
               absl::StripAsciiWhitespace(line.substr(1, end - 1)) == profile;
      found = found || within;
      continue;
    }
    if (!within) continue;
    const std::pair<absl::string_view, absl::string_view> setting =
        absl::StrSplit(line, absl::MaxSplits('=', 1));
    const std::string name = absl::AsciiStrToLower(absl::StripAsciiWhitespace(setting.first));
    const absl::string_view value = absl::StripAsciiWhitespace(setting.second);
    if (name == "aws_access_key_id") raw.id = std::string(value);
    if (name == "aws_secret_access_key") raw.secret = std::string(value);
    if (name == "aws_session_token") raw.token = std::string(value);
  }
  if (!found) return absl::NotFoundError(absl::StrCat("it has no section [", profile, "]"));
  auto credentials = ToCredentials(raw);
  if (!credentials.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "its section [", profile, "] lacks aws_access_key_id or aws_secret_access_key"));
  }
  return credentials;
}

absl::StatusOr<S3Credentials> ParseCredentialsJson(absl::string_view text) {
  using nlohmann::json;
  const json document = json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (!document.is_object()) return absl::InvalidArgumentError("the answer is no JSON object");
  const auto field = [&](const char* name) {
    const auto at = document.find(name);
    return at != document.end() && at->is_string() ? at->get<std::string>() : std::string();
  };
  const std::string code = field("Code");
  if (!code.empty() && code != "Success") {
    return absl::InvalidArgumentError(
        absl::StrCat("the answer's code is \"", absl::string_view(code).substr(0, 100), "\""));
  }
  RawKeys raw{field("AccessKeyId"), field("SecretAccessKey"), field("Token"), field("Expiration")};
  return ToCredentials(raw);
}

absl::StatusOr<S3Credentials> ParseStsAnswer(absl::string_view text) {
  FLOE_ASSIGN_OR_RETURN(const XmlElement root, ParseXml(text));
  const XmlElement* result = root.Child("AssumeRoleWithWebIdentityResult");
  const XmlElement* keys = result == nullptr ? nullptr : result->Child("Credentials");
  if (keys == nullptr) return absl::InvalidArgumentError("the answer has no credentials");
  RawKeys raw{keys->ChildText("AccessKeyId"), keys->ChildText("SecretAccessKey"),
              keys->ChildText("SessionToken"), keys->ChildText("Expiration")};
  return ToCredentials(raw);
}

}  // namespace floe::store
