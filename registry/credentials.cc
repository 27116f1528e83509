// SPDX-License-Identifier: Apache-2.0
#include "registry/credentials.h"

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/process.h"
#include "oci/json.h"

namespace floe::registry {
namespace {

constexpr char kHubKey[] = "https://index.docker.io/v1/";
constexpr std::chrono::seconds kHelperTime{60};
constexpr size_t kMaxHelperOutput = 1 << 20;

// Takes a text out of a document and leaves none there.
Secret TakeSecret(nlohmann::json& object, const char* name) {
  const auto it = object.find(name);
  if (it == object.end() || !it->is_string()) return {};
  auto& text = it->get_ref<std::string&>();
  Secret secret = Secret::Copy(AsBytes(text));
  WipeText(text);
  return secret;
}

// The names under which Docker's tools keep one host.
std::string HostKey(absl::string_view key) {
  absl::ConsumePrefix(&key, "https://") || absl::ConsumePrefix(&key, "http://");
  key = key.substr(0, key.find('/'));
  if (key == "index.docker.io" || key == "registry-1.docker.io") return "docker.io";
  return std::string(key);
}

// What helpers are asked for.
std::string HelperKey(const std::string& host) { return host == "docker.io" ? kHubKey : host; }

bool IsHelperName(absl::string_view name) {
  for (const char c : name) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && c != '-' && c != '_' && c != '.') {
      return false;
    }
  }
  return !name.empty();
}

// "user:password" in base64.
bool SplitAuth(nlohmann::json& auth, std::string& username, Secret& password) {
  const auto it = auth.find("auth");
  if (it == auth.end() || !it->is_string() || it->get_ref<std::string&>().empty()) return true;
  std::string decoded;
  const bool valid = absl::Base64Unescape(it->get_ref<std::string&>(), &decoded);
  WipeText(it->get_ref<std::string&>());
  const size_t colon = decoded.find(':');
  if (!valid || colon == std::string::npos) {
    WipeText(decoded);
    return false;
  }
  username = decoded.substr(0, colon);
  absl::string_view rest = absl::string_view(decoded).substr(colon + 1);
  while (absl::ConsumeSuffix(&rest, absl::string_view("\0", 1))) {
  }
  password = Secret::Copy(AsBytes(rest));
  WipeText(decoded);
  return true;
}

absl::StatusOr<Credentials> AskHelper(const std::string& helper, const std::string& host) {
  const std::string program = absl::StrCat("docker-credential-", helper);
  const auto failed = [&](absl::string_view reason) {
    return absl::FailedPreconditionError(
        absl::StrCat("credentials for ", host, ": ", program, " ", reason,
                     "; repair or remove the helper in Docker's config.json"));
  };
  absl::StatusOr<CommandResult> result = RunCommand(
      {program, "get"}, HelperKey(host), Clock::Real().Now() + kHelperTime, kMaxHelperOutput);
  if (!result.ok()) return failed(absl::StrCat("cannot be run: ", result.status().message()));
  std::string& output = result->output;
  if (result->exit_code != 0) {
    // The one answer that is no failure (docker-credential-helpers, credentials/error.go).
    if (absl::StrContains(output, "credentials not found")) return Credentials{};
    return failed(absl::StrCat("failed with exit code ", result->exit_code));
  }
  nlohmann::json json = nlohmann::json::parse(output, nullptr, false);
  WipeText(output);
  if (!json.is_object()) return failed("did not answer with JSON");
  Credentials credentials;
  credentials.username = oci::StringMember(json, "Username", program).value_or("");
  Secret secret = TakeSecret(json, "Secret");
  if (secret.empty()) return Credentials{};
  if (credentials.username == "<token>") {
    credentials.username.clear();
    credentials.identity_token = std::move(secret);
  } else {
    credentials.password = std::move(secret);
  }
  return credentials;
}

}  // namespace

void WipeText(std::string& text) {
  Wipe({reinterpret_cast<uint8_t*>(text.data()), text.size()});
  text.clear();
}

std::string CredentialStore::DefaultDirectory() {
  const char* configured = getenv("DOCKER_CONFIG");
  if (configured != nullptr && *configured != '\0') return configured;
  const char* home = getenv("HOME");
  return home != nullptr && *home != '\0' ? absl::StrCat(home, "/.docker") : "";
}

absl::StatusOr<CredentialStore> CredentialStore::Load(const std::string& directory) {
  if (directory.empty()) return CredentialStore();
  const std::string path = absl::StrCat(directory, "/config.json");
  absl::StatusOr<Bytes> text = ReadWholeFile(path, 4 << 20);
  if (absl::IsNotFound(text.status())) return CredentialStore();
  FLOE_RETURN_IF_ERROR(text.status());
  absl::StatusOr<CredentialStore> store = Parse(*text, path);
  Wipe(*text);
  return store;
}

absl::StatusOr<CredentialStore> CredentialStore::Parse(ByteView text, const std::string& path) {
  FLOE_ASSIGN_OR_RETURN(nlohmann::json json, oci::ParseJsonObject(text, path));
  CredentialStore store;
  FLOE_ASSIGN_OR_RETURN(store.default_helper_, oci::StringMember(json, "credsStore", path));
  FLOE_ASSIGN_OR_RETURN(const auto helpers, oci::StringMapMember(json, "credHelpers", path));
  for (const auto& [key, helper] : helpers) store.helpers_[HostKey(key)] = helper;
  const auto auths = json.find("auths");
  if (auths == json.end() || auths->is_null()) return store;
  if (!auths->is_object()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": \"auths\" is not an object"));
  }
  for (auto& [key, auth] : auths->items()) {
    if (!auth.is_object()) continue;
    Entry entry;
    entry.username = oci::StringMember(auth, "username", path).value_or("");
    entry.password = TakeSecret(auth, "password");
    if (!SplitAuth(auth, entry.username, entry.password)) {
      return absl::InvalidArgumentError(absl::StrCat(path, ": the \"auth\" of ", HostKey(key),
                                                     " is not base64 of user:password"));
    }
    entry.identity_token = TakeSecret(auth, "identitytoken");
    entry.registry_token = TakeSecret(auth, "registrytoken");
    store.entries_[HostKey(key)] = std::move(entry);
  }
  return store;
}

absl::StatusOr<Credentials> CredentialStore::Find(const std::string& host) const {
  const std::string key = HostKey(host);
  const auto own = helpers_.find(key);
  const std::string& helper = own != helpers_.end() ? own->second : default_helper_;
  if (!helper.empty()) {
    if (!IsHelperName(helper)) {
      return absl::FailedPreconditionError(
          absl::StrCat("credentials for ", host,
                       ": the helper in Docker's config.json is no name "
                       "of a program"));
    }
    FLOE_ASSIGN_OR_RETURN(Credentials credentials, AskHelper(helper, key));
    if (!credentials.empty()) return credentials;
  }
  const auto it = entries_.find(key);
  if (it == entries_.end()) return Credentials{};
  return Credentials{it->second.username, it->second.password.Clone(),
                     it->second.identity_token.Clone(), it->second.registry_token.Clone()};
}

}  // namespace floe::registry
