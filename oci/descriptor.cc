// SPDX-License-Identifier: Apache-2.0
#include "oci/descriptor.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "oci/digest.h"
#include "oci/json.h"

namespace floe::oci {
namespace {

absl::StatusOr<std::optional<Platform>> PlatformMember(const nlohmann::json& json,
                                                       absl::string_view what) {
  const auto it = json.find("platform");
  if (it == json.end() || it->is_null()) return std::optional<Platform>();
  if (!it->is_object()) {
    return absl::InvalidArgumentError(absl::StrCat(what, ": \"platform\" is not an object"));
  }
  Platform platform;
  FLOE_ASSIGN_OR_RETURN(platform.os, StringMember(*it, "os", what));
  FLOE_ASSIGN_OR_RETURN(platform.architecture, StringMember(*it, "architecture", what));
  FLOE_ASSIGN_OR_RETURN(platform.variant, StringMember(*it, "variant", what));
  FLOE_ASSIGN_OR_RETURN(platform.os_version, StringMember(*it, "os.version", what));
  return std::optional<Platform>(platform);
}

nlohmann::json PlatformToJson(const Platform& platform) {
  nlohmann::json json = {{"os", platform.os}, {"architecture", platform.architecture}};
  if (!platform.variant.empty()) json["variant"] = platform.variant;
  if (!platform.os_version.empty()) json["os.version"] = platform.os_version;
  return json;
}

}  // namespace

absl::StatusOr<Descriptor> DescriptorFromJson(const nlohmann::json& json, absl::string_view what) {
  if (!json.is_object()) {
    return absl::InvalidArgumentError(absl::StrCat(what, ": a descriptor is not an object"));
  }
  Descriptor descriptor;
  FLOE_ASSIGN_OR_RETURN(descriptor.media_type, StringMember(json, "mediaType", what));
  FLOE_ASSIGN_OR_RETURN(descriptor.digest, StringMember(json, "digest", what));
  FLOE_RETURN_IF_ERROR(CheckDigest(descriptor.digest, what));
  FLOE_ASSIGN_OR_RETURN(descriptor.size, SizeMember(json, "size", what));
  FLOE_ASSIGN_OR_RETURN(descriptor.annotations, StringMapMember(json, "annotations", what));
  FLOE_ASSIGN_OR_RETURN(descriptor.platform, PlatformMember(json, what));
  FLOE_ASSIGN_OR_RETURN(descriptor.artifact_type, StringMember(json, "artifactType", what));
  descriptor.other = OtherMembers(
      json, {"mediaType", "digest", "size", "annotations", "platform", "artifactType"});
  return descriptor;
}

nlohmann::json ToJson(const Descriptor& descriptor) {
  nlohmann::json json = {{"mediaType", descriptor.media_type},
                         {"digest", descriptor.digest},
                         {"size", descriptor.size}};
  if (!descriptor.annotations.empty()) json["annotations"] = descriptor.annotations;
  if (descriptor.platform) json["platform"] = PlatformToJson(*descriptor.platform);
  if (!descriptor.artifact_type.empty()) json["artifactType"] = descriptor.artifact_type;
  MergeOtherMembers(descriptor.other, json);
  return json;
}

Descriptor DescribeBytes(absl::string_view media_type, ByteView bytes) {
  Descriptor descriptor;
  descriptor.media_type = std::string(media_type);
  descriptor.digest = DigestOf(bytes);
  descriptor.size = bytes.size();
  return descriptor;
}

}  // namespace floe::oci
