// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/diff/differ.h"

#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/sha256.h"
#include "snapshotter/diff/layer_pair.h"
#include "snapshotter/diff/layer_walk.h"
#include "snapshotter/diff/tar_writer.h"

namespace floe::snapshotter {
namespace {

constexpr char kOciGzip[] = "application/vnd.oci.image.layer.v1.tar+gzip";

absl::StatusOr<Compression> CompressionOf(const std::string& media_type) {
  static const std::map<std::string, Compression> known = {
      {"application/vnd.oci.image.layer.v1.tar", Compression::kNone},
      {kOciGzip, Compression::kGzip},
      {"application/vnd.oci.image.layer.v1.tar+zstd", Compression::kZstd},
      {"application/vnd.docker.image.rootfs.diff.tar", Compression::kNone},
      {"application/vnd.docker.image.rootfs.diff.tar.gzip", Compression::kGzip},
      {"application/vnd.docker.image.rootfs.diff.tar.zstd", Compression::kZstd},
  };
  const auto found = known.find(media_type);
  if (found != known.end()) return found->second;
  return absl::UnimplementedError(absl::StrCat("floe writes no layers of media type ", media_type,
                                               "; use tar, tar+gzip or tar+zstd"));
}

// Hashes and counts on the way to `sink`.
struct Measure {
  Sha256 hash;
  uint64_t size = 0;
  ByteSink sink;

  absl::Status operator()(ByteView bytes) {
    hash.Update(bytes);
    size += bytes.size();
    return sink(bytes);
  }
  std::string Digest() { return absl::StrCat("sha256:", ToHex(hash.Finish())); }
};

}  // namespace

absl::StatusOr<LayerDescriptor> Differ::Diff(const DiffRequest& request,
                                             const std::function<bool()>& cancelled) {
  LayerDescriptor layer;
  layer.media_type = request.media_type.empty() ? kOciGzip : request.media_type;
  FLOE_ASSIGN_OR_RETURN(const Compression compression, CompressionOf(layer.media_type));
  FLOE_ASSIGN_OR_RETURN(const std::string directory,
                        LayerBetween(request.left, request.right, snapshots_));
  auto ingest = store_.Begin(request.name_space, request.ref);
  if (absl::IsUnavailable(ingest.status())) {
    Log(LogLevel::kWarning, "no way to containerd's content store, its own differ takes over",
        {{"reason", ingest.status().message()}});
    return absl::UnimplementedError(ingest.status().message());
  }
  FLOE_RETURN_IF_ERROR(ingest.status());

  Measure blob;
  blob.sink = [&](ByteView bytes) -> absl::Status {
    if (cancelled()) return absl::CancelledError("the caller gave up");
    return (*ingest)->Write(bytes);
  };
  FLOE_ASSIGN_OR_RETURN(Compressor compressor, Compressor::Create(compression, std::ref(blob)));
  Measure plain;
  plain.sink = [&compressor](ByteView bytes) { return compressor.Write(bytes); };
  FLOE_ASSIGN_OR_RETURN(TarWriter tar, TarWriter::Create(std::ref(plain)));
  FLOE_RETURN_IF_ERROR(WriteLayer(directory, {request.source_date_epoch}, tar));
  FLOE_RETURN_IF_ERROR(tar.Finish());
  FLOE_RETURN_IF_ERROR(compressor.Finish());

  layer.digest = blob.Digest();
  layer.size = blob.size;
  layer.diff_id = plain.Digest();
  Labels labels = request.labels;
  labels[kUncompressedLabel] = layer.diff_id;
  FLOE_RETURN_IF_ERROR((*ingest)->Commit(layer.digest, layer.size, labels));
  return layer;
}

}  // namespace floe::snapshotter
