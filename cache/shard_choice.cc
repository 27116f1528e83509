// SPDX-License-Identifier: Apache-2.0
#include "cache/shard_choice.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace floe::cache {

bool ShardChoice::Add(size_t index, store::SealedBytes bytes) {
  auto view = ParseShard(*bytes, id_, code_.code(), index);
  if (!view.ok()) return false;
  shards_[index] = *view;
  bytes_[index] = std::move(bytes);
  ++count_;
  return true;
}

ShardChoice::Mask ShardChoice::FirstOf(Mask from) const {
  Mask first = 0;
  for (size_t left = code_.code().k; left > 0 && from != 0; --left) {
    const Mask lowest = from & (~from + 1);
    first |= lowest;
    from &= ~lowest;
  }
  return first;
}

std::optional<store::VerifiedSealed> ShardChoice::Try(Mask choice) {
  const size_t k = code_.code().k;
  if (static_cast<size_t>(std::popcount(choice)) < k) return std::nullopt;
  if (mismatches_ >= shards_.size() || !tried_.insert(choice).second) return std::nullopt;
  std::vector<std::optional<ShardView>> chosen(shards_.size());
  std::optional<size_t> length;
  for (size_t i = 0; i < shards_.size(); ++i) {
    if ((choice >> i & 1) == 0) continue;
    if (length && *length != shards_[i]->sealed_length) return std::nullopt;  // one of them lies
    length = shards_[i]->sealed_length;
    chosen[i] = shards_[i];
  }
  auto verified = store::VerifyById(id_, JoinShards(code_, chosen));
  if (!verified.ok()) {
    ++mismatches_;
    return std::nullopt;
  }
  reconstructed_ = choice != (Mask{1} << k) - 1;
  return *std::move(verified);
}

std::optional<store::VerifiedSealed> ShardChoice::Find() {
  Mask all = 0;
  for (size_t i = 0; i < shards_.size(); ++i) all |= shards_[i] ? Mask{1} << i : 0;
  if (auto found = Try(FirstOf(all))) return found;
  for (size_t out = 0; out < shards_.size(); ++out) {
    if ((all >> out & 1) == 0) continue;
    if (auto found = Try(FirstOf(all & ~(Mask{1} << out)))) return found;
  }
  // Two or more lie. Choices in the order of permutations; the limit of Try ends it.
  std::vector<uint8_t> there;
  for (size_t i = 0; i < shards_.size(); ++i) {
    if ((all >> i & 1) != 0) there.push_back(static_cast<uint8_t>(i));
  }
  std::vector<bool> pick(there.size(), false);
  std::fill_n(pick.begin(), std::min(pick.size(), code_.code().k), true);
  do {
    if (mismatches_ >= shards_.size()) break;
    Mask choice = 0;
    for (size_t i = 0; i < there.size(); ++i) choice |= pick[i] ? Mask{1} << there[i] : 0;
    if (auto found = Try(choice)) return found;
  } while (std::prev_permutation(pick.begin(), pick.end()));
  return std::nullopt;
}

std::vector<size_t> ShardChoice::WrongShards(const store::VerifiedSealed& chunk) const {
  std::vector<size_t> wrong;
  if (mismatches_ == 0) return wrong;  // the usual case: nobody lied
  const auto right = MakeAllShards(id_, chunk.bytes(), code_);
  for (size_t i = 0; i < shards_.size(); ++i) {
    if (shards_[i] && *bytes_[i] != *right[i]) wrong.push_back(i);
  }
  return wrong;
}

}  // namespace floe::cache
