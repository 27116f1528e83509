// SPDX-License-Identifier: Apache-2.0
// What destinations that are one tar file have in common: each blob becomes a member, once.
#pragma once

#include <memory>
#include <set>
#include <string>

#include "base/mutex.h"
#include "converter/source/image_destination.h"
#include "converter/source/tar_file.h"

namespace floe::converter {

// Thread safe, as ImageDestination asks.
class ArchiveDestination : public ImageDestination {
 public:
  ArchiveDestination(std::unique_ptr<TarWriter> tar, std::string name)
      : name_(std::move(name)), tar_(std::move(tar)) {}

  std::string Name() const override { return name_; }
  absl::StatusOr<bool> HasBlob(const oci::Descriptor& descriptor) override FLOE_EXCLUDES(mutex_);
  absl::Status PutBlob(const oci::Descriptor& descriptor, ByteView bytes) override;
  absl::Status PutBlobStream(const oci::Descriptor& descriptor, ByteStream& stream) override
      FLOE_EXCLUDES(mutex_);

 protected:
  // The member that a blob becomes. Called with a digest that is well formed.
  virtual std::string MemberOf(const oci::Descriptor& descriptor) const = 0;

  const std::string name_;
  Mutex mutex_;
  const std::unique_ptr<TarWriter> tar_;  // used under mutex_

 private:
  std::set<std::string> put_ FLOE_GUARDED_BY(mutex_);
};

}  // namespace floe::converter
