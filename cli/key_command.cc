// SPDX-License-Identifier: Apache-2.0
// floe key generate|list|export|import|trust
#include <fcntl.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/settings.h"

namespace floe::cli {
namespace {

using nlohmann::json;
using store::KeyDirectory;
using store::KeyListing;

constexpr uint64_t kMaxBundleBytes = 1 << 20;

absl::StatusOr<KeyDirectory> Keys(const Context& context) {
  FLOE_ASSIGN_OR_RETURN(const Settings settings, LoadSettings(context));
  return KeyDirectory(settings.keys.directory);
}

absl::Status Generate(Context& context) {
  FLOE_ASSIGN_OR_RETURN(const KeyDirectory keys, Keys(context));
  FLOE_ASSIGN_OR_RETURN(const bool made, keys.EnsureOwnKeys());
  if (context.json) {
    *context.out << FormatJson({{"directory", keys.path()}, {"made", made}});
  } else {
    *context.out << (made ? "made keys in " : "keys are there already in ") << keys.path() << "\n";
  }
  return absl::OkStatus();
}

absl::Status List(Context& context) {
  FLOE_ASSIGN_OR_RETURN(const KeyDirectory keys, Keys(context));
  FLOE_ASSIGN_OR_RETURN(const std::vector<KeyListing> listing, keys.List());
  json array = json::array();
  for (const KeyListing& key : listing) {
    if (context.json) {
      array.push_back({{"kind", KeyKindName(key.kind)},
                       {"id", key.id},
                       {"file", key.file},
                       {"name", key.name},
                       {"own", key.own}});
    } else {
      *context.out << KeyKindName(key.kind) << "\t" << key.id << "\t" << key.file
                   << (key.own ? "\town" : "") << "\n";
    }
  }
  if (context.json) *context.out << FormatJson(array);
  return absl::OkStatus();
}

struct KeyExportFlags {
  std::string file;
  bool domains = false;
  bool signer = false;
};

absl::Status Export(const KeyExportFlags& flags, Context& context) {
  FLOE_ASSIGN_OR_RETURN(const KeyDirectory keys, Keys(context));
  Secret text;
  if (flags.signer) {
    FLOE_ASSIGN_OR_RETURN(const std::string signer, keys.ExportSigner());
    text = Secret::Copy(AsBytes(signer));
  } else {
    FLOE_ASSIGN_OR_RETURN(text, keys.ExportBundle(flags.domains));
  }
  if (flags.file == "-") {
    *context.out << AsText(text.view());
    return absl::OkStatus();
  }
  const absl::Status written = WriteFileAtomically(
      flags.file, text.view(), flags.signer ? 0644 : 0600, Replace::kNo, Durable::kYes);
  FLOE_RETURN_IF_ERROR(written);
  if (!context.quiet && !context.json) {
    *context.err << "wrote " << flags.file
                 << (flags.signer ? "\n" : "; whoever has it can read this machine's images\n");
  }
  return absl::OkStatus();
}

struct ImportFlags {
  std::string file;
  std::string name;
};

absl::StatusOr<Secret> ReadInput(const std::string& file) {
  if (file != "-") {
    FLOE_ASSIGN_OR_RETURN(Bytes bytes, ReadWholeFile(file, kMaxBundleBytes));
    Secret text = Secret::Copy(bytes);
    Wipe(bytes);
    return text;
  }
  FLOE_ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile("/dev/stdin", O_RDONLY));
  Secret text(kMaxBundleBytes);
  size_t length = 0;
  while (length < text.size()) {
    const ssize_t n = read(fd.get(), text.mutable_view().data() + length, text.size() - length);
    if (n < 0) return ErrnoStatus(errno, "read standard input");
    if (n == 0) return Secret::Copy(text.view().first(length));
    length += static_cast<size_t>(n);
  }
  return absl::InvalidArgumentError("standard input is too long for a key bundle");
}

// The stem of the file, unless a name was given.
std::string NameOf(const ImportFlags& flags) {
  if (!flags.name.empty()) return flags.name;
  const size_t slash = flags.file.rfind('/');
  std::string stem = slash == std::string::npos ? flags.file : flags.file.substr(slash + 1);
  stem = stem.substr(0, stem.find('.'));
  return stem.empty() || flags.file == "-" ? "imported" : stem;
}

void PrintImport(const KeyDirectory::ImportReport& report, const Context& context) {
  if (context.json) {
    *context.out << FormatJson({{"added", report.added}, {"present", report.present}});
    return;
  }
  for (const std::string& added : report.added) *context.out << "added " << added << "\n";
  for (const std::string& present : report.present) *context.out << "known " << present << "\n";
}

absl::Status Import(const ImportFlags& flags, bool only_trust, Context& context) {
  FLOE_ASSIGN_OR_RETURN(const KeyDirectory keys, Keys(context));
  FLOE_ASSIGN_OR_RETURN(const Secret text, ReadInput(flags.file));
  const absl::string_view view = AsText(text.view());
  const auto report =
      only_trust ? keys.Trust(view, NameOf(flags)) : keys.ImportBundle(view, NameOf(flags));
  if (!report.ok()) return Annotate(report.status(), flags.file);
  PrintImport(*report, context);
  return absl::OkStatus();
}

void AddImport(CLI::App& parent, const char* name, const char* help, bool only_trust,
               Action& action) {
  CLI::App* command = parent.add_subcommand(name, help);
  auto flags = std::make_shared<ImportFlags>();
  command->add_option("FILE", flags->file, "What the export wrote; - is standard input")
      ->required();
  command->add_option("--name", flags->name, "Name of the signer (default: the file's stem)");
  command->callback([flags, only_trust, &action] {
    action = [flags, only_trust](Context& context) { return Import(*flags, only_trust, context); };
  });
}

void AddExport(CLI::App& parent, Action& action) {
  CLI::App* command = parent.add_subcommand(
      "export", "Write what another machine needs to run this machine's images");
  auto flags = std::make_shared<KeyExportFlags>();
  command->add_option("FILE", flags->file, "A new file; - is standard output")->required();
  command->add_flag("--domains", flags->domains,
                    "The domain secrets too: the other machine can then convert into the same "
                    "domain");
  command
      ->add_flag("--signer", flags->signer,
                 "Only the public signing key, for floe key trust; not secret")
      ->excludes("--domains");
  command->callback(
      [flags, &action] { action = [flags](Context& context) { return Export(*flags, context); }; });
}

}  // namespace

void AddKeyCommand(CLI::App& app, Action& action) {
  CLI::App* key = app.add_subcommand("key", "Make, list and exchange keys");
  key->require_subcommand(1);
  key->add_subcommand("generate", "Make this machine's keys where they are missing")
      ->callback([&action] { action = Generate; });
  key->add_subcommand("list", "List keys; nothing secret is shown")->callback([&action] {
    action = List;
  });
  AddExport(*key, action);
  AddImport(*key, "import", "Add the keys that another machine exported", false, action);
  AddImport(*key, "trust", "Accept images signed by a key; refuses files with anything secret",
            true, action);
}

}  // namespace floe::cli
