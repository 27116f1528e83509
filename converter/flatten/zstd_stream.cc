// SPDX-License-Identifier: Apache-2.0
#include "converter/flatten/zstd_stream.h"

#include <zstd.h>

#include "absl/strings/str_cat.h"

namespace floe::converter {
namespace {

struct FreeContext {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

class Zstd : public ByteStream {
 public:
  explicit Zstd(std::unique_ptr<CompressedInput> input)
      : input_(std::move(input)), context_(ZSTD_createDCtx()) {}

  absl::StatusOr<size_t> Read(MutableByteView out) override {
    while (true) {
      FLOE_RETURN_IF_ERROR(input_->Fill());
      const ByteView in = input_->view();
      if (in.empty() && between_frames_) {
        if (frames_ == 0) return absl::DataLossError("the zstd stream is empty");
        return 0;
      }
      ZSTD_inBuffer source{in.data(), in.size(), 0};
      ZSTD_outBuffer target{out.data(), out.size(), 0};
      const size_t result = ZSTD_decompressStream(context_.get(), &target, &source);
      if (ZSTD_isError(result) != 0) {
        return absl::DataLossError(
            absl::StrCat("the zstd stream is corrupt: ", ZSTD_getErrorName(result)));
      }
      input_->Consume(source.pos);
      between_frames_ = result == 0;
      if (between_frames_) ++frames_;
      if (target.pos > 0) return target.pos;
      if (in.empty() && !between_frames_) {
        return absl::DataLossError("the zstd stream is cut short");
      }
    }
  }

 private:
  std::unique_ptr<CompressedInput> input_;
  std::unique_ptr<ZSTD_DCtx, FreeContext> context_;
  bool between_frames_ = true;
  uint64_t frames_ = 0;
};

}  // namespace

std::unique_ptr<ByteStream> ZstdStream(std::unique_ptr<CompressedInput> input) {
  return std::make_unique<Zstd>(std::move(input));
}

}  // namespace floe::converter
