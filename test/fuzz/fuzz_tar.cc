// SPDX-License-Identifier: Apache-2.0
// room: converter_flatten
// A layer as it may come from anywhere: compression, tar, tree, image. The first byte says how
// many layers the rest is cut into (1 or 2), so that merging is reached too.
#include <cstring>
#include <memory>

#include "converter/flatten/flatten.h"
#include "erofs/reader.h"

namespace floe::converter {
namespace {

class Input : public ByteStream {
 public:
  explicit Input(ByteView bytes) : bytes_(bytes) {}
  absl::StatusOr<size_t> Read(MutableByteView out) override {
    const size_t count = std::min(out.size(), bytes_.size());
    if (count > 0) std::memcpy(out.data(), bytes_.data(), count);
    bytes_ = bytes_.subspan(count);
    return count;
  }

 private:
  ByteView bytes_;
};

class Collect : public erofs::ImageSink {
 public:
  absl::Status Data(ByteView blocks) override {
    bytes.insert(bytes.end(), blocks.begin(), blocks.end());
    return absl::OkStatus();
  }
  absl::Status Zeros(uint64_t count) override {
    bytes.resize(bytes.size() + count);
    return absl::OkStatus();
  }
  Bytes bytes;
};

LayerInput Layer(ByteView bytes) {
  LayerInput layer;
  layer.name = "fuzz";
  layer.open = [bytes]() -> absl::StatusOr<std::unique_ptr<ByteStream>> {
    return std::make_unique<Input>(bytes);
  };
  return layer;
}

// A changed header would not get past its checksum.
void MendChecksums(Bytes& tar) {
  for (size_t at = 0; at + 512 <= tar.size(); at += 512) {
    uint8_t* block = tar.data() + at;
    if (std::memcmp(block + 257, "ustar", 5) != 0) continue;
    std::memset(block + 148, ' ', 8);
    unsigned sum = 0;
    for (size_t i = 0; i < 512; ++i) sum += block[i];
    for (size_t digit = 6; digit-- > 0; sum >>= 3) {
      block[148 + digit] = static_cast<uint8_t>('0' + (sum & 7));
    }
    block[154] = 0;
  }
}

// What Flatten accepts must be an image that the reader takes back.
void Check(FlatImage& image) {
  Collect sink;
  if (!image.Emit(sink).ok() || sink.bytes.size() != image.size_bytes()) __builtin_trap();
  const erofs::ReadAt read = [&sink](uint64_t offset, MutableByteView out) -> absl::Status {
    if (offset > sink.bytes.size() || out.size() > sink.bytes.size() - offset) __builtin_trap();
    std::memcpy(out.data(), sink.bytes.data() + offset, out.size());
    return absl::OkStatus();
  };
  if (!erofs::ReadTree(read, sink.bytes.size()).ok()) __builtin_trap();
}

}  // namespace
}  // namespace floe::converter

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace floe::converter;
  if (size == 0) return 0;
  floe::Bytes mended(data + 1, data + size);
  MendChecksums(mended);
  const floe::ByteView bytes(mended);
  std::vector<LayerInput> layers;
  const size_t cut = data[0] % 2 == 0 ? bytes.size() : bytes.size() / 1024 * 512;
  layers.push_back(Layer(bytes.subspan(0, cut)));
  if (cut < bytes.size()) layers.push_back(Layer(bytes.subspan(cut)));
  FlattenOptions options;
  options.work_dir = "/dev/shm";
  options.threads = 1;
  options.limits.max_unpacked_bytes = 8 << 20;
  options.limits.max_entries = 10'000;
  const auto image = Flatten(std::move(layers), options);
  if (image.ok()) Check(**image);
  return 0;
}
