// SPDX-License-Identifier: Apache-2.0
#include "cache/erasure_code.h"

#include <isa-l/erasure_code.h>

#include <array>
#include <cstring>
#include <vector>

namespace floe::cache {
namespace {

// ISA-L takes everything as unsigned char* and writes only where it says.
unsigned char* Writable(const uint8_t* bytes) { return const_cast<unsigned char*>(bytes); }

// ISA-L's xor_gen wants pointers aligned to 32 bytes, which slices of a chunk are not. Vectors of
// the compiler, loaded by memcpy, run at memory speed from any address on any machine.
using XorLane = uint8_t __attribute__((vector_size(16)));
constexpr size_t kXorLanes = 4;
constexpr size_t kXorStep = kXorLanes * sizeof(XorLane);

void XorStep(std::span<const uint8_t* const> sources, size_t at, uint8_t* out) {
  std::array<XorLane, kXorLanes> sum;
  std::memcpy(sum.data(), sources[0] + at, kXorStep);
  for (size_t s = 1; s < sources.size(); ++s) {
    std::array<XorLane, kXorLanes> next;
    std::memcpy(next.data(), sources[s] + at, kXorStep);
    for (size_t lane = 0; lane < kXorLanes; ++lane) sum[lane] ^= next[lane];
  }
  std::memcpy(out + at, sum.data(), kXorStep);
}

void Xor(size_t length, std::span<const uint8_t* const> sources, uint8_t* out) {
  size_t at = 0;
  for (; at + kXorStep <= length; at += kXorStep) XorStep(sources, at, out);
  for (; at < length; ++at) {
    uint8_t sum = 0;
    for (const uint8_t* source : sources) sum ^= source[at];
    out[at] = sum;
  }
}

Bytes CauchyMatrix(const Code& code) {
  Bytes matrix(code.shards() * code.k);
  gf_gen_cauchy1_matrix(matrix.data(), static_cast<int>(code.shards()), static_cast<int>(code.k));
  return matrix;
}

// out[row] = the row of coefficients times the sources.
void Multiply(size_t length, Bytes rows, std::span<const uint8_t* const> sources,
              std::span<uint8_t* const> out) {
  const auto k = static_cast<int>(sources.size());
  const auto count = static_cast<int>(out.size());
  Bytes tables(size_t{32} * sources.size() * out.size());
  ec_init_tables(k, count, rows.data(), tables.data());
  std::vector<unsigned char*> from;
  for (const uint8_t* source : sources) from.push_back(Writable(source));
  std::vector<unsigned char*> to(out.begin(), out.end());
  ec_encode_data(static_cast<int>(length), k, count, tables.data(), from.data(), to.data());
}

}  // namespace

ErasureCode::ErasureCode(const Code& code) : code_(code) {
  if (code.k > 1 && code.r > 1) matrix_ = CauchyMatrix(code);
}

void ErasureCode::Encode(size_t length, std::span<const uint8_t* const> data,
                         std::span<uint8_t* const> parity) const {
  if (matrix_.empty()) {
    for (uint8_t* out : parity) {
      if (out != nullptr) Xor(length, data, out);
    }
    return;
  }
  Bytes rows;
  std::vector<uint8_t*> wanted;
  for (size_t i = 0; i < parity.size(); ++i) {
    if (parity[i] == nullptr) continue;
    const auto row = matrix_.begin() + static_cast<ptrdiff_t>((code_.k + i) * code_.k);
    rows.insert(rows.end(), row, row + static_cast<ptrdiff_t>(code_.k));
    wanted.push_back(parity[i]);
  }
  if (!wanted.empty()) Multiply(length, std::move(rows), data, wanted);
}

void ErasureCode::Reconstruct(size_t length, std::span<const uint8_t* const> shards,
                              std::span<uint8_t* const> out) const {
  if (!matrix_.empty()) return ReconstructByMatrix(length, shards, out);
  for (size_t missing = 0; missing < code_.k; ++missing) {
    if (shards[missing] != nullptr) continue;
    // One copy, or all the others: with r = 1 no more than one is missing.
    std::vector<const uint8_t*> there;
    for (const uint8_t* shard : shards) {
      if (shard != nullptr && there.size() < code_.k) there.push_back(shard);
    }
    Xor(length, there, out[missing]);
  }
}

void ErasureCode::ReconstructByMatrix(size_t length, std::span<const uint8_t* const> shards,
                                      std::span<uint8_t* const> out) const {
  const size_t k = code_.k;
  Bytes chosen;
  std::vector<const uint8_t*> sources;
  for (size_t i = 0; i < shards.size() && sources.size() < k; ++i) {
    if (shards[i] == nullptr) continue;
    const auto row = matrix_.begin() + static_cast<ptrdiff_t>(i * k);
    chosen.insert(chosen.end(), row, row + static_cast<ptrdiff_t>(k));
    sources.push_back(shards[i]);
  }
  Bytes inverse(k * k);
  gf_invert_matrix(chosen.data(), inverse.data(), static_cast<int>(k));
  Bytes rows;
  std::vector<uint8_t*> wanted;
  for (size_t i = 0; i < k; ++i) {
    if (shards[i] != nullptr) continue;
    const auto row = inverse.begin() + static_cast<ptrdiff_t>(i * k);
    rows.insert(rows.end(), row, row + static_cast<ptrdiff_t>(k));
    wanted.push_back(out[i]);
  }
  if (!wanted.empty()) Multiply(length, std::move(rows), sources, wanted);
}

}  // namespace floe::cache
