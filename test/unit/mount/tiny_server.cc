// SPDX-License-Identifier: Apache-2.0
#include "test/unit/mount/tiny_server.h"

#include <sys/stat.h>

#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace floe::mount::testing {

std::string UsedLoopDevices() {
  std::string used;
  for (int number = 0; number < 64; ++number) {
    const std::string path = absl::StrCat("/sys/block/loop", number, "/loop/backing_file");
    std::ifstream file(path);
    std::string name;
    if (std::getline(file, name)) absl::StrAppend(&used, "loop", number, "=", name, "\n");
  }
  return used;
}

std::string MountsBelow(const std::string& path) {
  std::ifstream table("/proc/self/mountinfo");
  std::string found;
  for (std::string line; std::getline(table, line);) {
    const std::vector<std::string> fields = absl::StrSplit(line, ' ');
    if (fields.size() > 4 && fields[4].rfind(path, 0) == 0) absl::StrAppend(&found, line, "\n");
  }
  return found;
}

SteadyTime In(std::chrono::milliseconds delay) { return Clock::Real().Now() + delay; }

}  // namespace floe::mount::testing
