// SPDX-License-Identifier: Apache-2.0
// room: store
// Writes the seeds of fuzz_manifest into the folder given: valid manifests of several shapes.
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "store/manifest/format.h"
#include "store/manifest/table.h"
#include "test/unit/store/manifest/manifest_sample.h"

namespace floe::store {
namespace {

int count = 0;

absl::Status Write(const std::string& folder, uint8_t mode, ByteView bytes) {
  Bytes seed = {mode};
  seed.insert(seed.end(), bytes.begin(), bytes.end());
  return WriteFileAtomically(absl::StrCat(folder, "/manifest-", count++), seed, 0644, Replace::kYes,
                             Durable::kNo);
}

absl::Status WriteSeeds(const std::string& folder) {
  FLOE_RETURN_IF_ERROR(MakeDirectories(folder));
  for (const uint32_t chunks : {0u, 1u, 3u, 40u}) {
    const Manifest manifest = SampleManifest(chunks);
    for (const std::vector<uint8_t>& recipients : {std::vector<uint8_t>{}, {0x55}, {0x66, 0x55}}) {
      const EncodedManifest encoded = SampleEncoded(manifest, recipients);
      FLOE_RETURN_IF_ERROR(Write(folder, 0, encoded.file));
      FLOE_RETURN_IF_ERROR(Write(folder, 0, encoded.body_and_signatures));
    }
    const EncodedManifest encoded = SampleEncoded(manifest);
    Bytes plain(encoded.file.begin(),
                encoded.file.begin() + kManifestHeaderBytes + size_t{32} * chunks);
    const Secret table = EncodeTable(manifest);
    plain.insert(plain.end(), table.view().begin(), table.view().end());
    FLOE_RETURN_IF_ERROR(Write(folder, 1, plain));
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace floe::store

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
    return 2;
  }
  const absl::Status status = floe::store::WriteSeeds(argv[1]);
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}
