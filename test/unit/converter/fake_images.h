// SPDX-License-Identifier: Apache-2.0
// An image source and a destination in memory, and documents to put into them.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "converter/source/image_destination.h"
#include "converter/source/image_source.h"
#include "oci/manifest.h"

namespace floe::fake {

// Thread safe once it is filled.
class MemorySource : public converter::ImageSource {
 public:
  // Keeps a blob and describes it.
  oci::Descriptor Add(absl::string_view media_type, absl::string_view bytes);
  // Keeps a manifest over a new config (platform `os/architecture`) and these layers.
  oci::Descriptor AddImage(const std::vector<std::string>& layers,
                           const oci::Platform& platform = {"linux", "amd64", "", ""});
  oci::Descriptor AddIndex(const std::vector<oci::Descriptor>& entries);
  void SetTop(const oci::Descriptor& top) { top_ = top; }
  // Other bytes under a digest that is there.
  void Damage(const std::string& digest, const std::string& bytes) { blobs_[digest] = bytes; }

  std::string Name() const override { return "memory"; }
  absl::StatusOr<oci::Descriptor> Resolve() override;
  absl::StatusOr<std::unique_ptr<ByteStream>> OpenBlob(const oci::Descriptor& descriptor) override;

 private:
  std::optional<oci::Descriptor> top_;
  std::map<std::string, std::string> blobs_;
};

// Thread safe.
class MemoryDestination : public converter::ImageDestination {
 public:
  std::string Name() const override { return "memory"; }
  absl::StatusOr<bool> HasBlob(const oci::Descriptor& descriptor) override FLOE_EXCLUDES(mutex_);
  absl::Status PutBlob(const oci::Descriptor& descriptor, ByteView bytes) override
      FLOE_EXCLUDES(mutex_);
  absl::Status PutBlobStream(const oci::Descriptor& descriptor, ByteStream& stream) override;
  absl::Status PutManifest(const oci::Descriptor& descriptor, ByteView bytes) override;
  absl::Status Finish(const oci::Descriptor& top) override FLOE_EXCLUDES(mutex_);

  // What was put, by digest, and the name's target once finished.
  std::map<std::string, Bytes> blobs() FLOE_EXCLUDES(mutex_);
  std::optional<oci::Descriptor> top() FLOE_EXCLUDES(mutex_);

 private:
  Mutex mutex_;
  std::map<std::string, Bytes> blobs_ FLOE_GUARDED_BY(mutex_);
  std::optional<oci::Descriptor> top_ FLOE_GUARDED_BY(mutex_);
};

}  // namespace floe::fake
