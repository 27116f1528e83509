// SPDX-License-Identifier: Apache-2.0
// floe store init|check|stat
#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/settings.h"
#include "store/admin/store_check.h"
#include "store/admin/store_stat.h"

namespace floe::cli {
namespace {

using nlohmann::json;

struct InitFlags {
  std::string address;
  bool is_public = false;
  std::string join;
};

absl::StatusOr<store::DomainId> ParseDomain(const std::string& hex) {
  const std::optional<Bytes> bytes = FromHex(hex);
  store::DomainId id;
  if (!bytes || bytes->size() != id.size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", hex, "\" is no domain id; they are 32 hexadecimal digits, see floe key list"));
  }
  std::copy(bytes->begin(), bytes->end(), id.begin());
  return id;
}

absl::Status Init(const InitFlags& flags, Context& context) {
  FLOE_ASSIGN_OR_RETURN(const Settings settings, LoadSettings(context));
  const std::string address = flags.address.empty() ? settings.store.address : flags.address;
  store::InitStoreOptions options;
  if (flags.is_public) options.domain = store::DomainChoice::kPublic;
  if (!flags.join.empty()) {
    FLOE_ASSIGN_OR_RETURN(options.join, ParseDomain(flags.join));
  }
  const store::KeyDirectory keys(settings.keys.directory);
  FLOE_ASSIGN_OR_RETURN(const store::StoreInfo info, store::InitStore(address, keys, options));
  if (context.json) {
    *context.out << FormatJson(
        {{"address", address}, {"id", ToHex(info.id)}, {"domain", ToHex(info.domains.at(0).id)}});
  } else {
    *context.out << "made the store " << address << ", id " << ToHex(info.id) << "\n";
  }
  return absl::OkStatus();
}

void Print(const store::CheckReport& report, const std::string& address, const Context& context) {
  if (context.json) {
    *context.out << FormatJson({{"address", address},
                                {"roots", report.roots},
                                {"records", report.records},
                                {"chunks", report.chunks},
                                {"chunk_bytes", report.chunk_bytes},
                                {"unreferenced_chunks", report.unreferenced},
                                {"hashed_bytes", report.hashed_bytes},
                                {"problems", report.problems},
                                {"problem_count", report.problem_count}});
    return;
  }
  for (const std::string& problem : report.problems) *context.out << problem << "\n";
  if (report.problem_count > report.problems.size()) {
    *context.out << "and " << report.problem_count - report.problems.size() << " more\n";
  }
  *context.out << report.records << " images, " << report.chunks << " chunks ("
               << FormatBytes(report.chunk_bytes) << ") in " << report.roots << " roots, "
               << report.unreferenced << " chunks of no image; " << report.problem_count
               << " problems\n";
}

absl::Status Check(bool deep, Context& context) {
  FLOE_ASSIGN_OR_RETURN(const Settings settings, LoadSettings(context));
  FLOE_ASSIGN_OR_RETURN(const auto store, OpenConfiguredStore(context, settings));
  store::CheckOptions options;
  options.deep = deep;
  options.cancel = context.cancel;
  FLOE_ASSIGN_OR_RETURN(const store::CheckReport report, store::CheckStore(*store, options));
  Print(report, store->address(), context);
  if (report.ok()) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat(store->address(), " has ", report.problem_count, " problems"));
}

json RootToJson(const store::RootStat& root) {
  return {{"root", ToHex(root.root.id)}, {"state", RootStateName(root.root.state)},
          {"images", root.manifests},    {"image_bytes", root.manifest_bytes},
          {"chunks", root.chunks},       {"chunk_bytes", root.chunk_bytes}};
}

absl::Status Stat(Context& context) {
  FLOE_ASSIGN_OR_RETURN(const Settings settings, LoadSettings(context));
  FLOE_ASSIGN_OR_RETURN(const auto store, OpenConfiguredStore(context, settings));
  FLOE_ASSIGN_OR_RETURN(const store::StoreStat stat, store::StatStore(*store));
  if (context.json) {
    json roots = json::array();
    for (const store::RootStat& root : stat.roots) roots.push_back(RootToJson(root));
    json domains = json::array();
    for (const store::StoreDomain& domain : stat.info.domains) {
      domains.push_back({{"id", ToHex(domain.id)}, {"name", domain.name}});
    }
    *context.out << FormatJson({{"address", stat.address},
                                {"id", ToHex(stat.info.id)},
                                {"layout", stat.info.layout_version},
                                {"domains", domains},
                                {"roots", roots},
                                {"conversions", stat.conversions},
                                {"conversion_bytes", stat.conversion_bytes}});
    return absl::OkStatus();
  }
  *context.out << stat.address << ", id " << ToHex(stat.info.id) << "\n";
  for (const store::StoreDomain& domain : stat.info.domains) {
    *context.out << "domain " << ToHex(domain.id) << " " << domain.name << "\n";
  }
  for (const store::RootStat& root : stat.roots) {
    *context.out << "root " << ToHex(root.root.id) << " " << RootStateName(root.root.state) << ": "
                 << root.manifests << " images, " << root.chunks << " chunks, "
                 << FormatBytes(root.chunk_bytes) << "\n";
  }
  *context.out << stat.conversions << " remembered conversions, "
               << FormatBytes(stat.conversion_bytes) << "\n";
  return absl::OkStatus();
}

void AddInit(CLI::App& parent, Action& action) {
  CLI::App* command = parent.add_subcommand("init", "Make an empty store");
  auto flags = std::make_shared<InitFlags>();
  command->add_option(
      "ADDRESS", flags->address,
      "Such as folder:/srv/floe or s3://bucket/floe (default: the configured store)");
  command->add_flag("--public", flags->is_public,
                    "The domain without a secret: anyone can confirm what is stored");
  command
      ->add_option("--join", flags->join,
                   "Id of a domain whose secret is in the key directory, to share with it")
      ->excludes("--public");
  command->callback(
      [flags, &action] { action = [flags](Context& context) { return Init(*flags, context); }; });
}

}  // namespace

void AddStoreCommand(CLI::App& app, Action& action) {
  CLI::App* store = app.add_subcommand("store", "Make, check and measure a store");
  store->require_subcommand(1);
  AddInit(*store, action);
  CLI::App* check = store->add_subcommand(
      "check", "Whether every image's chunks are there, and with --deep whether they are intact");
  auto deep = std::make_shared<bool>(false);
  check->add_flag("--deep", *deep, "Read and hash every chunk");
  check->callback(
      [deep, &action] { action = [deep](Context& context) { return Check(*deep, context); }; });
  store->add_subcommand("stat", "What the store holds")->callback([&action] { action = Stat; });
}

}  // namespace floe::cli
