// SPDX-License-Identifier: Apache-2.0
#include "cli/transport_flags.h"

#include <CLI/CLI.hpp>

namespace floe::cli {

void TransportFlags::AddTo(CLI::App& command) {
  command.add_flag("--plain-http", plain_http, "Speak http to the registry")->group("Registry");
  command.add_flag("--insecure-skip-verify", skip_verify, "Accept any certificate of the registry")
      ->group("Registry");
  command.add_option("--ca", ca_file, "PEM file of further authorities")
      ->check(CLI::ExistingFile)
      ->group("Registry");
  command.add_option("--cert", client_certificate, "PEM file of the client certificate")
      ->check(CLI::ExistingFile)
      ->group("Registry");
  command.add_option("--key", client_key, "PEM file of its key")
      ->check(CLI::ExistingFile)
      ->group("Registry");
  command.add_option("--hosts-dir", hosts_dir, "containerd's directory of hosts.toml files")
      ->capture_default_str()
      ->group("Registry");
  command.add_option("--address", address, "containerd's socket")
      ->envname("CONTAINERD_ADDRESS")
      ->capture_default_str()
      ->group("containerd");
  command.add_option("--namespace", name_space, "containerd's namespace")
      ->envname("CONTAINERD_NAMESPACE")
      ->capture_default_str()
      ->group("containerd");
}

absl::StatusOr<converter::ImageLocation> TransportFlags::Locate(const Context& context,
                                                                const std::string& text) {
  return converter::ParseLocation(context.dialect == Dialect::kCtr ? "containerd://" + text : text);
}

converter::TransportOptions TransportFlags::ToOptions(const Context& context,
                                                      const std::string& work_dir) const {
  converter::TransportOptions options;
  options.registry.plain_http = plain_http;
  options.registry.skip_verify = skip_verify;
  options.registry.ca_file = ca_file;
  options.registry.client_certificate = client_certificate;
  options.registry.client_key = client_key;
  options.registry.hosts_dir = hosts_dir;
  options.registry.cancel = context.cancel;
  options.containerd.address = address;
  options.containerd.name_space = name_space;
  options.containerd.cancel = context.cancel;
  options.containerd_transport = context.containerd;
  options.work_dir = work_dir;
  return options;
}

}  // namespace floe::cli
