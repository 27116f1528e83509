// SPDX-License-Identifier: Apache-2.0
// Asking work to stop. The requester keeps the CancelSource, the work gets CancelTokens.
#pragma once

#include <atomic>
#include <memory>

namespace floe {

// Cheap to copy; thread safe. A default token is never cancelled.
class CancelToken {
 public:
  CancelToken() = default;
  bool cancelled() const { return flag_ && flag_->load(std::memory_order_acquire); }

 private:
  friend class CancelSource;
  explicit CancelToken(std::shared_ptr<std::atomic<bool>> flag) : flag_(std::move(flag)) {}
  std::shared_ptr<std::atomic<bool>> flag_;
};

// Thread safe; cancelling is final and idempotent.
class CancelSource {
 public:
  CancelSource() : flag_(std::make_shared<std::atomic<bool>>(false)) {}
  void Cancel() { flag_->store(true, std::memory_order_release); }
  CancelToken token() const { return CancelToken(flag_); }

 private:
  std::shared_ptr<std::atomic<bool>> flag_;
};

}  // namespace floe
