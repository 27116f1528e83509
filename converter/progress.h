// SPDX-License-Identifier: Apache-2.0
// How far a conversion is, for whoever watches.
#pragma once

#include <cstdint>
#include <string>

namespace floe::converter {

enum class Stage {
  kRead,   // layers are read and unpacked; bytes as stored in the source
  kStore,  // the flat image is cut, sealed and put; bytes of the flat image
};

struct ProgressUpdate {
  Stage stage = Stage::kRead;
  std::string image;   // the platform: "linux/amd64"
  uint64_t done = 0;   // bytes
  uint64_t total = 0;  // bytes
};

// Called from any thread, possibly several at once; must return quickly.
class ProgressListener {
 public:
  virtual ~ProgressListener() = default;
  virtual void Update(const ProgressUpdate& update) = 0;
};

}  // namespace floe::converter
