// SPDX-License-Identifier: Apache-2.0
#include "test/unit/mount/tiny_server.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace floe::mount::testing {

std::vector<std::string> LoopDevicesOver(const std::string& name) {
  std::vector<std::string> found;
  for (const auto& device : std::filesystem::directory_iterator("/sys/block")) {
    std::ifstream file(device.path() / "loop/backing_file");
    std::string backing;
    if (std::getline(file, backing) && backing == "/" + name) {
      found.push_back(device.path().filename());
    }
  }
  return found;
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
