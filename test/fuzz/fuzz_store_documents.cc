// SPDX-License-Identifier: Apache-2.0
// room: store
// The small documents of a store and of keys: floe.json, log entries, conversion records, key
// texts, the documents of a store in a registry.
#include <cstdlib>

#include "store/conversion.h"
#include "store/keys/key_text.h"
#include "store/origin/object_store.h"
#include "store/origin/store_layout.h"
#include "store/registry/artifacts.h"

namespace floe::store {
namespace {

void Require(bool ok) {
  if (!ok) std::abort();
}

// What is read must be written the same, or at least be read the same again.
void RoundTrip(ByteView bytes) {
  const absl::string_view text = AsText(bytes);
  if (auto info = DecodeStoreInfo(text); info.ok()) {
    Require(DecodeStoreInfo(EncodeStoreInfo(*info)).ok());
  }
  if (auto entry = DecodeLogEntry(text); entry.ok()) {
    Require(DecodeLogEntry(EncodeLogEntry(*entry)).ok());
    (void)ReplayLog({*entry});
  }
  if (auto record = DecodeConversionRecord(bytes); record.ok()) {
    const Bytes again = EncodeConversionRecord(*record);
    Require(std::equal(again.begin(), again.end(), bytes.begin(), bytes.end()));
  }
  if (auto index = DecodePackIndex(bytes); index.ok()) {
    const Bytes again = EncodePackIndex(*index);
    Require(std::equal(again.begin(), again.end(), bytes.begin(), bytes.end()));
  }
  if (auto manifest = oci::ParseManifest(bytes, ""); manifest.ok()) {
    (void)DecodeObjectArtifact(*manifest);
    if (auto artifact = DecodeIndexArtifact(*manifest); artifact.ok()) {
      const registry::StoredManifest again = EncodeIndexArtifact(*artifact);
      Require(oci::ParseManifest(again.bytes, "").ok());
    }
  }
  (void)ParseRegistryName(text);
  (void)ParseTag(text);
  if (auto keys = ParseKeyText(text); keys.ok()) {
    Require(ParseKeyText(AsText(FormatKeyText(*keys).view())).ok());
  }
  (void)CheckObjectName(text);
  (void)ChunkIdOfName(text);
  (void)ManifestIdOfName(text);
}

}  // namespace
}  // namespace floe::store

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  floe::store::RoundTrip({data, size});
  return 0;
}
