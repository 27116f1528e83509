// SPDX-License-Identifier: Apache-2.0
// link: converter_flatten nlohmann_json::nlohmann_json
// flatten_tool LAYOUT TAG IMAGE [--threads N] [--strict] [--work DIR]: flattens one image of an OCI
// layout into a file, for tests that compare it with what others unpack. Prints one line of JSON.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/sha256.h"
#include "converter/flatten/flatten.h"

namespace floe::converter {
namespace {

using Json = nlohmann::json;

// A blob of the layout; its digest is checked at the end, as every source does.
class BlobStream : public ByteStream {
 public:
  BlobStream(UniqueFd file, std::string hex) : file_(std::move(file)), hex_(std::move(hex)) {}
  absl::StatusOr<size_t> Read(MutableByteView out) override {
    const ssize_t got = ::read(file_.get(), out.data(), out.size());
    if (got < 0) return ErrnoStatus(errno, "read blob");
    hash_.Update(out.subspan(0, static_cast<size_t>(got)));
    if (got == 0 && ToHex(hash_.Finish()) != hex_) {
      return absl::DataLossError("the blob is not what its digest says");
    }
    return static_cast<size_t>(got);
  }

 private:
  UniqueFd file_;
  std::string hex_;
  Sha256 hash_;
};

class FileSink : public erofs::ImageSink {
 public:
  explicit FileSink(int fd) : fd_(fd) {}
  absl::Status Data(ByteView blocks) override {
    hash_.Update(blocks);
    const absl::Status status = WriteFullAt(fd_, blocks, offset_);
    offset_ += blocks.size();
    return status;
  }
  absl::Status Zeros(uint64_t bytes) override {
    static const Bytes kZeros(1 << 20);
    offset_ += bytes;
    for (; bytes > 0; bytes -= std::min<uint64_t>(bytes, kZeros.size())) {
      hash_.Update(ByteView(kZeros).subspan(0, std::min<uint64_t>(bytes, kZeros.size())));
    }
    return ::ftruncate(fd_, static_cast<off_t>(offset_)) == 0 ? absl::OkStatus()
                                                              : ErrnoStatus(errno, "ftruncate");
  }
  uint64_t offset() const { return offset_; }
  std::string Digest() { return ToHex(hash_.Finish()); }

 private:
  int fd_;
  uint64_t offset_ = 0;
  Sha256 hash_;
};

std::string BlobPath(const std::string& layout, const std::string& digest) {
  return layout + "/blobs/sha256/" + digest.substr(digest.find(':') + 1);
}

Json ReadJson(const std::string& path) { return Json::parse(std::ifstream(path)); }

std::string ManifestDigest(const std::string& layout, const std::string& tag) {
  const Json index = ReadJson(layout + "/index.json");
  for (const Json& entry : index.at("manifests")) {
    const Json annotations = entry.value("annotations", Json::object());
    if (tag.empty() || annotations.value("org.opencontainers.image.ref.name", "") == tag) {
      return entry.at("digest").get<std::string>();
    }
  }
  return "";
}

std::vector<LayerInput> Layers(const std::string& layout, const std::string& tag) {
  const Json manifest = ReadJson(BlobPath(layout, ManifestDigest(layout, tag)));
  const Json config = ReadJson(BlobPath(layout, manifest.at("config").at("digest")));
  std::vector<LayerInput> layers;
  for (const Json& layer : manifest.at("layers")) {
    LayerInput input;
    input.name = layer.at("digest").get<std::string>();
    input.diff_id = config.at("rootfs").at("diff_ids").at(layers.size()).get<std::string>();
    const std::string media_type = layer.at("mediaType").get<std::string>();
    input.compression = absl::EndsWith(media_type, "gzip")   ? Compression::kGzip
                        : absl::EndsWith(media_type, "zstd") ? Compression::kZstd
                                                             : Compression::kSniff;
    input.open = [path = BlobPath(layout, input.name),
                  hex = input.name.substr(7)]() -> absl::StatusOr<std::unique_ptr<ByteStream>> {
      FLOE_ASSIGN_OR_RETURN(UniqueFd file, OpenFile(path, O_RDONLY));
      return std::make_unique<BlobStream>(std::move(file), hex);
    };
    layers.push_back(std::move(input));
  }
  return layers;
}

double CpuSeconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double Seconds(std::chrono::steady_clock::time_point since) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - since).count();
}

absl::Status Run(const std::string& layout, const std::string& tag, const std::string& image,
                 const FlattenOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  FLOE_ASSIGN_OR_RETURN(std::unique_ptr<FlatImage> flat, Flatten(Layers(layout, tag), options));
  const double flatten_seconds = Seconds(start);
  const double flatten_cpu_seconds = CpuSeconds();
  FLOE_ASSIGN_OR_RETURN(UniqueFd out, OpenFile(image, O_RDWR | O_CREAT | O_TRUNC, 0644));
  FileSink sink(out.get());
  const auto emit = std::chrono::steady_clock::now();
  FLOE_RETURN_IF_ERROR(flat->Emit(sink));
  if (sink.offset() != flat->size_bytes()) return absl::InternalError("size_bytes is wrong");
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const FlattenStats& stats = flat->stats();
  std::cout << Json({{"bytes", flat->size_bytes()},
                     {"sha256", sink.Digest()},
                     {"metadata_bytes", stats.metadata_bytes},
                     {"data_bytes", stats.data_bytes},
                     {"zero_bytes", stats.zero_bytes},
                     {"files", stats.files},
                     {"directories", stats.directories},
                     {"symlinks", stats.symlinks},
                     {"others", stats.others},
                     {"entries", stats.input.entries},
                     {"flatten_seconds", flatten_seconds},
                     {"flatten_cpu_seconds", flatten_cpu_seconds},
                     {"emit_seconds", Seconds(emit)},
                     {"cpu_seconds", CpuSeconds()},
                     {"max_rss_kb", usage.ru_maxrss}})
                   .dump()
            << "\n";
  return absl::OkStatus();
}

}  // namespace
}  // namespace floe::converter

int main(int argc, char** argv) {
  std::vector<std::string> names;
  floe::converter::FlattenOptions options;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--threads" && i + 1 < argc) {
      options.threads = std::stoi(argv[++i]);
    } else if (argument == "--work" && i + 1 < argc) {
      options.work_dir = argv[++i];
    } else if (argument == "--strict") {
      options.strict = true;
    } else {
      names.push_back(argument);
    }
  }
  if (names.size() != 3) {
    std::cerr << "usage: flatten_tool LAYOUT TAG IMAGE [--threads N] [--strict] [--work DIR]\n";
    return 2;
  }
  const absl::Status status = floe::converter::Run(names[0], names[1], names[2], options);
  if (!status.ok()) std::cerr << "flatten_tool: " << status.ToString() << "\n";
  return status.ok() ? 0 : 1;
}
