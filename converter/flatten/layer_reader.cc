// SPDX-License-Identifier: Apache-2.0
#include "converter/flatten/layer_reader.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "base/sha256.h"
#include "converter/flatten/decompress.h"
#include "converter/flatten/tar_reader.h"

namespace floe::converter {
namespace {

constexpr uint64_t kReportEvery = 4 << 20;

// Counts what is read of the stored layer.
class CountedStream : public ByteStream {
 public:
  CountedStream(std::unique_ptr<ByteStream> stream, FlattenTally& tally)
      : stream_(std::move(stream)), tally_(tally) {}
  absl::StatusOr<size_t> Read(MutableByteView out) override {
    FLOE_RETURN_IF_ERROR(tally_.CheckStop());
    FLOE_ASSIGN_OR_RETURN(const size_t got, stream_->Read(out));
    tally_.AddCompressed(got);
    return got;
  }

 private:
  std::unique_ptr<ByteStream> stream_;
  FlattenTally& tally_;
};

// Hashes the tar on its way, when asked to.
class TarSource : public PieceSource {
 public:
  TarSource(std::unique_ptr<PieceSource> source, bool hash, FlattenTally& tally)
      : source_(std::move(source)), tally_(tally) {
    if (hash) hash_.emplace();
  }
  absl::StatusOr<ByteView> Next() override {
    FLOE_RETURN_IF_ERROR(tally_.CheckStop());
    FLOE_ASSIGN_OR_RETURN(const ByteView piece, source_->Next());
    if (hash_) hash_->Update(piece);
    tally_.AddUnpacked(piece.size());
    return piece;
  }
  std::string DiffId() { return hash_ ? "sha256:" + ToHex(hash_->Finish()) : ""; }

 private:
  std::unique_ptr<PieceSource> source_;
  FlattenTally& tally_;
  std::optional<Sha256> hash_;
};

absl::Status AddEntries(TarReader& reader, const FlattenOptions& options, FlattenTally& tally,
                        LayerResult& result) {
  TarEntry entry;
  while (true) {
    FLOE_ASSIGN_OR_RETURN(const bool more, reader.Next(entry));
    if (!more) return absl::OkStatus();
    uint64_t xattrs = 0;
    for (const auto& [name, value] : entry.xattrs) xattrs += name.size() + value.size();
    const std::string what = absl::StrCat("entry \"", entry.name.substr(0, 300), "\"");
    FLOE_RETURN_IF_ERROR(
        Annotate(tally.AddEntry(entry.type == TarType::kRegular ? entry.size : 0, xattrs), what));
    const uint64_t nodes = result.builder->tree().node_count();
    const absl::StatusOr<bool> has_data = result.builder->Add(entry, options.limits.max_path_bytes);
    if (!has_data.ok()) return Annotate(has_data.status(), what);
    const uint64_t made = result.builder->tree().node_count() - nodes;
    if (made > 1) FLOE_RETURN_IF_ERROR(Annotate(tally.AddImplied(made - 1), what));
    if (!*has_data) continue;
    Spool& spool = *result.spool;
    FLOE_RETURN_IF_ERROR(Annotate(reader.ReadData(entry,
                                                  [&spool](ByteView data, uint64_t zeros) {
                                                    return data.empty() ? spool.AppendZeros(zeros)
                                                                        : spool.Append(data);
                                                  }),
                                  what));
  }
}

absl::StatusOr<LayerResult> Read(const LayerInput& layer, bool bottom,
                                 const FlattenOptions& options, FlattenTally& tally) {
  LayerResult result;
  FLOE_ASSIGN_OR_RETURN(result.spool, Spool::Create(options.work_dir));
  result.builder = std::make_unique<LayerBuilder>(bottom, *result.spool);
  FLOE_ASSIGN_OR_RETURN(std::unique_ptr<ByteStream> stored, layer.open());
  stored = std::make_unique<CountedStream>(std::move(stored), tally);
  FLOE_ASSIGN_OR_RETURN(std::unique_ptr<ByteStream> tar,
                        Decompress(std::move(stored), layer.compression));
  TarSource source(options.threads > 1 ? ReadAhead(std::move(tar)) : ReadInline(std::move(tar)),
                   options.strict, tally);
  TarReader reader(source);
  FLOE_RETURN_IF_ERROR(AddEntries(reader, options, tally, result));
  FLOE_RETURN_IF_ERROR(result.spool->Finish());
  result.diff_id = source.DiffId();
  if (options.strict && !layer.diff_id.empty() && result.diff_id != layer.diff_id) {
    return absl::DataLossError(absl::StrCat("its tar has the digest ", result.diff_id,
                                            ", but the image's config says ", layer.diff_id,
                                            " (the image is damaged: pull or build it again)"));
  }
  return result;
}

}  // namespace

absl::Status FlattenTally::CheckStop() const {
  if (options_.cancel.cancelled() || stop_.token().cancelled()) {
    return absl::CancelledError("flattening was cancelled");
  }
  return absl::OkStatus();
}

void FlattenTally::AddCompressed(uint64_t bytes) {
  MutexLock lock(mutex_);
  progress_.compressed_bytes += bytes;
}

void FlattenTally::AddUnpacked(uint64_t bytes) {
  MutexLock lock(mutex_);
  progress_.unpacked_bytes += bytes;
  if (progress_.unpacked_bytes - reported_ >= kReportEvery) Report();
}

absl::Status FlattenTally::AddEntry(uint64_t data, uint64_t xattrs) {
  const FlattenLimits& limits = options_.limits;
  MutexLock lock(mutex_);
  ++progress_.entries;
  xattr_bytes_ += xattrs;
  FLOE_RETURN_IF_ERROR(CheckEntries());
  if (xattr_bytes_ > limits.max_xattr_bytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the image has more than ", limits.max_xattr_bytes, " bytes of xattrs"));
  }
  if (data > limits.max_unpacked_bytes - data_bytes_) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the image unpacks to more than ", limits.max_unpacked_bytes, " bytes"));
  }
  data_bytes_ += data;
  return absl::OkStatus();
}

absl::Status FlattenTally::AddImplied(uint64_t directories) {
  MutexLock lock(mutex_);
  implied_ += directories;
  return CheckEntries();
}

absl::Status FlattenTally::CheckEntries() const {
  const uint64_t limit = options_.limits.max_entries;
  if (progress_.entries + implied_ <= limit) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("the image has more than ", limit, " entries and directories without one"));
}

void FlattenTally::LayerDone() {
  MutexLock lock(mutex_);
  ++progress_.layers_done;
  Report();
}

FlattenProgress FlattenTally::progress() const {
  MutexLock lock(mutex_);
  return progress_;
}

void FlattenTally::Report() {
  reported_ = progress_.unpacked_bytes;
  if (options_.progress) options_.progress(progress_);
}

absl::StatusOr<LayerResult> ReadLayer(const LayerInput& layer, bool bottom,
                                      const FlattenOptions& options, FlattenTally& tally) {
  absl::StatusOr<LayerResult> result = Read(layer, bottom, options, tally);
  if (result.ok()) {
    tally.LayerDone();
    return result;
  }
  return Annotate(result.status(), absl::StrCat("layer ", layer.name));
}

}  // namespace floe::converter
