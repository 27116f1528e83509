// SPDX-License-Identifier: Apache-2.0
#include "mount/readahead.h"

#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <iterator>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/file.h"
#include "mount/erofs_mount.h"

namespace floe::mount {
namespace {

absl::StatusOr<std::string> KnobPath(const std::string& bdi) {
  if (bdi.empty() || absl::StrContains(bdi, "/")) {
    return absl::InvalidArgumentError("the mount's readahead knob is not known");
  }
  return absl::StrCat("/sys/class/bdi/", bdi, "/read_ahead_kb");
}

}  // namespace

std::set<std::string> ErofsBdis(const std::string& directory) {
  std::set<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(opendir(directory.c_str()), closedir);
  if (!dir) return names;
  while (const dirent* entry = readdir(dir.get())) {
    if (absl::StartsWith(entry->d_name, "erofs-")) names.insert(entry->d_name);
  }
  return names;
}

std::vector<std::string> NewBdis(const std::set<std::string>& before,
                                 const std::set<std::string>& after) {
  std::vector<std::string> added;
  std::set_difference(after.begin(), after.end(), before.begin(), before.end(),
                      std::back_inserter(added));
  return added;
}

BdiGate& BdiGate::ForProcess() {
  static BdiGate* const gate = new BdiGate;
  return *gate;
}

bool BdiGate::Enter() {
  const SteadyTime until = Clock::Real().Now() + kPatience;
  MutexLock lock(mutex_);
  while (taken_) {
    if (!left_.WaitUntil(mutex_, until)) break;
  }
  if (taken_) return false;
  taken_ = true;
  return true;
}

void BdiGate::Leave() {
  MutexLock lock(mutex_);
  taken_ = false;
  left_.NotifyOne();
}

absl::Status SetReadahead(const std::string& bdi, uint32_t kib) {
  FLOE_ASSIGN_OR_RETURN(const std::string path, KnobPath(bdi));
  FLOE_ASSIGN_OR_RETURN(const UniqueFd knob, OpenFile(path, O_WRONLY));
  return Annotate(WriteFull(knob.get(), AsBytes(absl::StrCat(kib))), path);
}

absl::StatusOr<uint32_t> GetReadahead(const std::string& bdi) {
  FLOE_ASSIGN_OR_RETURN(const std::string path, KnobPath(bdi));
  FLOE_ASSIGN_OR_RETURN(const UniqueFd knob, OpenFile(path, O_RDONLY));
  char text[32];
  const ssize_t n = read(knob.get(), text, sizeof text);
  if (n < 0) return ErrnoStatus(errno, absl::StrCat("read ", path));
  absl::string_view digits(text, static_cast<size_t>(n));
  absl::ConsumeSuffix(&digits, "\n");
  uint32_t kib = 0;
  if (!absl::SimpleAtoi(digits, &kib)) {
    return absl::InternalError(absl::StrCat(path, " does not hold a number"));
  }
  return kib;
}

}  // namespace floe::mount
