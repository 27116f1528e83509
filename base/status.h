// SPDX-License-Identifier: Apache-2.0
// The one result type: absl::Status and absl::StatusOr, with the helpers every room uses.
//
// Codes by what the caller can do: NOT_FOUND (absent, final), UNAVAILABLE (try again later),
// DEADLINE_EXCEEDED, CANCELLED, DATA_LOSS (bytes are not what they must be), INVALID_ARGUMENT (the
// caller's input), FAILED_PRECONDITION (something must be set up first; the text says what),
// RESOURCE_EXHAUSTED (disk or memory full), PERMISSION_DENIED, INTERNAL (a bug of ours).
// errno, gRPC codes and exit codes exist only at the edges.
#pragma once

#include <string>

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace floe {

// A status for errno value `error` (> 0); `what` names the operation and the thing: "open /a/b".
absl::Status ErrnoStatus(int error, absl::string_view what);

// The same code with "context: " put before the message and with its payloads; OK stays OK.
absl::Status Annotate(const absl::Status& status, absl::string_view context);

namespace internal {
inline absl::Status ToStatus(absl::Status status) { return status; }
template <typename T>
absl::Status ToStatus(absl::StatusOr<T>&& result) {
  return std::move(result).status();
}
}  // namespace internal

}  // namespace floe

#define FLOE_CONCAT_(a, b) a##b
#define FLOE_CONCAT(a, b) FLOE_CONCAT_(a, b)

// Returns from the function if `expr` (a Status or StatusOr) is not OK.
#define FLOE_RETURN_IF_ERROR(expr)                                                          \
  do {                                                                                      \
    if (absl::Status floe_status_ = ::floe::internal::ToStatus((expr)); !floe_status_.ok()) \
      return floe_status_;                                                                  \
  } while (false)

// FLOE_ASSIGN_OR_RETURN(auto file, Open(path));
#define FLOE_ASSIGN_OR_RETURN(lhs, expr) \
  FLOE_ASSIGN_OR_RETURN_(FLOE_CONCAT(floe_result_, __LINE__), lhs, expr)
#define FLOE_ASSIGN_OR_RETURN_(result, lhs, expr)      \
  auto result = (expr);                                \
  if (!result.ok()) return std::move(result).status(); \
  lhs = std::move(result).value()
