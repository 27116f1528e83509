// SPDX-License-Identifier: Apache-2.0
// ctr-floe: ctr's command line, with `images convert` done by floe inside containerd. Anything else
// is handed to ctr unchanged.
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "cli/containerd_transport.h"
#include "cli/ctr_arguments.h"
#include "cli/exit_code.h"
#include "cli/process.h"

int main(int argc, char** argv) {
  const auto floe = floe::cli::FloeArgumentsOfCtr({argv + 1, argv + argc});
  if (!floe.ok()) {
    std::fprintf(stderr, "ctr-floe: %s\n", std::string(floe.status().message()).c_str());
    return floe::cli::kExitUsage;
  }
  if (floe->has_value()) {
    return floe::cli::RunAsProcess(**floe, floe::cli::BuiltInContainerd(),
                                   floe::cli::Dialect::kCtr);
  }
  char ctr[] = "ctr";
  argv[0] = ctr;
  execvp(ctr, argv);
  std::fprintf(stderr, "ctr-floe: cannot run ctr: %s; install containerd's ctr into PATH\n",
               std::strerror(errno));
  return floe::cli::kExitFailed;
}
