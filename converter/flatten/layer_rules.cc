// SPDX-License-Identifier: Apache-2.0
#include "converter/flatten/layer_rules.h"

#include <sys/stat.h>

#include <cstdint>
#include <cstring>

#include "absl/strings/match.h"

namespace floe::converter {
namespace {

constexpr absl::string_view kAccessAcl = "system.posix_acl_access";
constexpr absl::string_view kDefaultAcl = "system.posix_acl_default";

// The xattr form of an ACL: version 2, then entries (linux/posix_acl_xattr.h).
struct AclEntry {
  uint16_t tag;
  uint16_t permissions;
  uint32_t id;
};
static_assert(sizeof(AclEntry) == 8);
constexpr uint32_t kAclVersion = 2;
constexpr uint16_t kUserObject = 0x01, kUser = 0x02, kGroupObject = 0x04, kGroup = 0x08,
                   kMask = 0x10, kOther = 0x20;

std::optional<std::vector<AclEntry>> ParseAcl(absl::string_view acl) {
  uint32_t version = 0;
  if (acl.size() < sizeof(version) || (acl.size() - sizeof(version)) % sizeof(AclEntry) != 0) {
    return std::nullopt;
  }
  std::memcpy(&version, acl.data(), sizeof(version));
  std::vector<AclEntry> entries((acl.size() - sizeof(version)) / sizeof(AclEntry));
  if (version != kAclVersion || entries.empty()) return std::nullopt;
  std::memcpy(entries.data(), acl.data() + sizeof(version), acl.size() - sizeof(version));
  return entries;
}

std::string FormatAcl(const std::vector<AclEntry>& entries) {
  std::string acl(reinterpret_cast<const char*>(&kAclVersion), sizeof(kAclVersion));
  acl.append(reinterpret_cast<const char*>(entries.data()), entries.size() * sizeof(AclEntry));
  return acl;
}

// Ids of entries that name nobody are -1, whatever the archive says.
void Canonicalise(std::vector<AclEntry>& entries) {
  for (AclEntry& entry : entries) {
    if (entry.tag != kUser && entry.tag != kGroup) entry.id = ~0u;
  }
}

}  // namespace

std::optional<std::string> AclAfterChmod(absl::string_view acl, mode_t mode) {
  std::optional<std::vector<AclEntry>> entries = ParseAcl(acl);
  if (!entries) return std::nullopt;
  AclEntry* group = nullptr;
  bool more_than_mode = false;
  for (AclEntry& entry : *entries) {
    if (entry.tag == kUserObject) entry.permissions = mode >> 6 & 7;
    if (entry.tag == kOther) entry.permissions = mode & 7;
    // The mask stands for the group bits where there is one.
    if (entry.tag == kMask || (entry.tag == kGroupObject && group == nullptr)) group = &entry;
    more_than_mode |= entry.tag == kUser || entry.tag == kGroup || entry.tag == kMask;
  }
  if (!more_than_mode) return std::nullopt;
  if (group != nullptr) group->permissions = mode >> 3 & 7;
  Canonicalise(*entries);
  return FormatAcl(*entries);
}

erofs::Xattrs KeptXattrs(mode_t mode, std::vector<std::pair<std::string, std::string>> xattrs) {
  erofs::Xattrs kept;
  for (auto& [name, value] : xattrs) {
    if (absl::StartsWith(name, "security.")) {
      kept.emplace_back(std::move(name), std::move(value));
    } else if (absl::StartsWith(name, "user.")) {
      if (S_ISREG(mode) || S_ISDIR(mode)) kept.emplace_back(std::move(name), std::move(value));
    } else if (name == kAccessAcl && !S_ISLNK(mode)) {
      if (std::optional<std::string> acl = AclAfterChmod(value, mode)) {
        kept.emplace_back(std::move(name), *std::move(acl));
      }
    } else if (name == kDefaultAcl && S_ISDIR(mode)) {
      if (std::optional<std::vector<AclEntry>> entries = ParseAcl(value)) {
        Canonicalise(*entries);
        kept.emplace_back(std::move(name), FormatAcl(*entries));
      }
    }
  }
  return kept;
}

}  // namespace floe::converter
