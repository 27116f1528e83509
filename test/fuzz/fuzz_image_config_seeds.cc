// SPDX-License-Identifier: Apache-2.0
// room: converter
// Documents and layers that are right, for the fuzzer to damage.
#include <fcntl.h>

#include <string>

#include "base/file.h"
#include "converter/publish/tiny_layer.h"
#include "converter/source/layout_index.h"
#include "oci/manifest.h"
#include "oci/media_types.h"

namespace {

int count = 0;

void Seed(const std::string& folder, char kind, floe::ByteView bytes) {
  floe::Bytes seed{static_cast<uint8_t>(kind)};
  seed.insert(seed.end(), bytes.begin(), bytes.end());
  (void)floe::WriteFileAtomically(folder + "/seed" + std::to_string(count++), seed, 0644,
                                  floe::Replace::kYes, floe::Durable::kNo);
}

}  // namespace

int main(int, char** argv) {
  using namespace floe::converter;
  namespace oci = floe::oci;
  const std::string folder = argv[1];
  oci::ImageManifest manifest;
  manifest.media_type = oci::kOciManifest;
  manifest.config = oci::DescribeBytes(oci::kOciConfig, {});
  manifest.layers = {oci::DescribeBytes(oci::kOciLayerGzip, {}),
                     oci::DescribeBytes(oci::kDockerLayer, {})};
  manifest.annotations["a"] = "b";
  manifest.subject = manifest.config;
  manifest.other = "{\"x\":[1,{\"y\":null}]}";
  Seed(folder, 0, floe::AsBytes(oci::SerializeManifest(manifest)));
  oci::ImageIndex index;
  index.media_type = oci::kOciIndex;
  index.manifests = {oci::DescribeBytes(oci::kOciManifest, {})};
  index.manifests[0].platform = oci::Platform{"linux", "arm", "v7", "1"};
  index.manifests[0].annotations[kRefNameAnnotation] = "t";
  Seed(folder, 0, floe::AsBytes(oci::SerializeIndex(index)));
  Seed(folder, 0, floe::AsBytes(R"({"schemaVersion":1,"fsLayers":[]})"));
  Seed(folder, 1,
       floe::AsBytes(R"({"os":"linux","architecture":"amd64","created":"2024-01-01T00:00:00Z",
    "config":{"Env":["A=1"],"Labels":{"l":"v"},"Image":"x"},"container_config":{},
    "history":[{"created_by":"a","empty_layer":true},{"comment":"c"}],
    "rootfs":{"type":"layers","diff_ids":["sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]}})"));
  const floe::Bytes tar = TinyLayerTar(floe::AsBytes("FLOEMAN1 and more"));
  Seed(folder, 2, tar);
  Seed(folder, 2, GzipStored(tar));
  return 0;
}
