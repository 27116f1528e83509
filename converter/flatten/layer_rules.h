// SPDX-License-Identifier: Apache-2.0
// What containerd's unpack lets through of an entry's xattrs (doc/quirks.md).
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "erofs/tree.h"

namespace floe::converter {

// The xattrs that an unpacked file of `mode` (type and permissions) has of those in its entry:
// trusted.* are dropped, user.* only files and directories can have, of system.* only ACLs stay,
// fitted to the permissions as chmod does; unknown namespaces are dropped.
erofs::Xattrs KeptXattrs(mode_t mode, std::vector<std::pair<std::string, std::string>> xattrs);

// An ACL after chmod(mode): user, mask (or group) and others follow the mode. nullopt when it says
// no more than the mode, or is none; then the file has no ACL.
std::optional<std::string> AclAfterChmod(absl::string_view acl, mode_t mode);

}  // namespace floe::converter
