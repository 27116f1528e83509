// SPDX-License-Identifier: Apache-2.0
// floe export REF DST
#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/format.h"
#include "cli/settings.h"
#include "cli/transport_flags.h"
#include "converter/export.h"

namespace floe::cli {
namespace {

struct ExportFlags {
  std::string source;
  std::string destination;
  std::string platform;
  std::string work_dir;
  TransportFlags transport;
};

void Print(const converter::ExportReport& report, const std::string& destination,
           const Context& context) {
  if (context.json) {
    *context.out << FormatJson({{"name", destination},
                                {"digest", report.digest},
                                {"platform", report.platform},
                                {"layer_bytes", report.layer_bytes}});
    return;
  }
  if (!context.quiet) {
    *context.out << report.platform << ": one layer of " << FormatBytes(report.layer_bytes) << "\n";
  }
  *context.out << destination << " " << report.digest << "\n";
}

absl::Status RunExport(const ExportFlags& flags, Context& context) {
  FLOE_ASSIGN_OR_RETURN(const converter::ImageLocation from,
                        TransportFlags::Locate(context, flags.source));
  FLOE_ASSIGN_OR_RETURN(const converter::ImageLocation to,
                        TransportFlags::Locate(context, flags.destination));
  FLOE_ASSIGN_OR_RETURN(const Settings settings, LoadSettings(context));
  converter::ExportOptions options;
  options.work_dir = flags.work_dir.empty() ? settings.convert.work_dir : flags.work_dir;
  options.cancel = context.cancel;
  if (!flags.platform.empty()) {
    FLOE_ASSIGN_OR_RETURN(oci::Platform platform, oci::ParsePlatform(flags.platform));
    options.platforms.platforms.push_back(std::move(platform));
  }
  const store::KeyDirectory directory(settings.keys.directory);
  FLOE_ASSIGN_OR_RETURN(options.trust, directory.LoadTrust(settings.keys.allow_unsigned));
  FLOE_ASSIGN_OR_RETURN(const store::KeyRing keys, directory.LoadKeyRing());
  options.keys = &keys;
  const converter::TransportOptions transport =
      flags.transport.ToOptions(context, options.work_dir);
  FLOE_ASSIGN_OR_RETURN(const auto source, converter::OpenSource(from, transport));
  FLOE_ASSIGN_OR_RETURN(const auto store, OpenConfiguredStore(context, settings));
  FLOE_ASSIGN_OR_RETURN(const auto destination, converter::OpenDestination(to, transport));
  FLOE_ASSIGN_OR_RETURN(const converter::ExportReport report,
                        converter::Export(*source, *destination, *store, options));
  Print(report, to.ToString(), context);
  return absl::OkStatus();
}

}  // namespace

void AddExportCommand(CLI::App& app, Action& action) {
  CLI::App* command =
      app.add_subcommand("export", "Turn a converted image back into an ordinary one");
  auto flags = std::make_shared<ExportFlags>();
  command->add_option("REF", flags->source, "The image, in the forms of floe convert")->required();
  command->add_option("DST", flags->destination, "Where the ordinary image goes")->required();
  command->add_option("--platform", flags->platform, "Platform (default: this machine's)");
  command->add_option("--work-dir", flags->work_dir, "Directory for the layer while it is made")
      ->check(CLI::ExistingDirectory);
  flags->transport.AddTo(*command);
  command->callback([flags, &action] {
    action = [flags](Context& context) { return RunExport(*flags, context); };
  });
}

}  // namespace floe::cli
