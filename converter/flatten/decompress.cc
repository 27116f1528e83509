// SPDX-License-Identifier: Apache-2.0
#include "converter/flatten/decompress.h"

#include <cstring>

#include "converter/flatten/compressed_input.h"
#include "converter/flatten/gzip_stream.h"
#include "converter/flatten/zstd_stream.h"

namespace floe::converter {
namespace {

class Plain : public ByteStream {
 public:
  explicit Plain(std::unique_ptr<CompressedInput> input) : input_(std::move(input)) {}

  absl::StatusOr<size_t> Read(MutableByteView out) override {
    FLOE_RETURN_IF_ERROR(input_->Fill());
    const size_t count = std::min(out.size(), input_->view().size());
    if (count > 0) std::memcpy(out.data(), input_->view().data(), count);
    input_->Consume(count);
    return count;
  }

 private:
  std::unique_ptr<CompressedInput> input_;
};

bool IsSkippableFrame(ByteView head) {
  return (head[0] & 0xF0) == 0x50 && head[1] == 0x2A && head[2] == 0x4D && head[3] == 0x18;
}

}  // namespace

Compression SniffCompression(ByteView head) {
  static constexpr uint8_t kZstdMagic[] = {0x28, 0xB5, 0x2F, 0xFD};
  if (head.size() >= 2 && head[0] == 0x1F && head[1] == 0x8B) return Compression::kGzip;
  if (head.size() >= 4 &&
      (std::memcmp(head.data(), kZstdMagic, 4) == 0 || IsSkippableFrame(head))) {
    return Compression::kZstd;
  }
  return Compression::kNone;
}

absl::StatusOr<std::unique_ptr<ByteStream>> Decompress(std::unique_ptr<ByteStream> stream,
                                                       Compression declared) {
  auto input = std::make_unique<CompressedInput>(std::move(stream));
  Compression compression = declared;
  if (declared != Compression::kNone) {
    FLOE_RETURN_IF_ERROR(input->Fill(4));
    const Compression seen = SniffCompression(input->view());
    if (declared == Compression::kSniff || seen != Compression::kNone) compression = seen;
  }
  switch (compression) {
    case Compression::kGzip:
      return GzipStream(std::move(input));
    case Compression::kZstd:
      return ZstdStream(std::move(input));
    default:
      return std::make_unique<Plain>(std::move(input));
  }
}

}  // namespace floe::converter
