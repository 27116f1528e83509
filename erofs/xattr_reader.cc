// SPDX-License-Identifier: Apache-2.0
#include "erofs/xattr_reader.h"

#include "absl/strings/str_cat.h"
#include "erofs/damaged.h"
#include "erofs/ondisk.h"
#include "erofs/xattr_layout.h"

namespace floe::erofs {
namespace {

// Takes one entry from the front of `bytes`.
absl::StatusOr<std::pair<std::string, std::string>> TakeEntry(ByteView& bytes) {
  XattrEntry head;
  if (bytes.size() < sizeof(head)) return Damaged("an xattr ends too early");
  std::memcpy(&head, bytes.data(), sizeof(head));
  const size_t used = sizeof(head) + head.name_length + head.value_size;
  const absl::string_view prefix = XattrPrefix(head.name_index);
  if (used > bytes.size()) return Damaged("an xattr is longer than its place");
  if (prefix.empty()) return Damaged(absl::StrCat("xattr prefix ", head.name_index));
  const absl::string_view text = AsText(bytes.subspan(sizeof(head), used - sizeof(head)));
  bytes = bytes.subspan(std::min(bytes.size(), (used + 3) / 4 * 4));
  return std::pair<std::string, std::string>(absl::StrCat(prefix, text.substr(0, head.name_length)),
                                             std::string(text.substr(head.name_length)));
}

}  // namespace

absl::StatusOr<Xattrs> ReadXattrs(MetadataCache& cache, uint64_t offset, uint16_t count,
                                  uint64_t shared_start) {
  const uint64_t size = sizeof(XattrHeader) + 4 * (uint64_t{count} - 1);
  FLOE_ASSIGN_OR_RETURN(const Bytes body, cache.Get(offset, size));
  XattrHeader header;
  std::memcpy(&header, body.data(), sizeof(header));
  ByteView rest = ByteView(body).subspan(sizeof(header));
  if (size_t{header.shared_count} * 4 > rest.size()) return Damaged("too many shared xattrs");
  Xattrs xattrs;
  for (size_t i = 0; i < header.shared_count; ++i, rest = rest.subspan(4)) {
    uint32_t id = 0;
    std::memcpy(&id, rest.data(), sizeof(id));
    const uint64_t place = shared_start + uint64_t{id} * 4;
    FLOE_ASSIGN_OR_RETURN(const XattrEntry head, cache.Struct<XattrEntry>(place));
    FLOE_ASSIGN_OR_RETURN(const Bytes entry,
                          cache.Get(place, sizeof(head) + head.name_length + head.value_size));
    ByteView view = entry;
    FLOE_ASSIGN_OR_RETURN(auto xattr, TakeEntry(view));
    xattrs.push_back(std::move(xattr));
  }
  while (!rest.empty()) {
    FLOE_ASSIGN_OR_RETURN(auto xattr, TakeEntry(rest));
    xattrs.push_back(std::move(xattr));
  }
  return xattrs;
}

}  // namespace floe::erofs
