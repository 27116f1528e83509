// SPDX-License-Identifier: Apache-2.0
#include "base/config.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "base/config_toml.h"
#include "base/file.h"

namespace floe {

namespace internal {

struct ConfigNode {
  std::shared_ptr<const toml::table> document;  // keeps `table` alive
  const toml::table* table = nullptr;           // nullptr: not in the file
  std::string file;
  std::string path;  // "fusefs.cache"; empty for the root
  std::vector<std::string> known;
  absl::Status error;

  std::string Full(absl::string_view key) const {
    return path.empty() ? std::string(key) : absl::StrCat(path, ".", key);
  }
  absl::Status ErrorAt(const toml::node& node, absl::string_view what) const {
    return absl::InvalidArgumentError(
        absl::StrCat(file, ":", node.source().begin.line, ": ", what));
  }
  // The setting, or nullptr; remembers that it is known.
  const toml::node* Find(const std::string& key) {
    known.push_back(key);
    return table == nullptr ? nullptr : table->get(key);
  }
  void Fail(const toml::node& node, const std::string& key, absl::string_view expected) {
    if (error.ok()) error = ErrorAt(node, absl::StrCat(Full(key), " must be ", expected));
  }
};

}  // namespace internal

namespace {

constexpr uint64_t kMaxConfigBytes = 1 << 20;

struct Unit {
  absl::string_view name;
  double factor;
};
constexpr Unit kSizeUnits[] = {{"", 1},
                               {"B", 1},
                               {"KiB", 1024.0},
                               {"MiB", 1024.0 * 1024},
                               {"GiB", 1024.0 * 1024 * 1024},
                               {"TiB", 1024.0 * 1024 * 1024 * 1024},
                               {"kB", 1e3},
                               {"KB", 1e3},
                               {"MB", 1e6},
                               {"GB", 1e9},
                               {"TB", 1e12}};
constexpr char kSizeForm[] = "a size in bytes such as 1048576, \"512 MiB\" or \"10 GB\"";
constexpr char kDurationForm[] = "a duration such as \"250ms\", \"30s\", \"5m\" or \"1h30m\"";

}  // namespace

absl::StatusOr<uint64_t> ParseSize(absl::string_view text) {
  const size_t end = text.find_first_not_of("0123456789.");
  const std::string number(text.substr(0, end));
  absl::string_view unit = end == absl::string_view::npos ? "" : text.substr(end);
  while (!unit.empty() && unit.front() == ' ') unit.remove_prefix(1);
  char* rest = nullptr;
  const double value = std::strtod(number.c_str(), &rest);
  const bool is_number = !number.empty() && *rest == 0;
  for (const Unit& candidate : kSizeUnits) {
    if (!is_number || unit != candidate.name) continue;
    const double bytes = value * candidate.factor;
    if (bytes > 9e18) break;
    return static_cast<uint64_t>(std::llround(bytes));
  }
  return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" is not ", kSizeForm));
}

absl::StatusOr<std::chrono::milliseconds> ParseDuration(absl::string_view text) {
  absl::Duration duration;
  if (!absl::ParseDuration(text, &duration) || duration < absl::ZeroDuration() ||
      duration == absl::InfiniteDuration()) {
    return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" is not ", kDurationForm));
  }
  return absl::ToChronoMilliseconds(duration);
}

ConfigSection::ConfigSection(std::unique_ptr<internal::ConfigNode> node) : node_(std::move(node)) {}
ConfigSection::ConfigSection(ConfigSection&&) noexcept = default;
ConfigSection::~ConfigSection() = default;

bool ConfigSection::present() const { return node_->table != nullptr; }

void ConfigSection::String(const std::string& key, std::string* out) {
  const toml::node* node = node_->Find(key);
  if (node == nullptr) return;
  if (!node->is_string()) return node_->Fail(*node, key, "a string");
  *out = node->as_string()->get();
}

void ConfigSection::Strings(const std::string& key, std::vector<std::string>* out) {
  const toml::node* node = node_->Find(key);
  if (node == nullptr) return;
  if (!node->is_array()) return node_->Fail(*node, key, "an array of strings");
  std::vector<std::string> values;
  for (const toml::node& element : *node->as_array()) {
    if (!element.is_string()) return node_->Fail(element, key, "an array of strings");
    values.push_back(element.as_string()->get());
  }
  *out = std::move(values);
}

void ConfigSection::Bool(const std::string& key, bool* out) {
  const toml::node* node = node_->Find(key);
  if (node == nullptr) return;
  if (!node->is_boolean()) return node_->Fail(*node, key, "true or false");
  *out = node->as_boolean()->get();
}

void ConfigSection::Int(const std::string& key, int64_t min, int64_t max, int64_t* out) {
  const toml::node* node = node_->Find(key);
  if (node == nullptr) return;
  const toml::value<int64_t>* value = node->as_integer();
  if (value == nullptr || value->get() < min || value->get() > max) {
    return node_->Fail(*node, key, absl::StrCat("an integer from ", min, " to ", max));
  }
  *out = value->get();
}

