// SPDX-License-Identifier: Apache-2.0
// room: store
// Writes the seeds of fuzz_store_documents into the folder given: one valid document of each kind.
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "store/conversion.h"
#include "store/keys/key_text.h"
#include "store/origin/store_layout.h"
#include "store/registry/artifacts.h"

namespace floe::store {
namespace {

absl::Status Write(const std::string& path, ByteView bytes) {
  return WriteFileAtomically(path, bytes, 0644, Replace::kYes, Durable::kNo);
}

absl::Status WriteSeeds(const std::string& folder) {
  FLOE_RETURN_IF_ERROR(MakeDirectories(folder));
  StoreInfo info;
  info.domains = {{DomainId{{2}}, "default"}, {kPublicDomain, "public"}};
  FLOE_RETURN_IF_ERROR(Write(folder + "/floe.json", AsBytes(EncodeStoreInfo(info))));
  const LogEntry entry{
      1, SystemTime(std::chrono::seconds(1000)), {{RootId{{1}}, RootState::kActive}}};
  FLOE_RETURN_IF_ERROR(Write(folder + "/log", AsBytes(EncodeLogEntry(entry))));
  ConversionRecord record;
  record.layer = Bytes(40, 7);
  FLOE_RETURN_IF_ERROR(Write(folder + "/conversion", EncodeConversionRecord(record)));
  PackIndex index;
  index.packs = {{{}, 100}};
  index.chunks = {{{}, 0, 0, 100}};
  FLOE_RETURN_IF_ERROR(Write(folder + "/index", EncodePackIndex(index)));
  IndexArtifact artifact;
  artifact.index = artifact.record = oci::DescribeBytes("", AsBytes("x"));
  artifact.packs = {DescribePack(index.packs[0])};
  FLOE_RETURN_IF_ERROR(Write(folder + "/artifact", EncodeIndexArtifact(artifact).bytes));
  FLOE_ASSIGN_OR_RETURN(const SigningKey signing, SigningKey::FromSeed(Secret(32)));
  std::vector<KeyEntry> keys;
  keys.push_back(RecipientEntry(Secret(32)));
  keys.push_back(SigningEntry(signing));
  keys.push_back(SignerEntry(signing.verifying_key()));
  keys.push_back({KeyEntry::Kind::kDomain, std::string(32, 'd'), Secret(32), ""});
  return Write(folder + "/keys", FormatKeyText(keys).view());
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
