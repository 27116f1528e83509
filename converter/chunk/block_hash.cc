// SPDX-License-Identifier: Apache-2.0
#include "converter/chunk/block_hash.h"

#include <bit>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace floe::converter {
namespace {

static_assert(std::endian::native == std::endian::little, "words are read in place");

__extension__ typedef unsigned __int128 Uint128;

uint64_t Word(const uint8_t* bytes, size_t index) {
  uint64_t word;
  std::memcpy(&word, bytes + 8 * index, sizeof word);
  return word;
}

// The 64-bit finaliser of MurmurHash3: every input bit moves every output bit, so a threshold on
// the result is fair however regular the blocks are.
uint64_t Mix(uint64_t x) {
  x = (x ^ (x >> 33)) * 0xff51afd7ed558ccdULL;
  x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53ULL;
  return x ^ (x >> 33);
}

}  // namespace

absl::StatusOr<BlockHash> BlockHash::Create(Secret key) {
  if (key.size() != kKeyBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("block hash key of ", key.size(), " bytes, needs ", kKeyBytes));
  }
  return BlockHash(std::move(key));
}

uint64_t BlockHash::operator()(const uint8_t* block) const {
  const uint8_t* key = key_.view().data();
  // Four sums, so that the multiplications of neighbouring pairs do not wait for one another.
  Uint128 sums[4] = {};
  for (size_t i = 0; i < kWords; i += 8) {
    for (size_t lane = 0; lane < 4; ++lane) {
      const size_t at = i + 2 * lane;
      sums[lane] += static_cast<Uint128>(Word(block, at) + Word(key, at)) *
                    (Word(block, at + 1) + Word(key, at + 1));
    }
  }
  const Uint128 sum = sums[0] + sums[1] + sums[2] + sums[3];
  const uint64_t folded = static_cast<uint64_t>(sum) ^ static_cast<uint64_t>(sum >> 64);
  return Mix(folded ^ Word(key, kWords));
}

bool IsZeroBlock(const uint8_t* block) {
  // The block equals itself moved by one word and begins with a zero word.
  return Word(block, 0) == 0 && std::memcmp(block, block + 8, store::kBlockBytes - 8) == 0;
}

}  // namespace floe::converter
