// SPDX-License-Identifier: Apache-2.0
#include "converter/source/layout_index.h"

#include <nlohmann/json.hpp>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "converter/image/digest.h"
#include "converter/image/json.h"
#include "converter/image/manifest.h"
#include "converter/image/media_types.h"

namespace floe::converter {
namespace {

constexpr char kContainerdName[] = "io.containerd.image.name";

bool IsCalled(const Descriptor& entry, const std::string& tag) {
  for (const char* annotation : {kRefNameAnnotation, kContainerdName}) {
    const auto it = entry.annotations.find(annotation);
    if (it != entry.annotations.end() && it->second == tag) return true;
  }
  return false;
}

std::string NamesIn(const ImageIndex& index) {
  std::vector<std::string> names;
  for (const Descriptor& entry : index.manifests) {
    for (const char* annotation : {kRefNameAnnotation, kContainerdName}) {
      const auto it = entry.annotations.find(annotation);
      if (it == entry.annotations.end()) continue;
      names.push_back(absl::StrCat("\"", it->second, "\""));
      break;
    }
  }
  return names.empty() ? "no names" : absl::StrJoin(names, ", ");
}

bool HasName(const Descriptor& entry) { return entry.annotations.count(kRefNameAnnotation) > 0; }

}  // namespace

absl::Status CheckLayoutVersion(ByteView text, absl::string_view name) {
  FLOE_ASSIGN_OR_RETURN(const nlohmann::json json,
                        ParseJsonObject(text, absl::StrCat(name, ": oci-layout")));
  FLOE_ASSIGN_OR_RETURN(const std::string version, StringMember(json, "imageLayoutVersion", name));
  if (absl::StartsWith(version, "1.")) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(name, ": OCI layout version \"", version,
                                                    "\" is not 1.x, which this floe knows"));
}

absl::StatusOr<Descriptor> PickFromLayout(ByteView index_json, const std::string& tag,
                                          absl::string_view name) {
  absl::StatusOr<ImageIndex> index = ParseIndex(index_json, kOciIndex);
  if (!index.ok()) return Annotate(index.status(), absl::StrCat(name, ": index.json"));
  std::vector<Descriptor> matches;
  for (const Descriptor& entry : index->manifests) {
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
                                        const Descriptor& top, absl::string_view name) {
  ImageIndex index;
  index.media_type = kOciIndex;
  if (!index_json.empty()) {
    absl::StatusOr<ImageIndex> old = ParseIndex(index_json, kOciIndex);
    if (!old.ok()) return Annotate(old.status(), absl::StrCat(name, ": index.json"));
    index = *std::move(old);
  }
  std::erase_if(index.manifests, [&](const Descriptor& entry) {
    return tag.empty() ? !HasName(entry) : IsCalled(entry, tag);
  });
  Descriptor entry = top;
  if (!tag.empty()) entry.annotations[kRefNameAnnotation] = tag;
  index.manifests.push_back(std::move(entry));
  return SerializeIndex(index);
}

std::string LayoutBlobPath(absl::string_view digest) {
  return absl::StrCat("blobs/sha256/", DigestHex(digest));
}

}  // namespace floe::converter
