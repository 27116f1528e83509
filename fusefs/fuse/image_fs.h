// SPDX-License-Identifier: Apache-2.0
// The FUSE file system: a root directory with one read-only file for each image.
#pragma once

#include <functional>
#include <memory>

#include "base/executor.h"
#include "base/metrics.h"
#include "fusefs/fuse/session.h"
#include "fusefs/image/served_image.h"

namespace floe::fusefs {

struct ImageFsOptions {
  // A read fails after this. Below half of the kernel's hung-task limit (120 s), because readahead
  // and the read that needs it may wait one after the other.
  std::chrono::milliseconds read_deadline{50000};
  // Reads of an image opened less than this ago belong to a start (store.md, "Stability").
  std::chrono::milliseconds start_phase{30000};
};

// Thread safe. Must outlive the session it handles requests for.
class ImageFs {
 public:
  // Called with the whole INIT request and the reply about to be given; an error refuses the mount.
  using SaveInit = std::function<absl::Status(ByteView request, ByteView reply)>;

  // All borrowed. `blocking` runs what waits for the keeper.
  ImageFs(ImageCatalog& catalog, Executor& blocking, Clock& clock, Metrics& metrics,
          SaveInit save_init, ImageFsOptions options = {});

  // A FuseHandler.
  void Handle(const FuseRequest& request, std::shared_ptr<Call> call);

 private:
  void Init(const FuseRequest& request, std::shared_ptr<Call> call);
  void Lookup(const FuseRequest& request, Call& call);
  void GetAttr(const FuseRequest& request, Call& call);
  void Open(const FuseRequest& request, std::shared_ptr<Call> call);
  void Release(const FuseRequest& request, std::shared_ptr<Call> call);
  void Read(const FuseRequest& request, std::shared_ptr<Call> call);
  void ReadDirectory(const FuseRequest& request, Call& call);
  void StatFs(Call& call);
  void Finish(const ServedImage& image, Call& call, SteadyTime begun,
              absl::StatusOr<std::vector<Piece>> pieces);
  void ReportFailure(const ServedImage& image, const absl::Status& status);

  ImageCatalog& catalog_;
  Executor& blocking_;
  Clock& clock_;
  Metrics& metrics_;
  const SaveInit save_init_;
  const ImageFsOptions options_;
  Counter& read_bytes_;
  Histogram& read_seconds_;
  Counter& interrupted_;

  Mutex mutex_;
  SteadyTime last_report_ FLOE_GUARDED_BY(mutex_){};
  uint64_t unreported_ FLOE_GUARDED_BY(mutex_) = 0;
};

}  // namespace floe::fusefs
