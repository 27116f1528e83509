// SPDX-License-Identifier: Apache-2.0
// Sealing and opening chunks against the sum of their parts, measured over the same bytes in the
// same run on one thread: hashes, AES-GCM, zstd. usage: chunk_parts [FILE...]
// (default: this program; give files like those in images).
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "base/file.h"
#include "bench/stopwatch.h"
#include "store/seal/cipher.h"
#include "store/seal/compress.h"
#include "store/seal/seal.h"

namespace floe::store {
namespace {

constexpr size_t kChunk = 256 << 10;
constexpr int kRounds = 5;
constexpr double kMark = 1.1;

struct Chunk {
  Bytes raw;
  Bytes plain;  // compressed, or raw
  SealedChunk sealed;
};

std::vector<Chunk> MakeChunks(const Bytes& input, Sealer& sealer, Compressor& compressor) {
  std::vector<Chunk> chunks;
  for (size_t at = 0; at + kBlockBytes <= input.size(); at += kChunk) {
    const size_t size = std::min(kChunk, (input.size() - at) / kBlockBytes * kBlockBytes);
    Bytes raw(input.begin() + at, input.begin() + at + size);
    const std::optional<ByteView> frame = compressor.Compress(raw);
    Bytes plain = frame ? Bytes(frame->begin(), frame->end()) : raw;
    SealedChunk sealed = *sealer.Seal(raw);
    chunks.push_back({std::move(raw), std::move(plain), std::move(sealed)});
  }
  return chunks;
}

void Row(const char* name, double seconds, size_t bytes) {
  std::printf("  %-22s %8.1f ms  %7.0f MB/s\n", name, seconds * 1e3,
              static_cast<double>(bytes) / 1e6 / seconds);
}

bool Report(const char* what, double whole, double parts, size_t bytes) {
  Row(what, whole, bytes);
  std::printf("  ratio to its parts     %8.2f (mark %.1f)%s\n", whole / parts, kMark,
              whole / parts > kMark ? "  MISSED" : "");
  return whole / parts <= kMark;
}

bool MeasureOpening(const std::vector<Chunk>& chunks, size_t raw_bytes) {
  Bytes plain(kMaxRawChunkBytes);
  Bytes raw(kMaxRawChunkBytes);
  const auto each = [&](const std::function<void(const Chunk&)>& work) {
    return Fastest(kRounds, [&] {
      for (const Chunk& chunk : chunks) work(chunk);
    });
  };
  const double hash = each([](const Chunk& c) { Sha256(c.sealed.sealed.bytes()); });
  const double gcm = each([&](const Chunk& c) {
    GcmOpenNonceZero(c.sealed.ref.key, {}, c.sealed.sealed.bytes(),
                     MutableByteView(plain).first(c.plain.size()));
  });
  const double unzstd = each([&](const Chunk& c) {
    if (c.sealed.ref.codec == Codec::kZstd) {
      (void)Decompress(c.plain, MutableByteView(raw).first(c.raw.size()));
    }
  });
  const double whole = each([&](const Chunk& c) {
    const auto verified = VerifyById(c.sealed.ref.id, c.sealed.sealed.shared());
    (void)OpenChunk(*verified, c.sealed.ref, MutableByteView(raw).first(c.raw.size()));
  });
  std::printf("open (raw bytes a second)\n");
  Row("SHA-256", hash, raw_bytes);
  Row("AES-256-GCM", gcm, raw_bytes);
  Row("unzstd", unzstd, raw_bytes);
  return Report("verify and open", whole, hash + gcm + unzstd, raw_bytes);
}

bool MeasureSealing(const std::vector<Chunk>& chunks, size_t raw_bytes, Sealer& sealer,
                    Compressor& compressor) {
  Bytes out(kMaxRawChunkBytes + kGcmTagBytes);
  const auto each = [&](const std::function<void(const Chunk&)>& work) {
    return Fastest(kRounds, [&] {
      for (const Chunk& chunk : chunks) work(chunk);
    });
  };
  const double zstd = each([&](const Chunk& c) { compressor.Compress(c.raw); });
  const double hash = each([](const Chunk& c) {
    Sha256(c.plain);
    Sha256(c.sealed.sealed.bytes());
  });
  const double gcm = each([&](const Chunk& c) {
    GcmSealNonceZero(c.sealed.ref.key, {}, c.plain,
                     MutableByteView(out).first(c.plain.size() + kGcmTagBytes));
  });
  const double whole = each([&](const Chunk& c) { (void)sealer.Seal(c.raw); });
  std::printf("seal (raw bytes a second)\n");
  Row("zstd", zstd, raw_bytes);
  Row("SHA-256 twice", hash, raw_bytes);
  Row("AES-256-GCM", gcm, raw_bytes);
  return Report("seal", whole, zstd + hash + gcm, raw_bytes);
}

int Run(const std::vector<std::string>& files) {
  SealingDomain domain;
  domain.secret = Secret(32);
  Sealer sealer(domain, {});
  Compressor compressor(CodecParameters().level);
  std::vector<Chunk> chunks;
  size_t raw_bytes = 0;
  for (const std::string& file : files) {
    auto input = ReadWholeFile(file, 256 << 20);
    if (!input.ok()) {
      std::fprintf(stderr, "%s\n", input.status().ToString().c_str());
      return 1;
    }
    for (Chunk& chunk : MakeChunks(*input, sealer, compressor)) {
      raw_bytes += chunk.raw.size();
      chunks.push_back(std::move(chunk));
    }
  }
  std::printf("%zu chunks of at most %zu KiB, %.1f MB\n", chunks.size(), kChunk >> 10,
              static_cast<double>(raw_bytes) / 1e6);
  const bool opening = MeasureOpening(chunks, raw_bytes);
  const bool sealing = MeasureSealing(chunks, raw_bytes, sealer, compressor);
  return opening && sealing ? 0 : 1;
}

}  // namespace
}  // namespace floe::store

int main(int argc, char** argv) {
  std::vector<std::string> files(argv + 1, argv + argc);
  if (files.empty()) files.push_back("/proc/self/exe");
  return floe::store::Run(files);
}
