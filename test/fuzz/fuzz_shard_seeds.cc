// SPDX-License-Identifier: Apache-2.0
// room: cache
// Writes the seeds of fuzz_shard into the folder given: shards of several codes, lengths and
// places.
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "cache/shard.h"

namespace floe::cache {
namespace {

absl::Status WriteShardSeeds(const std::string& folder) {
  FLOE_RETURN_IF_ERROR(MakeDirectories(folder));
  store::ChunkId id;
  id.bytes[5] = 7;  // as the target
  int count = 0;
  for (const Code code : {Code{1, 0}, Code{1, 1}, Code{4, 1}, Code{10, 2}}) {
    for (const size_t length : {1, 16, 100, 4112}) {
      const auto shards = MakeAllShards(id, Bytes(length, 0x41), ErasureCode(code));
      for (size_t i = 0; i < shards.size(); ++i) {
        Bytes seed = {static_cast<uint8_t>(code.k - 1), static_cast<uint8_t>(4 * i + code.r),
                      static_cast<uint8_t>(count % 2)};
        seed.insert(seed.end(), shards[i]->begin(), shards[i]->end());
        FLOE_RETURN_IF_ERROR(WriteFileAtomically(absl::StrCat(folder, "/shard-", count++), seed,
                                                 0644, Replace::kYes, Durable::kNo));
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace floe::cache

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
    return 2;
  }
  const absl::Status status = floe::cache::WriteShardSeeds(argv[1]);
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}
