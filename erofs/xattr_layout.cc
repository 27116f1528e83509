// SPDX-License-Identifier: Apache-2.0
#include "erofs/xattr_layout.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "erofs/ondisk.h"
#include "erofs/walk.h"

namespace floe::erofs {
namespace {

struct Prefix {
  uint8_t index;
  absl::string_view text;
  bool whole;  // the prefix is the whole name
};
constexpr Prefix kPrefixes[] = {
    {1, "user.", false},
    {2, "system.posix_acl_access", true},
    {3, "system.posix_acl_default", true},
    {4, "trusted.", false},
    {6, "security.", false},
};

constexpr size_t kSharedMax = 255;                  // h_shared_count has 8 bits
constexpr size_t kBodyMax = 12 + 4 * (65'535 - 1);  // i_xattr_icount has 16

using NameValue = std::pair<absl::string_view, absl::string_view>;

absl::StatusOr<std::string> EncodeEntry(absl::string_view name, absl::string_view value) {
  absl::string_view rest;
  const uint8_t index = XattrNameIndex(name, &rest);
  if (index == 0 || rest.size() > 255) {
    return absl::InvalidArgumentError(
        absl::StrCat("xattr ", name, " has a name that a flat image cannot hold"));
  }
  if (value.size() > kXattrValueMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("xattr ", name, " has ", value.size(), " bytes; a flat image holds at most ",
                     kXattrValueMax, " (shorten or remove it in the source image)"));
  }
  const XattrEntry head{static_cast<uint8_t>(rest.size()), index,
                        static_cast<uint16_t>(value.size())};
  std::string bytes(reinterpret_cast<const char*>(&head), sizeof(head));
  absl::StrAppend(&bytes, rest, value);
  bytes.resize((bytes.size() + 3) / 4 * 4);
  return bytes;
}

// How many inodes have each xattr.
absl::flat_hash_map<NameValue, uint32_t> CountUses(const Tree& tree) {
  std::vector<uint32_t> set_uses(tree.xattrs().size());
  for (InodeId id = 0; id < tree.inode_count(); ++id) ++set_uses[tree.inode(id).xattrs];
  absl::flat_hash_map<NameValue, uint32_t> uses;
  for (XattrsId set = 1; set < set_uses.size(); ++set) {
    for (const auto& [name, value] : tree.xattrs().Get(set)) uses[{name, value}] += set_uses[set];
  }
  return uses;
}

class Builder {
 public:
  explicit Builder(const Tree& tree) : tree_(tree), uses_(CountUses(tree)) {}

  absl::StatusOr<XattrLayout> Build() {
    layout_.bodies.resize(tree_.xattrs().size());
    // In directory order of first use, so that inode ids do not show. Sets nobody has any more are
    // left out.
    absl::Status status;
    WalkTree(tree_, [&](InodeId id, InodeId, absl::string_view path) {
      const XattrsId set = tree_.inode(id).xattrs;
      if (set == 0 || !layout_.bodies[set].empty() || !status.ok()) return;
      absl::StatusOr<std::string> body = Body(tree_.xattrs().Get(set));
      if (body.ok()) {
        layout_.bodies[set] = *std::move(body);
      } else {
        status = Annotate(body.status(), absl::StrCat("\"", path.substr(0, 300), "\""));
      }
    });
    FLOE_RETURN_IF_ERROR(status);
    return std::move(layout_);
  }

 private:
  absl::StatusOr<std::string> Body(const Xattrs& xattrs) {
    std::vector<uint32_t> shared;
    std::string entries;
    for (const auto& [name, value] : xattrs) {
      FLOE_ASSIGN_OR_RETURN(const std::string entry, EncodeEntry(name, value));
      const bool share = uses_[{name, value}] > 1 || value.size() > kInlineXattrValueMax;
      if (share && shared.size() < kSharedMax) {
        shared.push_back(Share({name, value}, entry));
      } else {
        entries += entry;
      }
    }
    const XattrHeader header{0, static_cast<uint8_t>(shared.size()), {}};
    std::string body(reinterpret_cast<const char*>(&header), sizeof(header));
    body.append(reinterpret_cast<const char*>(shared.data()), shared.size() * sizeof(uint32_t));
    body += entries;
    if (body.size() > kBodyMax) {
      return absl::InvalidArgumentError(absl::StrCat("the xattrs of one file have ", body.size(),
                                                     " bytes; a flat image holds at most ",
                                                     kBodyMax));
    }
    return body;
  }

  uint32_t Share(NameValue xattr, const std::string& entry) {
    const auto [place, added] =
        places_.try_emplace(xattr, static_cast<uint32_t>(layout_.shared.size() / 4));
    if (added) layout_.shared += entry;
    return place->second;
  }

  const Tree& tree_;
  absl::flat_hash_map<NameValue, uint32_t> uses_;
  absl::flat_hash_map<NameValue, uint32_t> places_;
  XattrLayout layout_;
};

}  // namespace

uint8_t XattrNameIndex(absl::string_view name, absl::string_view* rest) {
  for (const Prefix& prefix : kPrefixes) {
    if (prefix.whole ? name == prefix.text
                     : absl::StartsWith(name, prefix.text) && name.size() > prefix.text.size()) {
      *rest = name.substr(prefix.text.size());
      return prefix.index;
    }
  }
  return 0;
}

absl::string_view XattrPrefix(uint8_t index) {
  for (const Prefix& prefix : kPrefixes) {
    if (prefix.index == index) return prefix.text;
  }
  return "";
}

absl::StatusOr<XattrLayout> LayXattrs(const Tree& tree) { return Builder(tree).Build(); }

}  // namespace floe::erofs
