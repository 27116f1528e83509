// SPDX-License-Identifier: Apache-2.0
// Finding the backing device info ("bdi", the kernel's home of readahead) of a new EROFS mount. The
// kernel numbers those of file-backed mounts (/sys/class/bdi/erofs-7) and nowhere says which mount
// has which, so the new one is told by comparing before and after.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"

namespace floe::mount {

// Names under `directory` that begin with "erofs-"; empty where sysfs is not mounted.
std::set<std::string> ErofsBdis(const std::string& directory = "/sys/class/bdi");
// What `after` has and `before` has not.
std::vector<std::string> NewBdis(const std::set<std::string>& before,
                                 const std::set<std::string>& after);

// Lets one mount of this process at a time look at the list, so that two do not confuse each other.
// A mount that takes long does not hold up the rest: they wait `kPatience` and then go without.
// Thread safe.
class BdiGate {
 public:
  static constexpr std::chrono::milliseconds kPatience{500};
  static BdiGate& ForProcess();

  class Pass {
   public:
    explicit Pass(BdiGate& gate) : gate_(gate), alone_(gate.Enter()) {}
    ~Pass() {
      if (alone_) gate_.Leave();
    }
    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;
    bool alone() const { return alone_; }

   private:
    BdiGate& gate_;
    const bool alone_;
  };

 private:
  bool Enter() FLOE_EXCLUDES(mutex_);
  void Leave() FLOE_EXCLUDES(mutex_);

  Mutex mutex_;
  CondVar left_;
  bool taken_ FLOE_GUARDED_BY(mutex_) = false;
};

}  // namespace floe::mount
