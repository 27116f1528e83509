// SPDX-License-Identifier: Apache-2.0
// Compressed bytes for tests.
#pragma once

#include <isa-l/igzip_lib.h>
#include <zstd.h>

#include <memory>
#include <random>
#include <string>

namespace floe::converter {

// Bytes that compress somewhat; the same every time.
inline std::string Mixed(size_t size) {
  std::mt19937 random(42);
  std::string bytes;
  while (bytes.size() < size) {
    if (random() % 3 == 0) {
      bytes += std::string(random() % 50, 'z');
    } else {
      bytes.push_back(static_cast<char>(random()));
    }
  }
  bytes.resize(size);
  return bytes;
}

inline std::string Gzip(const std::string& plain) {
  auto stream = std::make_unique<isal_zstream>();
  isal_deflate_stateless_init(stream.get());
  std::string packed(plain.size() * 2 + 1000, '\0');
  std::string input = plain;
  stream->gzip_flag = IGZIP_GZIP;
  stream->next_in = reinterpret_cast<uint8_t*>(input.data());
  stream->avail_in = static_cast<uint32_t>(input.size());
  stream->end_of_stream = 1;
  stream->next_out = reinterpret_cast<uint8_t*>(packed.data());
  stream->avail_out = static_cast<uint32_t>(packed.size());
  isal_deflate_stateless(stream.get());
  packed.resize(stream->total_out);
  return packed;
}

// With a checksum.
inline std::string Zstd(const std::string& plain) {
  std::string packed(ZSTD_compressBound(plain.size()) + 16, '\0');
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
  packed.resize(ZSTD_compress2(context, packed.data(), packed.size(), plain.data(), plain.size()));
  ZSTD_freeCCtx(context);
  return packed;
}

}  // namespace floe::converter
