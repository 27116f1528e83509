// SPDX-License-Identifier: Apache-2.0
#include "fusefs/daemon/privileges.h"

#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <initializer_list>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace floe::fusefs {
namespace {

absl::Status BecomeUser(const ServiceUser& user) {
  for (int capability = 0; prctl(PR_CAPBSET_READ, capability) >= 0; ++capability) {
    if (prctl(PR_CAPBSET_DROP, capability) != 0 && errno != EPERM) {
      return ErrnoStatus(errno, "drop capability from the bounding set");
    }
  }
  if (setgroups(0, nullptr) != 0) return ErrnoStatus(errno, "setgroups");
  if (setresgid(user.gid, user.gid, user.gid) != 0) return ErrnoStatus(errno, "setresgid");
  if (setresuid(user.uid, user.uid, user.uid) != 0) return ErrnoStatus(errno, "setresuid");
  return absl::OkStatus();
}

absl::Status ClearCapabilities() {
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct none[2] = {};
  if (syscall(SYS_capset, &header, none) != 0) return ErrnoStatus(errno, "capset");
  return absl::OkStatus();
}

absl::Status CheckNothingLeft(const ServiceUser& user) {
  std::ifstream status("/proc/self/status");
  if (!status) return absl::InternalError("cannot read /proc/self/status");
  for (std::string line; std::getline(status, line);) {
    for (const char* set : {"CapInh:", "CapPrm:", "CapEff:", "CapAmb:"}) {
      if (absl::StartsWith(line, set) && line.find_first_of("123456789abcdef", 7) != line.npos) {
        return absl::InternalError(absl::StrCat("capabilities are left: ", line));
      }
    }
  }
  if (getuid() != user.uid || geteuid() != user.uid || (user.uid != 0 && setuid(0) == 0)) {
    return absl::InternalError("root was not given up");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ServiceUser> FindUser(const std::string& user) {
  uint32_t number = 0;
  if (absl::SimpleAtoi(user, &number)) return ServiceUser{number, number};
  if (const struct passwd* entry = getpwnam(user.c_str())) {
    return ServiceUser{entry->pw_uid, entry->pw_gid};
  }
  if (user == kDefaultUser) return ServiceUser{};
  return absl::NotFoundError(
      absl::StrCat("user ", user, " does not exist: make it, or give another with --user"));
}

absl::Status DropPrivileges(const ServiceUser& user) {
  if (geteuid() == 0) {
    FLOE_RETURN_IF_ERROR(BecomeUser(user));
  } else if (geteuid() != user.uid) {
    return absl::FailedPreconditionError(absl::StrCat(
        "not root, so floe-fusefs can only run as user ", geteuid(), ": give --user ", geteuid()));
  }
  FLOE_RETURN_IF_ERROR(ClearCapabilities());
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return ErrnoStatus(errno, "no_new_privs");
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return ErrnoStatus(errno, "not dumpable");
  return CheckNothingLeft(user);
}

void RaiseLimits() {
  for (const auto& [resource, wanted] :
       {std::pair(RLIMIT_MEMLOCK, rlim_t{256} << 20), std::pair(RLIMIT_NOFILE, rlim_t{65536})}) {
    struct rlimit limit;
    if (getrlimit(resource, &limit) != 0 || limit.rlim_cur >= wanted) continue;
    struct rlimit raised = {wanted, std::max(wanted, limit.rlim_max)};
    if (setrlimit(resource, &raised) == 0) continue;
    limit.rlim_cur = limit.rlim_max;  // as far as it goes without CAP_SYS_RESOURCE
    setrlimit(resource, &limit);
  }
}

}  // namespace floe::fusefs
