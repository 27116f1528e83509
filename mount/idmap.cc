// SPDX-License-Identifier: Apache-2.0
#include "mount/idmap.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <limits>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "mount/child.h"
#include "mount/syscalls.h"

namespace floe::mount {
namespace {

constexpr size_t kMaxRanges = 340;

absl::StatusOr<IdRange> ParseRange(absl::string_view text) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, ':');
  IdRange range;
  if (parts.size() != 3 || !absl::SimpleAtoi(parts[0], &range.container) ||
      !absl::SimpleAtoi(parts[1], &range.host) || !absl::SimpleAtoi(parts[2], &range.length)) {
    return absl::InvalidArgumentError(
        absl::StrCat("id mapping \"", text, "\" is not container:host:length"));
  }
  constexpr uint32_t kMax = std::numeric_limits<uint32_t>::max();  // is no id itself
  if (range.length == 0 || range.container > kMax - range.length ||
      range.host > kMax - range.length) {
    return absl::InvalidArgumentError(absl::StrCat("id mapping \"", text, "\" is out of range"));
  }
  return range;
}

absl::StatusOr<std::vector<IdRange>> ParseRanges(absl::string_view text) {
  std::vector<IdRange> ranges;
  for (const absl::string_view part : absl::StrSplit(text, ',')) {
    FLOE_ASSIGN_OR_RETURN(const IdRange range, ParseRange(part));
    ranges.push_back(range);
  }
  if (ranges.size() > kMaxRanges) {
    return absl::InvalidArgumentError(
        absl::StrCat("id mapping with ", ranges.size(), " ranges; the kernel takes ", kMaxRanges));
  }
  return ranges;
}

std::string Join(const std::vector<IdRange>& ranges, absl::string_view separator,
                 absl::string_view field) {
  return absl::StrJoin(ranges, separator, [field](std::string* out, const IdRange& range) {
    absl::StrAppend(out, range.container, field, range.host, field, range.length);
  });
}

absl::StatusOr<uint32_t> MapZero(const std::vector<IdRange>& ranges) {
  for (const IdRange& range : ranges) {
    if (range.container == 0) return range.host;
  }
  return absl::InvalidArgumentError("the id mapping has no place for id 0 of the container");
}

// The three functions below run in a child (mount/child.h).

// The kernel takes a map in one write.
bool WriteMap(pid_t pid, const char* file, const std::string& text, ChildReport& report) {
  char path[64];
  std::snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
  const int map = open(path, O_WRONLY | O_CLOEXEC);
  const bool written =
      map >= 0 && write(map, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  if (!written) report.Fail(file);
  if (map >= 0) close(map);
  return written;
}

// A process in a user namespace of its own; it says so through `ready` and then waits to be killed.
// A plain system call: the C library's fork would run handlers of a process that is a copy.
pid_t StartNamespaceHolder(int ready) {
  const pid_t pid = _Fork();
  if (pid != 0) return pid;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const char error = unshare(CLONE_NEWUSER) == 0 ? 0 : static_cast<char>(errno);
  if (write(ready, &error, 1) != 1 || error != 0) _exit(1);
  while (true) pause();
}

int MakeMappedNamespace(const std::string& uids, const std::string& gids, ChildReport& report) {
  int ready[2];
  if (pipe2(ready, O_CLOEXEC) != 0) {
    report.Fail("pipe");
    return -1;
  }
  const pid_t holder = StartNamespaceHolder(ready[1]);
  close(ready[1]);
  char error = 0;
  int result = -1;
  if (holder < 0) {
    report.Fail("fork");
  } else if (read(ready[0], &error, 1) != 1 || error != 0) {
    errno = error != 0 ? error : ECHILD;
    report.Fail("make a user namespace");
  } else if (WriteMap(holder, "uid_map", uids, report) &&
             WriteMap(holder, "gid_map", gids, report)) {
    char path[64];
    std::snprintf(path, sizeof path, "/proc/%d/ns/user", holder);
    result = open(path, O_RDONLY | O_CLOEXEC);
    if (result < 0) report.Fail("open the user namespace");
  }
  if (holder > 0) {
    kill(holder, SIGKILL);
    waitpid(holder, nullptr, 0);
  }
  return result;
}

}  // namespace

absl::StatusOr<IdMapping> ParseIdMapping(absl::string_view uids, absl::string_view gids) {
  IdMapping mapping;
  FLOE_ASSIGN_OR_RETURN(mapping.uids, ParseRanges(uids));
  FLOE_ASSIGN_OR_RETURN(mapping.gids, ParseRanges(gids));
  return mapping;
}

std::string FormatIdMapping(const IdMapping& mapping) {
  return absl::StrCat(Join(mapping.uids, ",", ":"), " ", Join(mapping.gids, ",", ":"));
}

absl::StatusOr<HostRoot> MapRoot(const IdMapping& mapping) {
  HostRoot root;
  FLOE_ASSIGN_OR_RETURN(root.uid, MapZero(mapping.uids));
  FLOE_ASSIGN_OR_RETURN(root.gid, MapZero(mapping.gids));
  return root;
}

absl::StatusOr<UniqueFd> MakeUserNamespace(const IdMapping& mapping, SteadyTime deadline) {
  const std::string uids = Join(mapping.uids, "\n", " ");
  const std::string gids = Join(mapping.gids, "\n", " ");
  const std::string what = absl::StrCat("map user ids ", FormatIdMapping(mapping));
  const auto work = [&](ChildReport& report, int& descriptor) {
    descriptor = MakeMappedNamespace(uids, gids, report);
  };
  FLOE_ASSIGN_OR_RETURN(ChildResult made, RunInChild(what, {}, work, deadline));
  FLOE_RETURN_IF_ERROR(made.report.ToStatus(what));
  return std::move(made.descriptor);
}

absl::StatusOr<UniqueFd> CloneIdmapped(const std::string& path, const IdMapping& mapping,
                                       SteadyTime deadline) {
  FLOE_ASSIGN_OR_RETURN(const UniqueFd userns, MakeUserNamespace(mapping, deadline));
  FLOE_ASSIGN_OR_RETURN(UniqueFd clone, CloneMount(path));
  FLOE_RETURN_IF_ERROR(SetIdmap(clone.get(), userns.get()));
  return clone;
}

}  // namespace floe::mount
