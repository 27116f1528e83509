// SPDX-License-Identifier: Apache-2.0
// link: converter converter_containerd
//
// image_copy SRC DST [NAME=VALUE...]: copies an image, unchanged, between any two transports. What
// the tests of sources and destinations use, so that they do not depend on conversion. Names:
// platform, all, plain_http, skip_verify, ca, cert, key, hosts, docker_config, address, namespace,
// mount.
#include <cstdio>
#include <map>

#include "absl/strings/str_split.h"
#include "converter/source/open.h"
#include "converter/source/select.h"

namespace floe::converter {
namespace {

using Settings = std::map<std::string, std::string>;

TransportOptions OptionsOf(Settings& settings) {
  TransportOptions options;
  options.containerd_transport = &GrpcContainerd();
  options.registry.plain_http = settings.count("plain_http") > 0;
  options.registry.skip_verify = settings.count("skip_verify") > 0;
  options.registry.ca_file = settings["ca"];
  options.registry.client_certificate = settings["cert"];
  options.registry.client_key = settings["key"];
  options.registry.hosts_dir = settings["hosts"];
  options.registry.docker_config_dir = settings["docker_config"];
  options.registry.first_pause = std::chrono::milliseconds(20);
  if (settings.count("address")) options.containerd.address = settings["address"];
  if (settings.count("namespace")) options.containerd.name_space = settings["namespace"];
  return options;
}

absl::Status CopyImage(ImageSource& source, ImageDestination& destination,
                       const SourceImage& image) {
  for (const oci::Descriptor& layer : image.manifest.layers) {
    FLOE_ASSIGN_OR_RETURN(const bool has, destination.HasBlob(layer));
    if (has) continue;
    FLOE_ASSIGN_OR_RETURN(const auto stream, source.OpenBlob(layer));
    FLOE_RETURN_IF_ERROR(destination.PutBlobStream(layer, *stream));
  }
  FLOE_RETURN_IF_ERROR(destination.PutBlob(image.config_descriptor, image.config_bytes));
  return destination.PutManifest(image.descriptor, image.manifest_bytes);
}

absl::Status Copy(const std::string& from, const std::string& to, Settings& settings) {
  FLOE_ASSIGN_OR_RETURN(const ImageLocation source_location, ParseLocation(from));
  FLOE_ASSIGN_OR_RETURN(const ImageLocation destination_location, ParseLocation(to));
  TransportOptions options = OptionsOf(settings);
  if (settings.count("mount")) options.mount_from = from;
  FLOE_ASSIGN_OR_RETURN(const auto source, OpenSource(source_location, options));
  PlatformChoice choice;
  choice.all = settings.count("all") > 0;
  if (settings.count("platform")) {
    FLOE_ASSIGN_OR_RETURN(const oci::Platform platform, oci::ParsePlatform(settings["platform"]));
    choice.platforms.push_back(platform);
  }
  FLOE_ASSIGN_OR_RETURN(const Selection selection, SelectImages(*source, choice));
  FLOE_ASSIGN_OR_RETURN(const auto destination, OpenDestination(destination_location, options));
  for (const SourceImage& image : selection.images) {
    FLOE_RETURN_IF_ERROR(CopyImage(*source, *destination, image));
  }
  oci::Descriptor top = selection.images[0].descriptor;
  if (selection.index && choice.all) {
    top = selection.top;
    FLOE_ASSIGN_OR_RETURN(const Bytes bytes, source->ReadBlob(top, oci::kMaxManifestDocument));
    FLOE_RETURN_IF_ERROR(destination->PutManifest(top, bytes));
  }
  FLOE_RETURN_IF_ERROR(destination->Finish(top));
  printf("%s\n", top.digest.c_str());
  return absl::OkStatus();
}

}  // namespace
}  // namespace floe::converter

int main(int argc, char** argv) {
  if (argc < 3) {
    fprintf(stderr, "usage: image_copy SRC DST [NAME=VALUE...]\n");
    return 2;
  }
  floe::converter::Settings settings;
  for (int i = 3; i < argc; ++i) {
    const std::pair<std::string, std::string> pair =
        absl::StrSplit(argv[i], absl::MaxSplits('=', 1));
    settings[pair.first] = pair.second;
  }
  const absl::Status status = floe::converter::Copy(argv[1], argv[2], settings);
  if (status.ok()) return 0;
  fprintf(stderr, "image_copy: %s\n", std::string(status.message()).c_str());
  return 1;
}
