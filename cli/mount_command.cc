// SPDX-License-Identifier: Apache-2.0
// floe mount REF DIR, floe umount DIR
#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/node_mount.h"
#include "cli/settings.h"
#include "cli/transport_flags.h"
#include "converter/publish/tiny_image.h"
#include "converter/source/select.h"

namespace floe::cli {
namespace {

struct MountFlags {
  std::string reference;
  std::string target;
  std::string platform;
  std::string cache_dir;
  std::string backend;
  std::string timeout = "60s";
  TransportFlags transport;
};

absl::Status ListMounts(Context& context) {
  FLOE_ASSIGN_OR_RETURN(const std::vector<NodeMount> mounts, ListNodeMounts());
  nlohmann::json array = nlohmann::json::array();
  for (const NodeMount& mount : mounts) {
    if (context.json) {
      array.push_back({{"image", mount.label}, {"target", mount.target}});
    } else {
      *context.out << mount.label << " on " << mount.target << "\n";
    }
  }
  if (context.json) *context.out << FormatJson(array);
  return absl::OkStatus();
}

// The manifest in the published image `flags` names.
absl::StatusOr<Bytes> FetchManifest(const MountFlags& flags, const Context& context) {
  FLOE_ASSIGN_OR_RETURN(const converter::ImageLocation location,
                        TransportFlags::Locate(context, flags.reference));
  FLOE_ASSIGN_OR_RETURN(const auto source,
                        converter::OpenSource(location, flags.transport.ToOptions(context, "")));
  converter::PlatformChoice choice;
  if (!flags.platform.empty()) {
    FLOE_ASSIGN_OR_RETURN(oci::Platform platform, oci::ParsePlatform(flags.platform));
    choice.platforms.push_back(std::move(platform));
  }
  FLOE_ASSIGN_OR_RETURN(const converter::Selection selection,
                        converter::SelectImages(*source, choice));
  auto manifest = converter::ReadFloeManifest(*source, selection.images.at(0).manifest);
  if (!absl::IsNotFound(manifest.status())) return manifest;
  return absl::FailedPreconditionError(
      absl::StrCat(flags.reference, " is not converted; floe convert it first"));
}

absl::Status RunMount(const MountFlags& flags, Context& context) {
  if (flags.reference.empty()) return ListMounts(context);
  if (flags.target.empty()) return absl::InvalidArgumentError("floe mount needs REF and DIR");
  FLOE_ASSIGN_OR_RETURN(const Settings settings, LoadSettings(context));
  NodeMountRequest request;
  FLOE_ASSIGN_OR_RETURN(request.timeout, ParseDuration(flags.timeout));
  FLOE_ASSIGN_OR_RETURN(request.manifest, FetchManifest(flags, context));
  request.label = flags.reference;
  request.target = flags.target;
  request.config = context.config_path;
  request.store = settings.store.address;
  request.keys = settings.keys.directory;
  request.allow_unsigned = settings.keys.allow_unsigned;
  request.cache_dir = flags.cache_dir;
  request.backend = flags.backend;
  return MountOnNode(request);
}

}  // namespace

void AddMountCommand(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand(
      "mount", "Mount a converted image without containerd; without arguments, list such mounts");
  auto flags = std::make_shared<MountFlags>();
  command->add_option("REF", flags->reference, "The image, in the forms of floe convert");
  command->add_option("DIR", flags->target, "An existing directory");
  command->add_option("--platform", flags->platform, "Platform (default: this machine's)");
  command->add_option("--cache-dir", flags->cache_dir,
                      "Keep fetched chunks here (default: a directory that goes at umount)");
  command
      ->add_option("--backend", flags->backend,
                   "file or loop: how EROFS reaches the image (default: what this kernel can)")
      ->check(CLI::IsMember({"file", "loop"}));
  command->add_option("--timeout", flags->timeout, "How long to wait for the store")
      ->capture_default_str();
  flags->transport.AddTo(*command);
  command->callback([flags, &action] {
    action = [flags](Context& context) { return RunMount(*flags, context); };
  });
}

void AddUmountCommand(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("umount", "Undo floe mount");
  struct Flags {
    std::string target;
    std::string timeout = "60s";
  };
  auto flags = std::make_shared<Flags>();
  command->add_option("DIR", flags->target, "Where it is mounted")->required();
  command->add_option("--timeout", flags->timeout, "How long to wait for the kernel")
      ->capture_default_str();
  command->callback([flags, &action] {
    action = [flags](Context&) -> absl::Status {
      FLOE_ASSIGN_OR_RETURN(const auto timeout, ParseDuration(flags->timeout));
      return UnmountOnNode(flags->target, timeout);
    };
  });
}

}  // namespace floe::cli
