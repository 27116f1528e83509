// SPDX-License-Identifier: Apache-2.0
// floe: the command line. All of it is in the room's library; this file connects it to the process.
#include "cli/containerd_transport.h"
#include "cli/process.h"

int main(int argc, char** argv) {
  return floe::cli::RunAsProcess({argv + 1, argv + argc}, floe::cli::BuiltInContainerd());
}
