// SPDX-License-Identifier: Apache-2.0
// The test program is also the daemons that it needs: started again with one of these first
// arguments.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <iostream>

#include "test/unit/mount/daemon_fixture.h"
#include "test/unit/mount/fake_fusefs.h"

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "--fake-fusefs") == 0) {
    return floe::mount::testing::FakeFusefsMain(argc - 2, argv + 2);
  }
  if (argc > 2 && std::strcmp(argv[1], "--supervise") == 0) {
    return floe::mount::testing::SuperviseMain(argv[2]);
  }
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
