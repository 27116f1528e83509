// SPDX-License-Identifier: Apache-2.0
// Exit codes of floe, by what the caller can do (doc/man/floe.1.md).
#pragma once

#include "base/status.h"

namespace floe::cli {

enum ExitCode {
  kExitDone = 0,
  kExitFailed = 1,       // none of the below
  kExitUsage = 2,        // wrong command line or configuration
  kExitBadInput = 3,     // an image, layer, manifest or chunk is not what it must be
  kExitNotFound = 4,     // what was named does not exist
  kExitRefused = 5,      // a key, a right or a preparation is missing; the text says which
  kExitTryAgain = 6,     // a server or daemon does not answer now
  kExitFull = 7,         // disk or memory full, or a limit reached
  kExitCancelled = 130,  // interrupted
};

ExitCode ExitCodeOf(const absl::Status& status);

}  // namespace floe::cli
