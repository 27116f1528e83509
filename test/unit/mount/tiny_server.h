// SPDX-License-Identifier: Apache-2.0
// A FUSE connection that serves images from memory on a thread of the test.
#pragma once

#include <sys/eventfd.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "mount/fuse_mount.h"
#include "mount/probe_image.h"
#include "mount/tiny_fuse.h"

namespace floe::mount::testing {

class TinyServer {
 public:
  TinyServer() : fuse_(CreateFuseMount().value()), stop_(eventfd(0, EFD_CLOEXEC)) {
    thread_ = std::thread([this] { (void)files_.Serve(fuse_.device.get(), stop_.get()); });
  }
  ~TinyServer() {
    Hold(false);
    (void)eventfd_write(stop_.get(), 1);
    thread_.join();
  }

  // Serves the probe image under `name`.
  void AddProbeImage(const std::string& name, uint64_t inode) {
    auto image = std::make_shared<const Bytes>(MakeProbeImage());
    files_.Add(name, {inode, image->size(), [this, image](uint64_t offset, MutableByteView out) {
                        WaitWhileHeld();
                        std::copy_n(image->begin() + static_cast<ptrdiff_t>(offset), out.size(),
                                    out.begin());
                        return static_cast<int>(out.size());
                      }});
  }
  // While held, reads get no answer.
  void Hold(bool held) {
    MutexLock lock(mutex_);
    held_ = held;
    changed_.NotifyAll();
  }
  // Returns once a read waits.
  void WaitForHeldRead() {
    MutexLock lock(mutex_);
    while (waiting_ == 0) changed_.Wait(mutex_);
  }

  int mount() const { return fuse_.mount.get(); }
  TinyFuse& files() { return files_; }

 private:
  void WaitWhileHeld() {
    MutexLock lock(mutex_);
    ++waiting_;
    changed_.NotifyAll();
    while (held_) changed_.Wait(mutex_);
    --waiting_;
  }

  FuseMount fuse_;
  UniqueFd stop_;
  TinyFuse files_;
  Mutex mutex_;
  CondVar changed_;
  bool held_ FLOE_GUARDED_BY(mutex_) = false;
  int waiting_ FLOE_GUARDED_BY(mutex_) = 0;
  std::thread thread_;
};

// Loop devices over the served file `name`: other tests use loop devices at the same time.
std::vector<std::string> LoopDevicesOver(const std::string& name);
// Lines of /proc/self/mountinfo.
std::string MountsBelow(const std::string& path);
SteadyTime In(std::chrono::milliseconds delay);

}  // namespace floe::mount::testing
