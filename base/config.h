// SPDX-License-Identifier: Apache-2.0
// The configuration file (TOML), read setting by setting into the options structs of the rooms.
// Every setting has a default; a setting nobody knows is an error, so that a typing mistake cannot
// go unnoticed.
//
//   FLOE_ASSIGN_OR_RETURN(Config config, Config::Load(path));
//   FLOE_RETURN_IF_ERROR(config.CheckSections(kConfigSections));
//   ConfigSection cache = config.Section("cache");
//   cache.Size("max_size", &options.max_bytes);
//   cache.Duration("timeout", &options.timeout);
//   FLOE_RETURN_IF_ERROR(cache.Finish());
//   FLOE_RETURN_IF_ERROR(options.Validate());
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"

namespace floe {

inline constexpr char kDefaultConfigPath[] = "/etc/floe/floe.toml";

// Top-level tables of floe.toml. All programs read the same file, each its own tables, so each
// knows the names of all.
inline const std::vector<std::string> kConfigSections = {
    "store",       "tiers",  "cache",  "keys",    "convert", "mount",
    "snapshotter", "fusefs", "keeper", "metrics", "log"};

namespace internal {
struct ConfigNode;
}

// One table of the file. A getter leaves its target alone when the setting is absent; what is wrong
// is remembered and told by Finish(), with file and line. Not thread safe; owns what it needs.
class ConfigSection {
 public:
  ~ConfigSection();
  ConfigSection(ConfigSection&&) noexcept;

  // True when the file has this table.
  bool present() const;

  void String(const std::string& key, std::string* out);
  void Strings(const std::string& key, std::vector<std::string>* out);
  void Bool(const std::string& key, bool* out);
  // An integer within [min, max].
  void Int(const std::string& key, int64_t min, int64_t max, int64_t* out);
  // A number within [min, max]; integers count.
  void Double(const std::string& key, double min, double max, double* out);
  // Bytes: an integer, or a string as ParseSize takes.
  void Size(const std::string& key, uint64_t* out);
  // A string as ParseDuration takes.
  void Duration(const std::string& key, std::chrono::milliseconds* out);
  // A table within this one: finish it too.
  ConfigSection Section(const std::string& key);

  // INVALID_ARGUMENT for the first setting of a wrong type or value, or one that no getter asked
  // for; the text names the file, the line, and the settings there are.
  absl::Status Finish();

 private:
  friend class Config;
  explicit ConfigSection(std::unique_ptr<internal::ConfigNode> node);
  std::unique_ptr<internal::ConfigNode> node_;
};

// A parsed file. Immutable, cheap to move.
class Config {
 public:
  // A missing file is an empty configuration only where `path` is kDefaultConfigPath; another path
  // was asked for, so it is NOT_FOUND. INVALID_ARGUMENT for bad TOML, with line and column.
  static absl::StatusOr<Config> Load(const std::string& path);
  // `name` stands for the file in errors.
  static absl::StatusOr<Config> Parse(absl::string_view text, const std::string& name);
  Config() = default;  // empty

  ConfigSection Section(const std::string& name) const;
  // INVALID_ARGUMENT for a top-level entry that is no table or not in `known`.
  absl::Status CheckSections(const std::vector<std::string>& known) const;

 private:
  std::shared_ptr<const internal::ConfigNode> root_;
};

// "512", "64 KiB", "1.5GiB", "10 GB": bytes. INVALID_ARGUMENT says what is accepted.
absl::StatusOr<uint64_t> ParseSize(absl::string_view text);
// "250ms", "30s", "5m", "2h", "1h30m". INVALID_ARGUMENT says what is accepted.
absl::StatusOr<std::chrono::milliseconds> ParseDuration(absl::string_view text);

}  // namespace floe
