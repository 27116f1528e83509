// SPDX-License-Identifier: Apache-2.0
// Giving up root for good, before any byte that came from elsewhere is looked at.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/status.h"

namespace floe::fusefs {

inline constexpr char kDefaultUser[] = "floe";
inline constexpr uid_t kDefaultUid = 61616;  // where there is no user "floe"

struct ServiceUser {
  uid_t uid = kDefaultUid;
  gid_t gid = kDefaultUid;
};

// A name or a number. kDefaultUser need not exist (then kDefaultUid); any other name must.
absl::StatusOr<ServiceUser> FindUser(const std::string& user);

// Becomes `user` with no capability and no way back: groups, uid and gid, bounding set,
// no_new_privs, not dumpable (no core file, no ptrace by the user). Checks the result. Started
// without root it only does what needs no right, and refuses another user than its own. Before any
// thread is made.
absl::Status DropPrivileges(const ServiceUser& user);

// Lets secrets be locked in memory as far as the system allows; called as root.
void RaiseLimits();

}  // namespace floe::fusefs
