// SPDX-License-Identifier: Apache-2.0
#include "cli/process.h"

#include <signal.h>
#include <unistd.h>

#include <iostream>

#include "cli/app.h"

namespace floe::cli {
namespace {

// What the signal handler may touch: cancelling is one store into a lock-free atomic.
CancelSource* stop_source = nullptr;

void OnSignal(int signal) {
  stop_source->Cancel();
  struct sigaction standard = {};
  standard.sa_handler = SIG_DFL;
  sigaction(signal, &standard, nullptr);
}

void CancelOnSignals(CancelSource& source) {
  stop_source = &source;
  struct sigaction action = {};
  action.sa_handler = OnSignal;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaction(signal, &action, nullptr);
}

}  // namespace

int RunAsProcess(const std::vector<std::string>& arguments,
                 const converter::ContainerdTransport* containerd, Dialect dialect) {
  static CancelSource source;
  CancelOnSignals(source);
  signal(SIGPIPE, SIG_IGN);
  Context context;
  context.out = &std::cout;
  context.err = &std::cerr;
  context.terminal = isatty(STDERR_FILENO) == 1;
  context.cancel = source.token();
  context.containerd = containerd;
  context.dialect = dialect;
  const int code = RunFloe(arguments, context);
  std::cout.flush();
  return code;
}

}  // namespace floe::cli
