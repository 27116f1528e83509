// SPDX-License-Identifier: Apache-2.0
// SHA-256, whole and in pieces.
#pragma once

#include <array>
#include <memory>

#include "base/bytes.h"

namespace floe {

using Sha256Digest = std::array<uint8_t, 32>;

// A running hash. Moves only. Not thread safe.
class Sha256 {
 public:
  Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  ~Sha256();

  void Update(ByteView bytes);
  // The hash of everything given so far; the object starts anew.
  Sha256Digest Finish();

  static Sha256Digest Of(ByteView bytes);

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

}  // namespace floe
