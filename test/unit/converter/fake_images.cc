// SPDX-License-Identifier: Apache-2.0
#include "test/unit/converter/fake_images.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "converter/image/digest.h"
#include "converter/image/media_types.h"
#include "converter/source/verifying_stream.h"

namespace floe::fake {

using converter::Descriptor;

Descriptor MemorySource::Add(absl::string_view media_type, absl::string_view bytes) {
  const Descriptor descriptor = converter::DescribeBytes(media_type, AsBytes(bytes));
  blobs_[descriptor.digest] = std::string(bytes);
  return descriptor;
}

Descriptor MemorySource::AddImage(const std::vector<std::string>& layers,
                                  const converter::Platform& platform) {
  converter::ImageManifest manifest;
  manifest.media_type = converter::kOciManifest;
  std::vector<std::string> ids;
  for (const std::string& layer : layers) {
    manifest.layers.push_back(Add(converter::kOciLayer, layer));
    ids.push_back(absl::StrCat("\"", manifest.layers.back().digest, "\""));
  }
  manifest.config =
      Add(converter::kOciConfig,
          absl::StrCat("{\"os\":\"", platform.os, "\",\"architecture\":\"", platform.architecture,
                       "\",\"config\":{\"Env\":[\"A=1\"]},\"history\":[{\"created_by\":\"x\"}],",
                       "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[", absl::StrJoin(ids, ","),
                       "]}}"));
  return Add(manifest.media_type, converter::SerializeManifest(manifest));
}

Descriptor MemorySource::AddIndex(const std::vector<Descriptor>& entries) {
  converter::ImageIndex index;
  index.media_type = converter::kOciIndex;
  index.manifests = entries;
  return Add(index.media_type, converter::SerializeIndex(index));
}

absl::StatusOr<Descriptor> MemorySource::Resolve() {
  if (!top_) return absl::NotFoundError("memory: no image");
  return *top_;
}

absl::StatusOr<std::unique_ptr<ByteStream>> MemorySource::OpenBlob(const Descriptor& descriptor) {
  const auto it = blobs_.find(descriptor.digest);
  if (it == blobs_.end()) return absl::NotFoundError(absl::StrCat("memory: ", descriptor.digest));
  auto stream =
      std::make_unique<converter::MemoryStream>(Bytes(it->second.begin(), it->second.end()));
  return std::make_unique<converter::VerifyingStream>(std::move(stream), descriptor, Name());
}

absl::StatusOr<bool> MemoryDestination::HasBlob(const Descriptor& descriptor) {
  MutexLock lock(mutex_);
  return blobs_.count(descriptor.digest) > 0;
}

absl::Status MemoryDestination::PutBlob(const Descriptor& descriptor, ByteView bytes) {
  FLOE_RETURN_IF_ERROR(converter::CheckBytes(descriptor, bytes, Name()));
  MutexLock lock(mutex_);
  blobs_[descriptor.digest] = Bytes(bytes.begin(), bytes.end());
  return absl::OkStatus();
}

absl::Status MemoryDestination::PutBlobStream(const Descriptor& descriptor, ByteStream& stream) {
  FLOE_ASSIGN_OR_RETURN(const Bytes bytes, converter::ReadAll(stream, 1 << 30, Name()));
  return PutBlob(descriptor, bytes);
}

absl::Status MemoryDestination::PutManifest(const Descriptor& descriptor, ByteView bytes) {
  return PutBlob(descriptor, bytes);
}

absl::Status MemoryDestination::Finish(const Descriptor& top) {
  MutexLock lock(mutex_);
  if (!blobs_.count(top.digest)) return absl::InternalError("the top manifest was never put");
  top_ = top;
  return absl::OkStatus();
}

std::map<std::string, Bytes> MemoryDestination::blobs() {
  MutexLock lock(mutex_);
  return blobs_;
}

std::optional<Descriptor> MemoryDestination::top() {
  MutexLock lock(mutex_);
  return top_;
}

}  // namespace floe::fake
