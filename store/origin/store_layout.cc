// SPDX-License-Identifier: Apache-2.0
#include "store/origin/store_layout.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace floe::store {
namespace {

template <typename D>
std::optional<D> DigestOfName(absl::string_view name) {
  const size_t slash = name.rfind('/');
  if (slash == absl::string_view::npos) return std::nullopt;
  return D::FromHex(name.substr(slash + 1));
}

}  // namespace

std::string LogEntryName(uint64_t seq) { return absl::StrFormat("log/%010d", seq); }

std::string ChunkPrefix(const RootId& root) { return absl::StrCat("r/", ToHex(root), "/c/"); }

std::string ChunkName(const RootId& root, const ChunkId& id) {
  const std::string hex = id.ToHex();
  return absl::StrCat(ChunkPrefix(root), hex.substr(0, 2), "/", hex);
}

std::string RecordPrefix(const RootId& root) { return absl::StrCat("r/", ToHex(root), "/m/"); }

std::string RecordName(const RootId& root, const ManifestId& id) {
  return absl::StrCat(RecordPrefix(root), id.ToHex());
}

std::string ConversionName(const ConversionId& id) { return absl::StrCat("x/", id.ToHex()); }

std::optional<ChunkId> ChunkIdOfName(absl::string_view name) {
  const std::optional<ChunkId> id = DigestOfName<ChunkId>(name);
  // .../<hh>/<id>: anything else was not put by floe.
  if (!id || name.size() < 67 ||
      name.substr(name.size() - 67, 2) != name.substr(name.size() - 64, 2))
    return std::nullopt;
  return id;
}

std::optional<ManifestId> ManifestIdOfName(absl::string_view name) {
  return DigestOfName<ManifestId>(name);
}

}  // namespace floe::store
