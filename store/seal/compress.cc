// SPDX-License-Identifier: Apache-2.0
#include "store/seal/compress.h"

#include <zstd.h>

#include <cstdio>
#include <cstdlib>
#include <new>

#include "absl/strings/str_cat.h"

namespace floe::store {
namespace {

struct FreeCompression {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};
struct FreeDecompression {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

void Require(size_t result, const char* what) {
  if (!ZSTD_isError(result)) return;
  std::fprintf(stderr, "floe: zstd failed: %s: %s\n", what, ZSTD_getErrorName(result));
  std::abort();
}

}  // namespace

struct Compressor::Context {
  std::unique_ptr<ZSTD_CCtx, FreeCompression> zstd{ZSTD_createCCtx()};
  Bytes out;
};

Compressor::Compressor(int level) : context_(std::make_unique<Context>()) {
  ZSTD_CCtx* zstd = context_->zstd.get();
  if (zstd == nullptr) throw std::bad_alloc();
  // What is not named here has zstd's default for the level and the length of the input. No
  // checksum: the id is one. The content size costs 1-4 bytes and lets other tools read a frame.
  Require(ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, level), "level");
  Require(ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, 0), "checksum");
  Require(ZSTD_CCtx_setParameter(zstd, ZSTD_c_contentSizeFlag, 1), "content size");
  Require(ZSTD_CCtx_setParameter(zstd, ZSTD_c_dictIDFlag, 0), "dictionary id");
}

Compressor::~Compressor() = default;

std::optional<ByteView> Compressor::Compress(ByteView raw) {
  // Always the full bound: zstd may decide differently when it sees little room.
  const size_t bound = ZSTD_compressBound(raw.size());
  if (context_->out.size() < bound) context_->out.resize(bound);
  const size_t n =
      ZSTD_compress2(context_->zstd.get(), context_->out.data(), bound, raw.data(), raw.size());
  Require(n, "compress");
  if (n >= raw.size()) return std::nullopt;
  return ByteView(context_->out).first(n);
}

absl::Status Decompress(ByteView frame, MutableByteView raw) {
  thread_local const std::unique_ptr<ZSTD_DCtx, FreeDecompression> zstd(ZSTD_createDCtx());
  if (zstd == nullptr) throw std::bad_alloc();
  const size_t n =
      ZSTD_decompressDCtx(zstd.get(), raw.data(), raw.size(), frame.data(), frame.size());
  if (ZSTD_isError(n)) {
    return absl::DataLossError(absl::StrCat("decompression failed: ", ZSTD_getErrorName(n)));
  }
  if (n != raw.size()) {
    return absl::DataLossError(
        absl::StrCat("decompressed to ", n, " bytes instead of ", raw.size()));
  }
  return absl::OkStatus();
}

}  // namespace floe::store
