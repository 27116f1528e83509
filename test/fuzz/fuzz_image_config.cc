// SPDX-License-Identifier: Apache-2.0
// room: converter
// Documents of images as anybody may publish them: manifest, index, config, OCI layout index, and
// the layer of a published image. What is read must also survive being written and read again.
#include <cstdlib>
#include <cstring>

#include "converter/publish/tiny_layer.h"
#include "converter/source/layout_index.h"
#include "oci/config.h"
#include "oci/manifest.h"
#include "oci/media_types.h"
#include "oci/verifying_stream.h"

namespace floe::converter {
namespace {

void Check(bool holds) {
  if (!holds) abort();
}

void Documents(ByteView text) {
  (void)oci::DocumentType(text, "");
  for (const char* type : {"", oci::kOciManifest, oci::kDockerManifest}) {
    const auto manifest = oci::ParseManifest(text, type);
    if (!manifest.ok()) continue;
    const std::string again = oci::SerializeManifest(*manifest);
    const auto second = oci::ParseManifest(AsBytes(again), "");
    Check(second.ok() && oci::SerializeManifest(*second) == again);
  }
  const auto index = oci::ParseIndex(text, "");
  if (index.ok()) {
    const std::string again = oci::SerializeIndex(*index);
    const auto second = oci::ParseIndex(AsBytes(again), "");
    Check(second.ok() && oci::SerializeIndex(*second) == again);
  }
  (void)PickFromLayout(text, "t", "fuzz");
  (void)AddToLayout(text, "t", oci::DescribeBytes(oci::kOciManifest, text), "fuzz");
}

void Config(ByteView text) {
  auto config = oci::ImageConfig::Parse(text);
  if (!config.ok()) return;
  (void)config->platform();
  (void)config->labels();
  config->DropLegacyMembers();
  config->EmptyHistory();
  config->SetDiffIds({"sha256:" + std::string(64, 'a')});
  config->SetLabel("l", "v");
  config->AppendHistory({"", "by", "c", false});
  const std::string again = config->Serialize();
  const auto second = oci::ImageConfig::Parse(AsBytes(again));
  Check(second.ok() && second->Serialize() == again);
  Check(second->history().back().created_by == "by");
}

}  // namespace
}  // namespace floe::converter

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace floe::converter;
  namespace oci = floe::oci;
  if (size == 0) return 0;
  const floe::ByteView rest(data + 1, size - 1);
  switch (data[0] % 3) {
    case 0:
      Documents(rest);
      break;
    case 1:
      Config(rest);
      break;
    default: {
      oci::MemoryStream stream(floe::Bytes(rest.begin(), rest.end()));
      (void)ManifestFromLayer(stream, "fuzz");
    }
  }
  return 0;
}
