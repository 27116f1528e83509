// SPDX-License-Identifier: Apache-2.0
// room: cache
// Answers of a memcached that is none. The first byte says into which pieces the stream is cut; the
// replies must not depend on it.
#include <algorithm>
#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
#include "cache/meta_parser.h"

namespace floe::cache {
namespace {

// The kinds and contents of all replies, and whether the stream was refused.
std::string Replies(ByteView stream, size_t step) {
  MetaParser parser;
  std::string all;
  while (!stream.empty()) {
    size_t took = 0;
    for (const MutableByteView space : parser.Spaces()) {
      const size_t bytes = std::min({step - took, space.size(), stream.size()});
      std::copy_n(stream.begin(), bytes, space.begin());
      stream = stream.subspan(bytes);
      took += bytes;
    }
    if (took == 0) std::abort();
    parser.Took(took);
    while (true) {
      auto reply = parser.Next();
      if (!reply.ok()) return all + "refused";
      if (!*reply) break;
      all += std::to_string(static_cast<int>((*reply)->kind)) + (*reply)->text + "\n";
      if ((*reply)->value != nullptr) absl::StrAppend(&all, AsText(*(*reply)->value));
    }
  }
  return all;
}

}  // namespace
}  // namespace floe::cache

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const floe::ByteView stream(data + 1, size - 1);
  const std::string whole = floe::cache::Replies(stream, size_t{1} << 20);
  if (floe::cache::Replies(stream, size_t{1} + data[0] % 64) != whole) std::abort();
  return 0;
}
