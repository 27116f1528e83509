// SPDX-License-Identifier: Apache-2.0
#include "oci/manifest.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "oci/json.h"
#include "oci/media_types.h"

namespace floe::oci {
namespace {

const std::set<std::string> kManifestMembers = {
    "schemaVersion", "mediaType", "config", "layers", "annotations", "subject", "artifactType"};
const std::set<std::string> kIndexMembers = {"schemaVersion", "mediaType", "manifests",
                                             "annotations",   "subject",   "artifactType"};

absl::Status RefuseSchema1() {
  return absl::FailedPreconditionError(
      "the image has a Docker schema 1 manifest, which is obsolete and which floe does not read; "
      "pull and push it once with a current Docker or skopeo (skopeo copy --format v2s2) and "
      "convert that");
}

absl::StatusOr<std::vector<Descriptor>> Descriptors(const nlohmann::json& json, const char* name,
                                                    size_t max, absl::string_view what) {
  std::vector<Descriptor> list;
  FLOE_ASSIGN_OR_RETURN(const nlohmann::json* array, ArrayMember(json, name, what));
  if (array == nullptr) return list;
  if (array->size() > max) {
    return absl::InvalidArgumentError(absl::StrCat(what, ": ", array->size(), " ", name,
                                                   ", more than the ", max, " that floe accepts"));
  }
  for (const nlohmann::json& entry : *array) {
    FLOE_ASSIGN_OR_RETURN(Descriptor descriptor, DescriptorFromJson(entry, what));
    list.push_back(std::move(descriptor));
  }
  return list;
}

absl::StatusOr<std::optional<Descriptor>> Subject(const nlohmann::json& json,
                                                  absl::string_view what) {
  const auto it = json.find("subject");
  if (it == json.end() || it->is_null()) return std::optional<Descriptor>();
  FLOE_ASSIGN_OR_RETURN(Descriptor descriptor, DescriptorFromJson(*it, what));
  return std::optional<Descriptor>(std::move(descriptor));
}

// What manifest and index share.
template <typename T>
absl::Status ReadCommon(const nlohmann::json& json, absl::string_view what,
                        const std::set<std::string>& members, T& document) {
  FLOE_ASSIGN_OR_RETURN(document.annotations, StringMapMember(json, "annotations", what));
  FLOE_ASSIGN_OR_RETURN(document.subject, Subject(json, what));
  FLOE_ASSIGN_OR_RETURN(document.artifact_type, StringMember(json, "artifactType", what));
  document.other = OtherMembers(json, members);
  return absl::OkStatus();
}

template <typename T>
nlohmann::json CommonJson(const T& document) {
  nlohmann::json json = {{"schemaVersion", 2}, {"mediaType", document.media_type}};
  if (!document.annotations.empty()) json["annotations"] = document.annotations;
  if (document.subject) json["subject"] = ToJson(*document.subject);
  if (!document.artifact_type.empty()) json["artifactType"] = document.artifact_type;
  MergeOtherMembers(document.other, json);
  return json;
}

nlohmann::json ListJson(const std::vector<Descriptor>& list) {
  nlohmann::json array = nlohmann::json::array();
  for (const Descriptor& descriptor : list) array.push_back(ToJson(descriptor));
  return array;
}

// Documents written before "mediaType" was usual are told apart by their members.
absl::StatusOr<std::string> TypeByMembers(const nlohmann::json& json) {
  if (json.contains("manifests")) return std::string(kOciIndex);
  if (json.contains("layers") && json.contains("config")) {
    FLOE_ASSIGN_OR_RETURN(const std::string config,
                          StringMember(json["config"], "mediaType", "manifest"));
    return std::string(config == kDockerConfig ? kDockerManifest : kOciManifest);
  }
  if (json.contains("fsLayers")) return std::string(kDockerSchema1);
  return absl::InvalidArgumentError(
      "what the name points to is neither an image manifest nor an index");
}

absl::StatusOr<std::string> TypeOf(const nlohmann::json& json, absl::string_view media_type) {
  FLOE_ASSIGN_OR_RETURN(const std::string own, StringMember(json, "mediaType", "manifest"));
  const auto known = [](absl::string_view type) {
    return IsIndex(type) || IsManifest(type) || IsSchema1(type);
  };
  const std::string given(media_type.substr(0, media_type.find(';')));
  if (!own.empty() && !known(own)) {
    return absl::InvalidArgumentError(
        absl::StrCat("media type \"", own,
                     "\" is no image that floe knows (OCI or Docker schema 2 images and "
                     "indexes are)"));
  }
  if (!own.empty() && known(given) && own != given && !(IsSchema1(own) && IsSchema1(given))) {
    return absl::InvalidArgumentError(
        absl::StrCat("the manifest says it is ", own, ", but it was announced as ", given));
  }
  if (!own.empty()) return own;
  if (known(given)) return given;
  if (!given.empty() && given != "application/json" && given != "application/octet-stream" &&
      given != "text/plain") {
    return absl::InvalidArgumentError(
        absl::StrCat("media type \"", given, "\" is no image that floe knows"));
  }
  return TypeByMembers(json);
}

}  // namespace

absl::StatusOr<std::string> DocumentType(ByteView text, absl::string_view media_type) {
  FLOE_ASSIGN_OR_RETURN(const nlohmann::json json, ParseJsonObject(text, "manifest"));
  return TypeOf(json, media_type);
}

absl::StatusOr<ImageManifest> ParseManifest(ByteView text, absl::string_view media_type) {
  constexpr char kWhat[] = "image manifest";
  FLOE_ASSIGN_OR_RETURN(const nlohmann::json json, ParseJsonObject(text, kWhat));
  ImageManifest manifest;
  FLOE_ASSIGN_OR_RETURN(manifest.media_type, TypeOf(json, media_type));
  if (IsSchema1(manifest.media_type)) return RefuseSchema1();
  // A document that is both would let two readers see two images.
  if (!IsManifest(manifest.media_type) || json.contains("manifests") || json.contains("fsLayers")) {
    return absl::InvalidArgumentError(absl::StrCat(kWhat, ": it is no image manifest"));
  }
  const auto config = json.find("config");
  if (config == json.end()) {
    return absl::InvalidArgumentError(absl::StrCat(kWhat, ": \"config\" is missing"));
  }
  FLOE_ASSIGN_OR_RETURN(manifest.config, DescriptorFromJson(*config, kWhat));
  FLOE_ASSIGN_OR_RETURN(manifest.layers, Descriptors(json, "layers", kMaxLayers, kWhat));
  FLOE_RETURN_IF_ERROR(ReadCommon(json, kWhat, kManifestMembers, manifest));
  return manifest;
}

absl::StatusOr<ImageIndex> ParseIndex(ByteView text, absl::string_view media_type) {
  constexpr char kWhat[] = "image index";
  FLOE_ASSIGN_OR_RETURN(const nlohmann::json json, ParseJsonObject(text, kWhat));
  ImageIndex index;
  FLOE_ASSIGN_OR_RETURN(index.media_type, TypeOf(json, media_type));
  if (IsSchema1(index.media_type)) return RefuseSchema1();
  if (!IsIndex(index.media_type) || json.contains("layers") || json.contains("fsLayers")) {
    return absl::InvalidArgumentError(absl::StrCat(kWhat, ": it is no image index"));
  }
  FLOE_ASSIGN_OR_RETURN(index.manifests, Descriptors(json, "manifests", kMaxIndexEntries, kWhat));
  FLOE_RETURN_IF_ERROR(ReadCommon(json, kWhat, kIndexMembers, index));
  return index;
}

std::string SerializeManifest(const ImageManifest& manifest) {
  nlohmann::json json = CommonJson(manifest);
  json["config"] = ToJson(manifest.config);
  json["layers"] = ListJson(manifest.layers);
  return json.dump();
}

std::string SerializeIndex(const ImageIndex& index) {
  nlohmann::json json = CommonJson(index);
  json["manifests"] = ListJson(index.manifests);
  return json.dump();
}

}  // namespace floe::oci
