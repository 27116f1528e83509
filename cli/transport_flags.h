// SPDX-License-Identifier: Apache-2.0
// Options of every command that reads or writes images somewhere: registry and containerd.
#pragma once

#include <memory>
#include <string>

#include "cli/context.h"
#include "converter/source/open.h"

namespace CLI {
class App;
}

namespace floe::cli {

// What was given on the command line. Lives as long as the CLI::App that writes it.
struct TransportFlags {
  bool plain_http = false;
  bool skip_verify = false;
  std::string ca_file;
  std::string client_certificate;
  std::string client_key;
  std::string hosts_dir = registry::Options().hosts_dir;
  std::string address = converter::ContainerdOptions().address;
  std::string name_space = converter::ContainerdOptions().name_space;

  void AddTo(CLI::App& command);
  // What SRC, DST or REF names, in the dialect of the command line.
  static absl::StatusOr<converter::ImageLocation> Locate(const Context& context,
                                                         const std::string& text);
  converter::TransportOptions ToOptions(const Context& context, const std::string& work_dir) const;
};

}  // namespace floe::cli
