// SPDX-License-Identifier: Apache-2.0
#include "converter/source/layout_index.h"

#include <nlohmann/json.hpp>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "oci/digest.h"
#include "oci/json.h"
#include "oci/manifest.h"
#include "oci/media_types.h"

namespace floe::converter {
namespace {

constexpr char kContainerdName[] = "io.containerd.image.name";

bool IsCalled(const oci::Descriptor& entry, const std::string& tag) {
  for (const char* annotation : {kRefNameAnnotation, kContainerdName}) {
    const auto it = entry.annotations.find(annotation);
    if (it != entry.annotations.end() && it->second == tag) return true;
  }
  return false;
}

std::string NamesIn(const oci::ImageIndex& index) {
  std::vector<std::string> names;
  for (const oci::Descriptor& entry : index.manifests) {
    for (const char* annotation : {kRefNameAnnotation, kContainerdName}) {
      const auto it = entry.annotations.find(annotation);
      if (it == entry.annotations.end()) continue;
      names.push_back(absl::StrCat("\"", it->second, "\""));
      break;
    }
  }
  return names.empty() ? "no names" : absl::StrJoin(names, ", ");
}

bool HasName(const oci::Descriptor& entry) {
  return entry.annotations.count(kRefNameAnnotation) > 0;
}

}  // namespace

absl::Status CheckLayoutVersion(ByteView text, absl::string_view name) {
  FLOE_ASSIGN_OR_RETURN(const nlohmann::json json,
                        oci::ParseJsonObject(text, absl::StrCat(name, ": oci-layout")));
  FLOE_ASSIGN_OR_RETURN(const std::string version,
                        oci::StringMember(json, "imageLayoutVersion", name));
  if (absl::StartsWith(version, "1.")) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(name, ": OCI layout version \"", version,
                                                    "\" is not 1.x, which this floe knows"));
}

absl::StatusOr<oci::Descriptor> PickFromLayout(ByteView index_json, const std::string& tag,
                                               absl::string_view name) {
  absl::StatusOr<oci::ImageIndex> index = oci::ParseIndex(index_json, oci::kOciIndex);
  if (!index.ok()) return Annotate(index.status(), absl::StrCat(name, ": index.json"));
  std::vector<oci::Descriptor> matches;
  for (const oci::Descriptor& entry : index->manifests) {
    if (tag.empty() || IsCalled(entry, tag)) matches.push_back(entry);
  }
  if (matches.size() == 1) return matches[0];
  const std::string names = NamesIn(*index);
  if (!matches.empty() && tag.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, ": holds ", matches.size(),
                     " images; choose one by its name after a colon, there are: ", names));
  }
  if (!matches.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, ": \"", tag, "\" names ", matches.size(), " different images"));
  }
  if (tag.empty()) return absl::NotFoundError(absl::StrCat(name, ": holds no image"));
  return absl::NotFoundError(
      absl::StrCat(name, ": no image called \"", tag, "\"; there are: ", names));
}

absl::StatusOr<std::string> AddToLayout(ByteView index_json, const std::string& tag,
                                        const oci::Descriptor& top, absl::string_view name) {
  oci::ImageIndex index;
  index.media_type = oci::kOciIndex;
  if (!index_json.empty()) {
    absl::StatusOr<oci::ImageIndex> old = oci::ParseIndex(index_json, oci::kOciIndex);
    if (!old.ok()) return Annotate(old.status(), absl::StrCat(name, ": index.json"));
    index = *std::move(old);
  }
  std::erase_if(index.manifests, [&](const oci::Descriptor& entry) {
    return tag.empty() ? !HasName(entry) : IsCalled(entry, tag);
  });
  oci::Descriptor entry = top;
  if (!tag.empty()) entry.annotations[kRefNameAnnotation] = tag;
  index.manifests.push_back(std::move(entry));
  return oci::SerializeIndex(index);
}

std::string LayoutBlobPath(absl::string_view digest) {
  return absl::StrCat("blobs/sha256/", oci::DigestHex(digest));
}

}  // namespace floe::converter
