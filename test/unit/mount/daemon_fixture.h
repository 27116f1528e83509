// SPDX-License-Identifier: Apache-2.0
// Real floe-keeper, fake floe-fusefs, and a check that nothing is left of them.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/file.h"
#include "mount/daemon_supervisor.h"
#include "test/unit/mount/tiny_server.h"

namespace floe::mount::testing {

// Daemons below `directory`: sockets in <directory>/run, output in <directory>/log.
SupervisorOptions FakeDaemons(const std::string& directory,
                              const std::vector<std::string>& fusefs_flags = {});

// A process that only supervises (FakeDaemons in `directory`): it writes <directory>/ready and
// waits to be killed.
int SuperviseMain(const std::string& directory);

bool Runs(pid_t pid);
// "pid command" of each process whose command line names `text`.
std::vector<std::string> ProcessesNaming(const std::string& text);

class DaemonTest : public ::testing::Test {
 protected:
  // Asserts that it starts.
  void Start(const std::vector<std::string>& fusefs_flags = {});
  void TearDown() override;
  // Waits until the supervisor has a floe-fusefs (or keeper) that is not `old`, and it answers.
  pid_t NextFusefs(pid_t old);
  pid_t NextKeeper(pid_t old);

  std::string WriteManifest(const std::string& text);

  TempDir temp_ = TempDir::Create().value();
  std::unique_ptr<DaemonSupervisor> daemons_;
};

}  // namespace floe::mount::testing
