// SPDX-License-Identifier: Apache-2.0
#include "cli/settings.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace floe::cli {
namespace {

absl::Status ReadConvertSection(const Config& config, Settings& settings) {
  converter::ConvertOptions& options = settings.convert;
  ConfigSection section = config.Section("convert");
  int64_t threads = 0;
  int64_t level = options.codec.level;
  int64_t puts = static_cast<int64_t>(options.puts_in_flight);
  uint64_t min = options.chunker.min_bytes;
  uint64_t mean = options.chunker.mean_bytes;
  uint64_t max = options.chunker.max_bytes;
  int64_t entries = static_cast<int64_t>(options.limits.max_entries);
  section.Int("threads", 0, 1024, &threads);
  section.Int("zstd_level", 1, 19, &level);
  section.Int("puts_in_flight", 1, 1024, &puts);
  section.Size("chunk_min", &min);
  section.Size("chunk_mean", &mean);
  section.Size("chunk_max", &max);
  section.String("work_dir", &options.work_dir);
  section.Bool("strict", &options.strict);
  section.Size("max_unpacked", &options.limits.max_unpacked_bytes);
  section.Int("max_entries", 1, int64_t{1} << 32, &entries);
  FLOE_RETURN_IF_ERROR(section.Finish());
  options.threads = static_cast<size_t>(threads);
  options.codec.level = static_cast<int>(level);
  options.puts_in_flight = static_cast<size_t>(puts);
  const auto narrow = [](uint64_t size) {
    return static_cast<uint32_t>(std::min<uint64_t>(size, UINT32_MAX));
  };
  options.chunker = {narrow(min), narrow(mean), narrow(max)};
  options.limits.max_entries = static_cast<uint64_t>(entries);
  return Annotate(options.Validate(), "[convert]");
}

}  // namespace

absl::StatusOr<Settings> LoadSettings(const Context& context) {
  Settings settings;
  FLOE_ASSIGN_OR_RETURN(const Config config, Config::Load(context.config_path));
  FLOE_RETURN_IF_ERROR(config.CheckSections(kConfigSections));
  FLOE_RETURN_IF_ERROR(settings.store.Read(config));
  FLOE_RETURN_IF_ERROR(settings.keys.Read(config));
  FLOE_RETURN_IF_ERROR(ReadConvertSection(config, settings));
  if (!context.store.empty()) {
    // Another store than the configured one has another id.
    if (context.store != settings.store.address) settings.store.id.reset();
    settings.store.address = context.store;
    settings.store.is_default = false;
  }
  if (!context.keys.empty()) settings.keys.directory = context.keys;
  return settings;
}

absl::StatusOr<std::shared_ptr<store::StoreHandle>> OpenConfiguredStore(const Context& context,
                                                                        const Settings& settings,
                                                                        CreateDefault create) {
  store::OpenStoreOptions options;
  options.expected_id = settings.store.id;
  auto opened = store::OpenStore(settings.store.address, options);
  const bool make = absl::IsNotFound(opened.status()) && settings.store.is_default &&
                    create == CreateDefault::kYes;
  if (!make) return opened;
  const store::KeyDirectory keys(settings.keys.directory);
  FLOE_RETURN_IF_ERROR(store::InitStore(settings.store.address, keys));
  if (!context.quiet && !context.json) {
    *context.err << "made the store " << settings.store.address << "\n";
  }
  return store::OpenStore(settings.store.address, options);
}

absl::StatusOr<converter::ConvertKeys> LoadConvertKeys(const Context& context,
                                                       const Settings& settings,
                                                       const store::StoreHandle& store,
                                                       const std::vector<std::string>& recipients) {
  const store::KeyDirectory directory(settings.keys.directory);
  FLOE_ASSIGN_OR_RETURN(const bool made, directory.EnsureOwnKeys());
  if (made && !context.quiet && !context.json) {
    *context.err << "made keys in " << directory.path() << "\n";
  }
  converter::ConvertKeys keys;
  FLOE_ASSIGN_OR_RETURN(keys.domain, LoadSealingDomain(store, directory));
  FLOE_ASSIGN_OR_RETURN(store::SigningKey signer, directory.OwnSigningKey());
  keys.signers.push_back(std::move(signer));
  FLOE_ASSIGN_OR_RETURN(store::Recipient own, directory.OwnRecipient());
  keys.recipients.push_back(std::move(own));
  for (const std::string& id : recipients) {
    FLOE_ASSIGN_OR_RETURN(store::Recipient recipient, directory.FindRecipient(id));
    const bool present = std::any_of(
        keys.recipients.begin(), keys.recipients.end(),
        [&](const store::Recipient& r) { return r.Describe() == recipient.Describe(); });
    if (!present) keys.recipients.push_back(std::move(recipient));
  }
  return keys;
}

}  // namespace floe::cli
