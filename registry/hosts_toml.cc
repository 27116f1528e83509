// SPDX-License-Identifier: Apache-2.0
#include "registry/hosts_toml.h"

#include <algorithm>
#include <filesystem>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/config_toml.h"
#include "base/file.h"

namespace floe::registry {
namespace {

namespace fs = std::filesystem;

absl::Status Bad(const std::string& directory, absl::string_view reason) {
  return absl::InvalidArgumentError(absl::StrCat(directory, "/hosts.toml: ", reason));
}

std::string Absolute(const std::string& path, const std::string& directory) {
  return absl::StartsWith(path, "/") ? path : absl::StrCat(directory, "/", path);
}

// "30s", "1m30s", "500ms": Go's durations, as far as anybody dials.
bool ParseDuration(absl::string_view text, int& milliseconds) {
  double total = 0;
  if (text.empty()) return false;
  while (!text.empty()) {
    const size_t end = std::min(text.find_first_not_of("0123456789."), text.size());
    double value = 0;
    if (!absl::SimpleAtod(text.substr(0, end), &value)) return false;
    text.remove_prefix(end);
    if (absl::ConsumePrefix(&text, "ms")) {
      total += value;
    } else if (absl::ConsumePrefix(&text, "s")) {
      total += value * 1000;
    } else if (absl::ConsumePrefix(&text, "m")) {
      total += value * 60'000;
    } else if (absl::ConsumePrefix(&text, "h")) {
      total += value * 3'600'000;
    } else {
      return false;
    }
  }
  if (!(total >= 0 && total < 1e9)) return false;
  milliseconds = static_cast<int>(total);
  return true;
}

// Settings of one server, from the table of [host."url"] or from the file's top.
class HostParser {
 public:
  HostParser(const toml::table& table, const std::string& directory)
      : table_(table), directory_(directory) {}

  absl::StatusOr<HostConfig> Parse(const std::string& server) {
    FLOE_RETURN_IF_ERROR(Flag("override_path", override_path_));
    FLOE_RETURN_IF_ERROR(Flag("skip_verify", config_.skip_verify));
    FLOE_RETURN_IF_ERROR(Server(server));
    FLOE_RETURN_IF_ERROR(Capabilities());
    FLOE_RETURN_IF_ERROR(Authorities());
    FLOE_RETURN_IF_ERROR(Client());
    FLOE_RETURN_IF_ERROR(Headers());
    FLOE_RETURN_IF_ERROR(DialTimeout());
    return config_;
  }

 private:
  absl::Status Flag(const char* name, bool& value) {
    const toml::node* node = table_.get(name);
    if (node == nullptr) return absl::OkStatus();
    if (!node->is_boolean()) return Bad(directory_, absl::StrCat(name, " is not true or false"));
    value = node->as_boolean()->get();
    return absl::OkStatus();
  }

  absl::Status Server(std::string server) {
    if (server.empty()) return absl::OkStatus();
    if (!absl::StartsWith(server, "http://") && !absl::StartsWith(server, "https://")) {
      server = absl::StrCat("https://", server);
    }
    const size_t host = server.find("://") + 3;
    const size_t slash = std::min(server.find('/', host), server.size());
    config_.scheme = server.substr(0, host - 3);
    config_.host = server.substr(host, slash - host);
    config_.path = server.substr(slash);
    while (absl::EndsWith(config_.path, "/")) config_.path.pop_back();
    if (config_.host.empty() || config_.host.find_first_of("@?# ") != std::string::npos ||
        config_.path.find_first_of("?# ") != std::string::npos) {
      return Bad(directory_, "a server is not of the form https://HOST[:PORT][/PATH]");
    }
    if (!override_path_ && !absl::EndsWith(config_.path, "/v2")) config_.path += "/v2";
    return absl::OkStatus();
  }

