// SPDX-License-Identifier: Apache-2.0
// floe convert SRC DST
#include <CLI/CLI.hpp>
#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"
#include "cli/commands.h"
#include "cli/convert_report.h"
#include "cli/progress.h"
#include "cli/settings.h"
#include "cli/transport_flags.h"

namespace floe::cli {
namespace {

struct ConvertFlags {
  std::string source;
  std::string destination;
  std::vector<std::string> platforms;
  bool all_platforms = false;
  bool strict = false;
  bool again = false;
  std::vector<std::string> recipients;
  std::optional<size_t> threads;
  std::string work_dir;
  std::string chunk_size;
  std::optional<int> level;
  std::string max_unpacked;
  std::optional<uint64_t> max_entries;
  TransportFlags transport;
};

void AddOptions(CLI::App& command, ConvertFlags& flags) {
  command
      .add_option("SRC", flags.source,
                  "Image to convert: docker://REF, containerd://REF, "
                  "oci:DIR[:TAG], oci-archive:FILE[:TAG], "
                  "docker-archive:FILE[:REF]; a bare REF is docker://")
      ->required();
  command.add_option("DST", flags.destination, "Where the result goes, in the same forms")
      ->required();
  command
      .add_option("--platform", flags.platforms,
                  "Platform to convert, such as linux/arm64; "
                  "may be repeated (default: this machine's)")
      ->allow_extra_args(false);
  command.add_flag("--all-platforms", flags.all_platforms, "Convert every platform of the index")
      ->excludes("--platform");
  command.add_flag("--strict", flags.strict, "Check each layer's diff id too");
  command.add_flag("--again", flags.again,
                   "Convert even if an earlier result exists; damaged chunks are repaired");
  command
      .add_option("--recipient", flags.recipients,
                  "Id of a further recipient key in the key directory; may be repeated")
      ->allow_extra_args(false);
  command.add_option("--threads", flags.threads, "Threads (default: one for each core)")
      ->check(CLI::Range(1, 1024));
  command.add_option("--work-dir", flags.work_dir, "Directory for the unpacked data")
      ->check(CLI::ExistingDirectory);
  command.add_option("--chunk-size", flags.chunk_size,
                     "Mean size of chunks, such as 256KiB; the minimum is a quarter of it, the "
                     "maximum four times, at most 1MiB");
  command.add_option("--level", flags.level, "zstd level, 1 to 19")->check(CLI::Range(1, 19));
  command.add_option("--max-unpacked", flags.max_unpacked,
                     "Refuse images that unpack to more, such as 100GiB");
  command.add_option("--max-entries", flags.max_entries,
                     "Refuse images with more entries, directories that only paths name included");
  flags.transport.AddTo(command);
}

absl::Status ApplyChunkSize(const std::string& text, converter::ChunkerParameters& chunker) {
  if (text.empty()) return absl::OkStatus();
  FLOE_ASSIGN_OR_RETURN(const uint64_t mean, ParseSize(text));
  const uint64_t max = std::min<uint64_t>(4 * mean, store::kMaxRawChunkBytes);
  if (mean > store::kMaxRawChunkBytes) {
    return absl::InvalidArgumentError(absl::StrCat("--chunk-size ", text, " is above 1 MiB"));
  }
  chunker = {static_cast<uint32_t>(mean / 4), static_cast<uint32_t>(mean),
             static_cast<uint32_t>(max)};
  return Annotate(chunker.Validate(), "--chunk-size");
}

absl::Status ApplyFlags(const ConvertFlags& flags, converter::ConvertOptions& options) {
  for (const std::string& text : flags.platforms) {
    FLOE_ASSIGN_OR_RETURN(oci::Platform platform, oci::ParsePlatform(text));
    options.platforms.platforms.push_back(std::move(platform));
  }
  options.platforms.all = flags.all_platforms;
  if (flags.strict) options.strict = true;
  options.reuse = !flags.again;
  if (flags.threads) options.threads = *flags.threads;
  if (!flags.work_dir.empty()) options.work_dir = flags.work_dir;
  if (flags.level) options.codec.level = *flags.level;
  if (flags.max_entries) options.limits.max_entries = *flags.max_entries;
  if (!flags.max_unpacked.empty()) {
    FLOE_ASSIGN_OR_RETURN(options.limits.max_unpacked_bytes, ParseSize(flags.max_unpacked));
  }
  return ApplyChunkSize(flags.chunk_size, options.chunker);
}

ProgressStyle StyleOf(const Context& context) {
  if (context.quiet || context.json) return ProgressStyle::kNone;
  return context.terminal ? ProgressStyle::kBar : ProgressStyle::kLines;
}

absl::Status RunConvert(const ConvertFlags& flags, Context& context) {
  FLOE_ASSIGN_OR_RETURN(const converter::ImageLocation from,
                        TransportFlags::Locate(context, flags.source));
  FLOE_ASSIGN_OR_RETURN(const converter::ImageLocation to,
                        TransportFlags::Locate(context, flags.destination));
  FLOE_ASSIGN_OR_RETURN(Settings settings, LoadSettings(context));
  FLOE_RETURN_IF_ERROR(ApplyFlags(flags, settings.convert));
  const converter::TransportOptions transport =
      flags.transport.ToOptions(context, settings.convert.work_dir);
  FLOE_ASSIGN_OR_RETURN(const auto source, converter::OpenSource(from, transport));
  // Before anything is made: an image that is not there leaves no store behind.
  FLOE_RETURN_IF_ERROR(source->Resolve());
  FLOE_ASSIGN_OR_RETURN(const auto store,
                        OpenConfiguredStore(context, settings, CreateDefault::kYes));
  FLOE_ASSIGN_OR_RETURN(const converter::ConvertKeys keys,
                        LoadConvertKeys(context, settings, *store, flags.recipients));
  // A destination that cannot be read holds nothing to use again.
  auto existing = converter::OpenSource(to, transport);
  FLOE_ASSIGN_OR_RETURN(const auto destination, converter::OpenDestination(to, transport));
  ProgressDisplay progress(StyleOf(context), *context.err);
  settings.convert.progress = &progress;
  settings.convert.cancel = context.cancel;
  const auto report = converter::Convert(*source, existing.ok() ? existing->get() : nullptr,
                                         *destination, *store, keys, settings.convert);
  progress.Finish();
  FLOE_RETURN_IF_ERROR(report.status());
  PrintConvertReport(*report, to.ToString(), context);
  return absl::OkStatus();
}

}  // namespace

void AddConvertCommand(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand(
      "convert", "Convert an image into chunks and a tiny image that names them");
  auto flags = std::make_shared<ConvertFlags>();
  AddOptions(*command, *flags);
  command->callback([flags, &action] {
    action = [flags](Context& context) { return RunConvert(*flags, context); };
  });
}

}  // namespace floe::cli
