// SPDX-License-Identifier: Apache-2.0
// A stand-in for floe-fusefs as a process: the control door, the keeper's slots and a FUSE
// connection, without store or keys. A "manifest" is a line of text:
//
//   probe             serves the probe image (mount/probe_image.h), part of it not local
//   local             the same, all local
//   file PATH         serves that file
//   bad TEXT          FAILED_PRECONDITION: TEXT
//   block             never answers
//   zeros             serves what is no EROFS image
//   crash             ends the process
#pragma once

namespace floe::mount::testing {

// Arguments: --control SOCKET --keeper SOCKET [--version V] [--exit CODE] [--exit-late CODE]
//            [--refuse-keepers N]
int FakeFusefsMain(int argc, char** argv);

}  // namespace floe::mount::testing