  absl::Status Capabilities() {
    const toml::node* node = table_.get("capabilities");
    if (node == nullptr) return absl::OkStatus();
    std::vector<std::string> names;
    FLOE_RETURN_IF_ERROR(Texts(*node, "capabilities", names));
    if (names.empty()) return absl::OkStatus();
    config_.can_pull = config_.can_resolve = config_.can_push = false;
    for (const std::string& raw : names) {
      const std::string name = absl::AsciiStrToLower(raw);
      if (name == "pull") {
        config_.can_pull = true;
      } else if (name == "resolve") {
        config_.can_resolve = true;
      } else if (name == "push") {
        config_.can_push = true;
      } else if (name != "referrers") {
        return Bad(directory_, absl::StrCat("unknown capability \"", raw, "\""));
      }
    }
    return absl::OkStatus();
  }

  absl::Status Authorities() {
    const toml::node* node = table_.get("ca");
    if (node == nullptr) return absl::OkStatus();
    FLOE_RETURN_IF_ERROR(Texts(*node, "ca", config_.ca_files));
    for (std::string& path : config_.ca_files) path = Absolute(path, directory_);
    return absl::OkStatus();
  }

  // A file, a list of files, or a list of pairs; curl presents one, so the first is taken.
  absl::Status Client() {
    const toml::node* node = table_.get("client");
    if (node == nullptr) return absl::OkStatus();
    std::vector<std::string> files;
    const toml::array* list = node->as_array();
    const toml::array* pair =
        list != nullptr && !list->empty() ? list->get(0)->as_array() : nullptr;
    if (pair != nullptr) {
      FLOE_RETURN_IF_ERROR(Texts(*pair, "client", files));
      if (files.size() != 2) return Bad(directory_, "a pair in client does not have two files");
      config_.client_key = Absolute(files[1], directory_);
    } else {
      FLOE_RETURN_IF_ERROR(Texts(*node, "client", files));
      if (files.empty()) return absl::OkStatus();
    }
    config_.client_certificate = Absolute(files[0], directory_);
    return absl::OkStatus();
  }

  absl::Status Headers() {
    const toml::node* node = table_.get("header");
    if (node == nullptr) return absl::OkStatus();
    if (!node->is_table()) return Bad(directory_, "header is not a table");
    for (const auto& [key, value] : *node->as_table()) {
      std::vector<std::string> values;
      FLOE_RETURN_IF_ERROR(Texts(value, absl::StrCat("header.", std::string(key.str())), values));
      for (const std::string& text : values) config_.headers.emplace_back(key.str(), text);
    }
    return absl::OkStatus();
  }

  absl::Status DialTimeout() {
    const toml::node* node = table_.get("dial_timeout");
    if (node == nullptr) return absl::OkStatus();
    if (!node->is_string() || !ParseDuration(node->as_string()->get(), config_.dial_timeout_ms)) {
      return Bad(directory_, "dial_timeout is no duration such as \"30s\"");
    }
    return absl::OkStatus();
  }

  // A text or a list of texts.
  absl::Status Texts(const toml::node& node, const std::string& name,
                     std::vector<std::string>& out) {
    if (node.is_string()) {
      out.push_back(node.as_string()->get());
      return absl::OkStatus();
    }
    if (!node.is_array()) return Bad(directory_, absl::StrCat(name, " is neither text nor list"));
    for (const toml::node& entry : *node.as_array()) {
      if (!entry.is_string()) return Bad(directory_, absl::StrCat(name, " holds more than texts"));
      out.push_back(entry.as_string()->get());
    }
    return absl::OkStatus();
  }

