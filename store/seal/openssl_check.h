// SPDX-License-Identifier: Apache-2.0
// What to do when OpenSSL itself fails: nothing sensible is left.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace floe::store {

// Aborts with `what` unless `ok`. Not for input errors: those are answers, not failures.
inline void RequireOpenSsl(bool ok, const char* what) {
  if (ok) return;
  std::fprintf(stderr, "floe: OpenSSL failed: %s\n", what);
  std::abort();
}

}  // namespace floe::store
