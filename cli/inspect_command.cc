// SPDX-License-Identifier: Apache-2.0
// floe inspect REF
#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/settings.h"
#include "cli/transport_flags.h"
#include "converter/inspect.h"

namespace floe::cli {
namespace {

using converter::FloeImage;
using converter::InspectedImage;
using nlohmann::json;

struct InspectFlags {
  std::string reference;
  std::vector<std::string> platforms;
  TransportFlags transport;
};

uint64_t LayerBytes(const oci::ImageManifest& manifest) {
  uint64_t bytes = 0;
  for (const oci::Descriptor& layer : manifest.layers) bytes += layer.size;
  return bytes;
}

json FloeToJson(const FloeImage& image) {
  json recipients = json::array();
  for (const store::RecipientStanza& stanza : image.envelope.recipients) {
    recipients.push_back({{"scheme", stanza.scheme}, {"hint", stanza.hint}});
  }
  json signers = json::array();
  for (const store::Signature& signature : image.envelope.signatures) {
    signers.push_back(ToHex(signature.key_id));
  }
  json result = {{"manifest", image.envelope.id.ToHex()},
                 {"manifest_bytes", image.manifest_bytes},
                 {"image_bytes", image.envelope.image_size},
                 {"chunks", image.envelope.ids.size()},
                 {"domain", ToHex(image.envelope.domain_id)},
                 {"birth_root", ToHex(image.envelope.birth_root)},
                 {"recipients", recipients},
                 {"signers", signers},
                 {"signature_trusted", !image.signed_by.empty()},
                 {"signed_by", image.signed_by},
                 {"opened", image.opened.has_value()}};
  if (!image.signature_error.empty()) result["signature_error"] = image.signature_error;
  if (!image.open_error.empty()) result["open_error"] = image.open_error;
  if (image.opened) {
    result["raw_bytes"] = image.raw_bytes;
    result["sealed_bytes"] = image.sealed_bytes;
    result["source_digest"] = image.opened->facts.source_digest;
    result["chunker"] = image.opened->facts.chunker_parameters;
    result["codec"] = image.opened->facts.codec_parameters;
    result["layout"] = image.opened->facts.layout_version;
  }
  if (image.share) {
    result["store"] = {{"root", image.share->location},
                       {"other_images", image.share->images},
                       {"shared_chunks", image.share->shared_chunks},
                       {"shared_raw_bytes", image.share->shared_raw_bytes},
                       {"shared_sealed_bytes", image.share->shared_sealed_bytes}};
  } else {
    result["store_error"] = image.store_error;
  }
  return result;
}

json ImageToJson(const InspectedImage& image) {
  json result = {{"platform", image.source.platform.ToString()},
                 {"digest", image.source.descriptor.digest},
                 {"layers", image.source.manifest.layers.size()},
                 {"layer_bytes", LayerBytes(image.source.manifest)},
                 {"converted", image.floe.has_value()}};
  if (image.floe) result["floe"] = FloeToJson(*image.floe);
  return result;
}

void PrintKeysAndSigners(const FloeImage& image, std::ostream& out) {
  std::vector<std::string> recipients;
  for (const store::RecipientStanza& stanza : image.envelope.recipients) {
    recipients.push_back(absl::StrCat(stanza.scheme, ":", stanza.hint));
  }
  out << "  recipients  " << absl::StrJoin(recipients, ", ") << "\n";
  if (image.signed_by.empty()) {
    out << "  signature   not accepted: " << image.signature_error << "\n";
  } else {
    out << "  signature   good, by " << image.signed_by << "\n";
  }
}

void PrintFloeImage(const FloeImage& image, std::ostream& out) {
  out << "  manifest    " << image.envelope.id.ToHex() << " (" << FormatBytes(image.manifest_bytes)
      << ")\n"
      << "  flat image  " << FormatBytes(image.envelope.image_size) << " in "
      << image.envelope.ids.size() << " chunks\n";
  if (image.opened) {
    out << "  chunks      " << FormatBytes(image.raw_bytes) << " of data, "
        << FormatBytes(image.sealed_bytes) << " stored\n"
        << "  source      " << image.opened->facts.source_digest << "\n"
        << "  parameters  " << image.opened->facts.chunker_parameters << ", "
        << image.opened->facts.codec_parameters << ", layout " << image.opened->facts.layout_version
        << "\n";
  } else {
    out << "  closed      " << image.open_error << "\n";
  }
  PrintKeysAndSigners(image, out);
  if (!image.share) {
    out << "  store       " << image.store_error << "\n";
    return;
  }
  out << "  store       root " << image.share->location << ", " << image.share->shared_chunks
      << " of " << image.envelope.ids.size() << " chunks are shared with " << image.share->images
      << " other images";
  if (image.opened) {
    out << " (" << FormatShare(image.share->shared_raw_bytes, image.raw_bytes) << " of the data)";
  }
  out << "\n";
}

void Print(const std::vector<InspectedImage>& images, const Context& context) {
  if (context.json) {
    json array = json::array();
    for (const InspectedImage& image : images) array.push_back(ImageToJson(image));
    *context.out << FormatJson(array);
    return;
  }
  for (const InspectedImage& image : images) {
    *context.out << image.source.platform.ToString() << " " << image.source.descriptor.digest
                 << "\n";
    if (image.floe) {
      PrintFloeImage(*image.floe, *context.out);
    } else {
      *context.out << "  not converted: " << image.source.manifest.layers.size() << " layers, "
                   << FormatBytes(LayerBytes(image.source.manifest)) << "\n";
    }
  }
}

absl::Status RunInspect(const InspectFlags& flags, Context& context) {
  FLOE_ASSIGN_OR_RETURN(const converter::ImageLocation location,
                        TransportFlags::Locate(context, flags.reference));
  FLOE_ASSIGN_OR_RETURN(const Settings settings, LoadSettings(context));
  FLOE_ASSIGN_OR_RETURN(const auto source,
                        converter::OpenSource(location, flags.transport.ToOptions(context, "")));
  converter::InspectOptions options;
  options.platforms.all = flags.platforms.empty();
  for (const std::string& text : flags.platforms) {
    FLOE_ASSIGN_OR_RETURN(oci::Platform platform, oci::ParsePlatform(text));
    options.platforms.platforms.push_back(std::move(platform));
  }
  const store::KeyDirectory directory(settings.keys.directory);
  FLOE_ASSIGN_OR_RETURN(options.trust, directory.LoadTrust());
  FLOE_ASSIGN_OR_RETURN(const store::KeyRing keys, directory.LoadKeyRing());
  options.keys = &keys;
  const auto store = OpenConfiguredStore(context, settings);
  if (store.ok()) options.store = store->get();
  auto images = converter::Inspect(*source, options);
  FLOE_RETURN_IF_ERROR(images.status());
  for (InspectedImage& image : *images) {
    if (image.floe && !store.ok()) image.floe->store_error = std::string(store.status().message());
  }
  Print(*images, context);
  return absl::OkStatus();
}

}  // namespace

void AddInspectCommand(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand(
      "inspect", "Show size, chunks, sharing, recipients, signature and source of an image");
  auto flags = std::make_shared<InspectFlags>();
  command->add_option("REF", flags->reference, "The image, in the forms of floe convert")
      ->required();
  command
      ->add_option("--platform", flags->platforms,
                   "Platform to show; may be repeated (default: all)")
      ->allow_extra_args(false);
  flags->transport.AddTo(*command);
  command->callback([flags, &action] {
    action = [flags](Context& context) { return RunInspect(*flags, context); };
  });
}

}  // namespace floe::cli
