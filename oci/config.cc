// SPDX-License-Identifier: Apache-2.0
#include "oci/config.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "oci/digest.h"
#include "oci/json.h"

namespace floe::oci {
namespace {

constexpr char kImageConfig[] = "image config";

absl::Status CheckRootfs(const nlohmann::json& json) {
  const auto rootfs = json.find("rootfs");
  if (rootfs == json.end() || !rootfs->is_object()) {
    return absl::InvalidArgumentError(absl::StrCat(kImageConfig, ": \"rootfs\" is missing"));
  }
  FLOE_ASSIGN_OR_RETURN(const std::string type, StringMember(*rootfs, "type", kImageConfig));
  if (type != "layers") {
    return absl::InvalidArgumentError(
        absl::StrCat(kImageConfig, ": rootfs type \"", type, "\" is not \"layers\""));
  }
  FLOE_ASSIGN_OR_RETURN(const nlohmann::json* ids, ArrayMember(*rootfs, "diff_ids", kImageConfig));
  if (ids == nullptr) return absl::OkStatus();
  for (const nlohmann::json& id : *ids) {
    if (!id.is_string()) {
      return absl::InvalidArgumentError(absl::StrCat(kImageConfig, ": a diff id is not a text"));
    }
    FLOE_RETURN_IF_ERROR(CheckDigest(id.get<std::string>(), "image config: diff id"));
  }
  return absl::OkStatus();
}

absl::Status CheckHistory(const nlohmann::json& json) {
  FLOE_ASSIGN_OR_RETURN(const nlohmann::json* history, ArrayMember(json, "history", kImageConfig));
  if (history == nullptr) return absl::OkStatus();
  for (const nlohmann::json& entry : *history) {
    if (!entry.is_object()) {
      return absl::InvalidArgumentError(
          absl::StrCat(kImageConfig, ": an entry of \"history\" is not an object"));
    }
    for (const char* name : {"created", "created_by", "comment"}) {
      FLOE_RETURN_IF_ERROR(StringMember(entry, name, "image config: history"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckMembers(const nlohmann::json& json) {
  for (const char* name : {"os", "architecture", "variant", "os.version", "created"}) {
    FLOE_RETURN_IF_ERROR(StringMember(json, name, kImageConfig));
  }
  const auto config = json.find("config");
  if (config == json.end() || config->is_null()) return absl::OkStatus();
  if (!config->is_object()) {
    return absl::InvalidArgumentError(absl::StrCat(kImageConfig, ": \"config\" is not an object"));
  }
  return StringMapMember(*config, "Labels", kImageConfig).status();
}

// For members that Parse has checked.
std::string Text(const nlohmann::json& json, const char* name) {
  return StringMember(json, name, kImageConfig).value_or("");
}

}  // namespace

ImageConfig::ImageConfig(std::unique_ptr<nlohmann::json> json) : json_(std::move(json)) {}
ImageConfig::ImageConfig(const ImageConfig& other)
    : json_(std::make_unique<nlohmann::json>(*other.json_)) {}
ImageConfig& ImageConfig::operator=(const ImageConfig& other) {
  if (this != &other) json_ = std::make_unique<nlohmann::json>(*other.json_);
  return *this;
}
ImageConfig::ImageConfig(ImageConfig&&) noexcept = default;
ImageConfig& ImageConfig::operator=(ImageConfig&&) noexcept = default;
ImageConfig::~ImageConfig() = default;

absl::StatusOr<ImageConfig> ImageConfig::Parse(ByteView text) {
  FLOE_ASSIGN_OR_RETURN(nlohmann::json json, ParseJsonObject(text, kImageConfig));
  FLOE_RETURN_IF_ERROR(CheckRootfs(json));
  FLOE_RETURN_IF_ERROR(CheckHistory(json));
  FLOE_RETURN_IF_ERROR(CheckMembers(json));
  return ImageConfig(std::make_unique<nlohmann::json>(std::move(json)));
}

Platform ImageConfig::platform() const {
  return {Text(*json_, "os"), Text(*json_, "architecture"), Text(*json_, "variant"),
          Text(*json_, "os.version")};
}

std::vector<std::string> ImageConfig::diff_ids() const {
  const nlohmann::json& rootfs = (*json_)["rootfs"];
  const auto ids = rootfs.find("diff_ids");
  if (ids == rootfs.end() || ids->is_null()) return {};
  return ids->get<std::vector<std::string>>();
}

std::string ImageConfig::created() const { return Text(*json_, "created"); }

std::map<std::string, std::string> ImageConfig::labels() const {
  const auto config = json_->find("config");
  if (config == json_->end()) return {};
  return StringMapMember(*config, "Labels", kImageConfig)
      .value_or(std::map<std::string, std::string>());
}

std::vector<HistoryEntry> ImageConfig::history() const {
  std::vector<HistoryEntry> entries;
  const auto history = json_->find("history");
  if (history == json_->end() || history->is_null()) return entries;
  for (const nlohmann::json& entry : *history) {
    const auto empty = entry.find("empty_layer");
    entries.push_back({Text(entry, "created"), Text(entry, "created_by"), Text(entry, "comment"),
                       empty != entry.end() && *empty == true});
  }
  return entries;
}

void ImageConfig::SetDiffIds(const std::vector<std::string>& diff_ids) {
  (*json_)["rootfs"]["diff_ids"] = diff_ids;
}

void ImageConfig::SetLabel(const std::string& name, const std::string& value) {
  nlohmann::json& config = (*json_)["config"];  // operator[] turns null into an object
  config["Labels"][name] = value;
}

void ImageConfig::RemoveLabel(const std::string& name) {
  const auto config = json_->find("config");
  if (config == json_->end() || !config->is_object()) return;
  const auto labels = config->find("Labels");
  if (labels == config->end() || !labels->is_object()) return;
  labels->erase(name);
  if (labels->empty()) config->erase("Labels");
}

void ImageConfig::EmptyHistory() {
  const auto history = json_->find("history");
  if (history == json_->end() || history->is_null()) return;
  for (nlohmann::json& entry : *history) entry["empty_layer"] = true;
}

void ImageConfig::AppendHistory(const HistoryEntry& entry) {
  nlohmann::json json = nlohmann::json::object();
  if (!entry.created.empty()) json["created"] = entry.created;
  if (!entry.created_by.empty()) json["created_by"] = entry.created_by;
  if (!entry.comment.empty()) json["comment"] = entry.comment;
  if (entry.empty_layer) json["empty_layer"] = true;
  (*json_)["history"].push_back(std::move(json));
}

void ImageConfig::RemoveHistory(absl::string_view created_by) {
  const auto history = json_->find("history");
  if (history == json_->end() || history->is_null()) return;
  nlohmann::json kept = nlohmann::json::array();
  for (nlohmann::json& entry : *history) {
    if (Text(entry, "created_by") != created_by) kept.push_back(std::move(entry));
  }
  *history = std::move(kept);
}

void ImageConfig::DropLegacyMembers() {
  json_->erase("container_config");
  json_->erase("container");
  json_->erase("parent");
  json_->erase("id");
  const auto config = json_->find("config");
  if (config != json_->end() && config->is_object()) config->erase("Image");
}

std::string ImageConfig::Serialize() const { return json_->dump(); }

}  // namespace floe::oci
