// SPDX-License-Identifier: Apache-2.0
#include "test/unit/converter/fake_images.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "oci/digest.h"
#include "oci/media_types.h"
#include "oci/verifying_stream.h"

namespace floe::fake {

using oci::Descriptor;

oci::Descriptor MemorySource::Add(absl::string_view media_type, absl::string_view bytes) {
  const oci::Descriptor descriptor = oci::DescribeBytes(media_type, AsBytes(bytes));
  blobs_[descriptor.digest] = std::string(bytes);
  return descriptor;
}

oci::Descriptor MemorySource::AddImage(const std::vector<std::string>& layers,
                                       const oci::Platform& platform) {
  oci::ImageManifest manifest;
  manifest.media_type = oci::kOciManifest;
  std::vector<std::string> ids;
  for (const std::string& layer : layers) {
    manifest.layers.push_back(Add(oci::kOciLayer, layer));
    ids.push_back(absl::StrCat("\"", manifest.layers.back().digest, "\""));
  }
  manifest.config =
      Add(oci::kOciConfig,
          absl::StrCat("{\"os\":\"", platform.os, "\",\"architecture\":\"", platform.architecture,
                       "\",\"config\":{\"Env\":[\"A=1\"]},\"history\":[{\"created_by\":\"x\"}],",
                       "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[", absl::StrJoin(ids, ","),
                       "]}}"));
  return Add(manifest.media_type, oci::SerializeManifest(manifest));
}

oci::Descriptor MemorySource::AddIndex(const std::vector<oci::Descriptor>& entries) {
  oci::ImageIndex index;
  index.media_type = oci::kOciIndex;
  index.manifests = entries;
  return Add(index.media_type, oci::SerializeIndex(index));
}

absl::StatusOr<oci::Descriptor> MemorySource::Resolve() {
  if (!top_) return absl::NotFoundError("memory: no image");
  return *top_;
}

absl::StatusOr<std::unique_ptr<ByteStream>> MemorySource::OpenBlob(
    const oci::Descriptor& descriptor) {
  const auto it = blobs_.find(descriptor.digest);
  if (it == blobs_.end()) return absl::NotFoundError(absl::StrCat("memory: ", descriptor.digest));
  auto stream = std::make_unique<oci::MemoryStream>(Bytes(it->second.begin(), it->second.end()));
  return std::make_unique<oci::VerifyingStream>(std::move(stream), descriptor, Name());
}

absl::StatusOr<bool> MemoryDestination::HasBlob(const oci::Descriptor& descriptor) {
  MutexLock lock(mutex_);
  return blobs_.count(descriptor.digest) > 0;
}

absl::Status MemoryDestination::PutBlob(const oci::Descriptor& descriptor, ByteView bytes) {
  FLOE_RETURN_IF_ERROR(oci::CheckBytes(descriptor, bytes, Name()));
  MutexLock lock(mutex_);
  blobs_[descriptor.digest] = Bytes(bytes.begin(), bytes.end());
  return absl::OkStatus();
}

absl::Status MemoryDestination::PutBlobStream(const oci::Descriptor& descriptor,
                                              ByteStream& stream) {
  FLOE_ASSIGN_OR_RETURN(const Bytes bytes, oci::ReadAll(stream, 1 << 30, Name()));
  return PutBlob(descriptor, bytes);
}

absl::Status MemoryDestination::PutManifest(const oci::Descriptor& descriptor, ByteView bytes) {
  return PutBlob(descriptor, bytes);
}

absl::Status MemoryDestination::Finish(const oci::Descriptor& top) {
  MutexLock lock(mutex_);
  if (!blobs_.count(top.digest)) return absl::InternalError("the top manifest was never put");
  top_ = top;
  return absl::OkStatus();
}

std::map<std::string, Bytes> MemoryDestination::blobs() {
  MutexLock lock(mutex_);
  return blobs_;
}

std::optional<oci::Descriptor> MemoryDestination::top() {
  MutexLock lock(mutex_);
  return top_;
}

}  // namespace floe::fake