void ConfigSection::Double(const std::string& key, double min, double max, double* out) {
  const toml::node* node = node_->Find(key);
  if (node == nullptr) return;
  const std::optional<double> value = node->value<double>();
  if (!node->is_number() || !value || !(*value >= min && *value <= max)) {
    return node_->Fail(*node, key, absl::StrCat("a number from ", min, " to ", max));
  }
  *out = *value;
}

void ConfigSection::Size(const std::string& key, uint64_t* out) {
  const toml::node* node = node_->Find(key);
  if (node == nullptr) return;
  if (node->is_integer() && node->as_integer()->get() >= 0) {
    *out = static_cast<uint64_t>(node->as_integer()->get());
    return;
  }
  if (!node->is_string()) return node_->Fail(*node, key, kSizeForm);
  const auto size = ParseSize(node->as_string()->get());
  if (!size.ok()) return node_->Fail(*node, key, kSizeForm);
  *out = *size;
}

void ConfigSection::Duration(const std::string& key, std::chrono::milliseconds* out) {
  const toml::node* node = node_->Find(key);
  if (node == nullptr) return;
  if (!node->is_string()) return node_->Fail(*node, key, kDurationForm);
  const auto duration = ParseDuration(node->as_string()->get());
  if (!duration.ok()) return node_->Fail(*node, key, kDurationForm);
  *out = *duration;
}

ConfigSection ConfigSection::Section(const std::string& key) {
  const toml::node* node = node_->Find(key);
  auto child = std::make_unique<internal::ConfigNode>();
  child->document = node_->document;
  child->file = node_->file;
  child->path = node_->Full(key);
  if (node != nullptr && !node->is_table()) node_->Fail(*node, key, "a table");
  if (node != nullptr) child->table = node->as_table();
  return ConfigSection(std::move(child));
}

absl::Status ConfigSection::Finish() {
  FLOE_RETURN_IF_ERROR(node_->error);
  if (node_->table == nullptr) return absl::OkStatus();
  for (const auto& [key, value] : *node_->table) {
    const std::string name(key.str());
    if (std::find(node_->known.begin(), node_->known.end(), name) != node_->known.end()) continue;
    return node_->ErrorAt(value,
                          absl::StrCat("unknown setting ", node_->Full(name),
                                       "; settings here: ", absl::StrJoin(node_->known, ", ")));
  }
  return absl::OkStatus();
}

absl::StatusOr<Config> Config::Load(const std::string& path) {
  const auto bytes = ReadWholeFile(path, kMaxConfigBytes);
  if (absl::IsNotFound(bytes.status())) {
    if (path == kDefaultConfigPath) return Config();
    return absl::NotFoundError(absl::StrCat("configuration file ", path, " does not exist"));
  }
  FLOE_RETURN_IF_ERROR(Annotate(bytes.status(), "configuration file"));
  return Parse(AsText(*bytes), path);
}

absl::StatusOr<Config> Config::Parse(absl::string_view text, const std::string& name) {
  if (const std::optional<TomlFault> fault = FaultBeforeParsing(text)) {
    return absl::InvalidArgumentError(absl::StrCat(name, ":", fault->line, ": ", fault->reason));
  }
  toml::parse_result parsed = toml::parse(std::string_view(text.data(), text.size()), name);
  if (!parsed) {
    const toml::source_position at = parsed.error().source().begin;
    return absl::InvalidArgumentError(
        absl::StrCat(name, ":", at.line, ":", at.column, ": ",
                     absl::string_view(parsed.error().description().data(),
                                       parsed.error().description().size())));
  }
  auto root = std::make_shared<internal::ConfigNode>();
  root->document = std::make_shared<const toml::table>(std::move(parsed).table());
  root->table = root->document.get();
  root->file = name;
  Config config;
  config.root_ = std::move(root);
  return config;
}

ConfigSection Config::Section(const std::string& name) const {
  if (root_ == nullptr) return ConfigSection(std::make_unique<internal::ConfigNode>());
  return ConfigSection(std::make_unique<internal::ConfigNode>(*root_)).Section(name);
}

absl::Status Config::CheckSections(const std::vector<std::string>& known) const {
  if (root_ == nullptr) return absl::OkStatus();
  for (const auto& [key, value] : *root_->table) {
    const std::string name(key.str());
    if (!value.is_table()) {
      return root_->ErrorAt(
          value, absl::StrCat(name, " is in no table; tables here: ", absl::StrJoin(known, ", ")));
    }
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      return root_->ErrorAt(
          value, absl::StrCat("unknown table [", name, "]; tables: ", absl::StrJoin(known, ", ")));
    }
  }
  return absl::OkStatus();
}

}  // namespace floe
