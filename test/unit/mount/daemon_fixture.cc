// SPDX-License-Identifier: Apache-2.0
#include "test/unit/mount/daemon_fixture.h"

#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "mount/daemon.h"

namespace floe::mount::testing {

using std::chrono::milliseconds;

SupervisorOptions FakeDaemons(const std::string& directory,
                              const std::vector<std::string>& fusefs_flags) {
  SupervisorOptions options;
  options.runtime_dir = directory + "/run";
  options.log_file = directory + "/log";
  options.fusefs_program = std::filesystem::read_symlink("/proc/self/exe").string();
  options.fusefs_arguments = {"--fake-fusefs"};
  options.fusefs_arguments.insert(options.fusefs_arguments.end(), fusefs_flags.begin(),
                                  fusefs_flags.end());
  options.first_pause = milliseconds(10);
  options.longest_pause = milliseconds(50);
  return options;
}

int SuperviseMain(const std::string& directory) {
  const auto daemons = DaemonSupervisor::Start(FakeDaemons(directory));
  if (!daemons.ok()) return 1;
  std::ofstream(directory + "/ready") << "1";
  while (true) pause();
}

bool Runs(pid_t pid) { return kill(pid, 0) == 0; }

std::vector<std::string> ProcessesNaming(const std::string& text) {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string pid = entry.path().filename();
    if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
    std::ifstream file(absl::StrCat("/proc/", pid, "/cmdline"));
    std::ostringstream read;
    read << file.rdbuf();  // leaves what has ended meanwhile empty; an iterator would throw
    std::string words = read.str();
    std::replace(words.begin(), words.end(), '\0', ' ');
    if (absl::StrContains(words, text)) found.push_back(absl::StrCat(pid, " ", words));
  }
  return found;
}

void DaemonTest::Start(const std::vector<std::string>& fusefs_flags) {
  daemons_.reset();
  auto started = DaemonSupervisor::Start(FakeDaemons(temp_.path(), fusefs_flags));
  ASSERT_TRUE(started.ok()) << started.status();
  daemons_ = *std::move(started);
}

void DaemonTest::TearDown() {
  if (daemons_) {
    EXPECT_TRUE(daemons_->Shutdown(In(milliseconds(20000))).ok());
  }
  daemons_.reset();
  EXPECT_EQ(MountsBelow(temp_.path()), "");
  EXPECT_EQ(ProcessesNaming(temp_.path()), std::vector<std::string>());
  if (std::filesystem::exists(temp_.path() + "/run")) {
    EXPECT_TRUE(std::filesystem::is_empty(temp_.path() + "/run"));
  }
  if (HasFailure()) {
    std::ifstream log(temp_.path() + "/log");
    std::cerr << log.rdbuf();
  }
}

pid_t DaemonTest::NextFusefs(pid_t old) {
  while (true) {
    const auto pong = daemons_->fusefs().Ping(In(milliseconds(5000)));
    const pid_t now = daemons_->fusefs_state().pid;
    if (pong.ok() && now > 0 && now != old && static_cast<pid_t>(pong->pid) == now) return now;
    std::this_thread::yield();
  }
}

pid_t DaemonTest::NextKeeper(pid_t old) {
  while (true) {
    const DaemonState state = daemons_->keeper_state();
    if (state.pid > 0 && state.pid != old && state.restarts > 0) return state.pid;
    std::this_thread::yield();
  }
}

std::string DaemonTest::WriteManifest(const std::string& text) {
  const std::string path = absl::StrCat(temp_.path(), "/manifest-", text.substr(0, 5));
  std::ofstream(path) << text;
  return path;
}

}  // namespace floe::mount::testing
