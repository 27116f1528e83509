// SPDX-License-Identifier: Apache-2.0
// The image config: read as JSON, changed in the few places floe owns, everything else kept.
#pragma once

#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "oci/platform.h"

namespace floe::oci {

// One line of "history".
struct HistoryEntry {
  std::string created;  // RFC 3339, may be empty
  std::string created_by;
  std::string comment;
  bool empty_layer = false;
};

// A value; copying copies the document. Thread compatible.
class ImageConfig {
 public:
  // INVALID_ARGUMENT when it is no JSON object, when "rootfs" is not of layers, or a diff id is
  // malformed.
  static absl::StatusOr<ImageConfig> Parse(ByteView json);

  ImageConfig(const ImageConfig& other);
  ImageConfig& operator=(const ImageConfig& other);
  ImageConfig(ImageConfig&&) noexcept;
  ImageConfig& operator=(ImageConfig&&) noexcept;
  ~ImageConfig();

  Platform platform() const;
  std::vector<std::string> diff_ids() const;
  std::string created() const;
  std::map<std::string, std::string> labels() const;
  std::vector<HistoryEntry> history() const;

  void SetDiffIds(const std::vector<std::string>& diff_ids);
  void SetLabel(const std::string& name, const std::string& value);
  void RemoveLabel(const std::string& name);
  // Marks every entry of the history as one without a layer.
  void EmptyHistory();
  void AppendHistory(const HistoryEntry& entry);
  // Drops entries for which `created_by` is this text.
  void RemoveHistory(absl::string_view created_by);
  // Drops "config.Image" and "container_config", which name the image this was built from.
  void DropLegacyMembers();

  // Members sorted by name, so the same value gives the same bytes.
  std::string Serialize() const;

 private:
  explicit ImageConfig(std::unique_ptr<nlohmann::json> json);
  std::unique_ptr<nlohmann::json> json_;
};

}  // namespace floe::oci