  const toml::table& table_;
  const std::string& directory_;
  HostConfig config_;
  bool override_path_ = false;
};

// The tables of [host."url"] in the order of the file, which is the order of trying.
absl::Status ParseMirrors(const toml::table& file, const std::string& directory,
                          std::vector<HostConfig>& out) {
  const toml::node* hosts = file.get("host");
  if (hosts == nullptr) return absl::OkStatus();
  if (!hosts->is_table()) return Bad(directory, "host is not a table");
  std::vector<std::pair<std::string, const toml::table*>> mirrors;
  for (const auto& [url, node] : *hosts->as_table()) {
    if (!node.is_table()) {
      return Bad(directory, absl::StrCat("host.\"", std::string(url.str()), "\" is not a table"));
    }
    mirrors.emplace_back(url.str(), node.as_table());
  }
  std::stable_sort(mirrors.begin(), mirrors.end(), [](const auto& a, const auto& b) {
    return a.second->source().begin < b.second->source().begin;
  });
  for (const auto& [url, table] : mirrors) {
    FLOE_ASSIGN_OR_RETURN(HostConfig config, HostParser(*table, directory).Parse(url));
    if (config.host.empty()) return Bad(directory, "a host has an empty name");
    out.push_back(std::move(config));
  }
  return absl::OkStatus();
}

// Docker's layout: *.crt are authorities, *.cert with *.key are ours.
absl::StatusOr<HostConfig> CertificatesIn(const std::string& directory) {
  HostConfig config;
  std::error_code error;
  std::vector<std::string> names;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    names.push_back(it->path().filename().string());
  }
  if (error) return ErrnoStatus(error.value(), absl::StrCat("list ", directory));
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    const std::string path = absl::StrCat(directory, "/", name);
    if (absl::EndsWith(name, ".crt")) config.ca_files.push_back(path);
    if (!absl::EndsWith(name, ".cert") || !config.client_certificate.empty()) continue;
    config.client_certificate = path;
    const std::string key = absl::StrCat(path.substr(0, path.size() - 5), ".key");
    if (fs::exists(key, error)) config.client_key = key;
  }
  return config;
}

std::vector<std::string> DirectoriesFor(const std::string& hosts_dir, const std::string& host) {
  std::vector<std::string> paths;
  const size_t colon = host.rfind(':');
  if (colon != std::string::npos && colon > 0) {
    paths.push_back(
        absl::StrCat(hosts_dir, "/", host.substr(0, colon), "_", host.substr(colon + 1), "_"));
  }
  paths.push_back(absl::StrCat(hosts_dir, "/", host));
  paths.push_back(absl::StrCat(hosts_dir, "/_default"));
  return paths;
}

}  // namespace

absl::StatusOr<std::vector<HostConfig>> ParseHostsToml(absl::string_view text,
                                                       const std::string& directory) {
  if (const std::optional<TomlFault> fault = FaultBeforeParsing(text)) {
    return Bad(directory, absl::StrCat("line ", fault->line, ": ", fault->reason));
  }
  const toml::parse_result parsed = toml::parse(std::string_view(text.data(), text.size()));
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    return Bad(directory, absl::StrCat("line ", error.source().begin.line, ": ",
                                       std::string(error.description())));
  }
  const toml::table& file = parsed.table();
  std::vector<HostConfig> configs;
  FLOE_RETURN_IF_ERROR(ParseMirrors(file, directory, configs));
  std::string server;
  if (const toml::node* node = file.get("server")) {
    if (!node->is_string()) return Bad(directory, "server is not a text");
    server = node->as_string()->get();
  }
  FLOE_ASSIGN_OR_RETURN(HostConfig last, HostParser(file, directory).Parse(server));
  configs.push_back(std::move(last));
  return configs;
}

absl::StatusOr<std::vector<HostConfig>> LoadHostConfigs(const std::string& hosts_dir,
                                                        const std::string& host) {
  if (hosts_dir.empty()) return std::vector<HostConfig>(1);
  for (const std::string& directory : DirectoriesFor(hosts_dir, host)) {
    std::error_code error;
    if (!fs::is_directory(directory, error)) continue;
    const absl::StatusOr<Bytes> text =
        ReadWholeFile(absl::StrCat(directory, "/hosts.toml"), 1 << 20);
    if (text.ok()) return ParseHostsToml(AsText(*text), directory);
    if (!absl::IsNotFound(text.status())) return text.status();
    FLOE_ASSIGN_OR_RETURN(HostConfig config, CertificatesIn(directory));
    return std::vector<HostConfig>{std::move(config)};
  }
  return std::vector<HostConfig>(1);
}

}  // namespace floe::registry
