// SPDX-License-Identifier: Apache-2.0
#include "converter/flatten/layer_rules.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/codec.h"

namespace floe::converter {
namespace {

struct Entry {
  uint16_t tag, permissions;
  uint32_t id;
};

std::string Acl(const std::vector<Entry>& entries) {
  LittleEndianWriter writer;
  writer.Put(uint32_t{2});
  for (const Entry& entry : entries) {
    writer.Put(entry.tag);
    writer.Put(entry.permissions);
    writer.Put(entry.id);
  }
  return std::string(AsText(writer.view()));
}

std::string Names(mode_t mode) {
  std::string names;
  for (const auto& [name, value] :
       KeptXattrs(mode, {{"user.a", "1"},
                         {"trusted.overlay.opaque", "y"},
                         {"security.capability", "c"},
                         {"system.nfs4_acl", "n"},
                         {"system.posix_acl_default", Acl({{1, 7, 0}, {4, 5, 0}, {32, 5, 0}})},
                         {"other.x", "o"}})) {
    names += name + " ";
  }
  return names;
}

TEST(KeptXattrs, DependOnNamespaceAndType) {
  EXPECT_EQ(Names(S_IFREG | 0644), "user.a security.capability ");
  EXPECT_EQ(Names(S_IFDIR | 0755), "user.a security.capability system.posix_acl_default ");
  EXPECT_EQ(Names(S_IFLNK | 0777), "security.capability ");
  EXPECT_EQ(Names(S_IFIFO | 0644), "security.capability ");
  EXPECT_EQ(Names(S_IFCHR | 0644), "security.capability ");
}

TEST(AclAfterChmod, TheMaskStandsForTheGroupBits) {
  const std::string acl = Acl({{1, 0, 5}, {2, 7, 1000}, {4, 1, 5}, {16, 0, 5}, {32, 7, 5}});
  EXPECT_EQ(AclAfterChmod(acl, 0640),
            Acl({{1, 6, ~0u}, {2, 7, 1000}, {4, 1, ~0u}, {16, 4, ~0u}, {32, 0, ~0u}}));
}

TEST(AclAfterChmod, WhatTheModeSaysAnywayIsDropped) {
  EXPECT_FALSE(AclAfterChmod(Acl({{1, 7, 0}, {4, 5, 0}, {32, 5, 0}}), 0644));
}

TEST(AclAfterChmod, WhatIsNoneIsDropped) {
  EXPECT_FALSE(AclAfterChmod("", 0644));
  EXPECT_FALSE(AclAfterChmod("abc", 0644));
  EXPECT_FALSE(AclAfterChmod(Acl({}), 0644));
  EXPECT_FALSE(AclAfterChmod(Acl({{2, 7, 1}}).substr(0, 10), 0644));
  std::string wrong_version = Acl({{2, 7, 1}});
  wrong_version[0] = 1;
  EXPECT_FALSE(AclAfterChmod(wrong_version, 0644));
}

}  // namespace
}  // namespace floe::converter
