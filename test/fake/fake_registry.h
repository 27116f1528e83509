// SPDX-License-Identifier: Apache-2.0
// A registry in memory over fake::Server, as far as pulls and pushes need one. A hook sees every
// request first and may answer it itself.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "oci/descriptor.h"
#include "test/fake/fake_server.h"

namespace floe::fake {

class Registry {
 public:
  using Hook = std::function<std::optional<ServerAnswer>(const ServerRequest&)>;
  explicit Registry(Hook hook = nullptr);

  std::string host() const { return server_.host(); }
  Server& server() { return server_; }

  // Called before the first request only.
  oci::Descriptor AddBlob(absl::string_view media_type, absl::string_view bytes);
  void AddManifest(const std::string& repository, const std::string& tag,
                   const oci::Descriptor& descriptor, absl::string_view bytes);

  // After the last request only.
  std::map<std::string, std::string> blobs;  // by digest
  struct Manifest {
    std::string media_type;
    std::string bytes;
  };
  std::map<std::string, Manifest> manifests;   // "repository/tag" and "repository/digest"
  std::map<std::string, std::string> uploads;  // open ones, by path

 private:
  ServerAnswer Handle(const ServerRequest& request);
  ServerAnswer Blob(const ServerRequest& request, const std::string& digest);
  ServerAnswer ManifestOf(const ServerRequest& request, const std::string& key);
  ServerAnswer Upload(const ServerRequest& request, const std::string& repository);
  ServerAnswer BeginUpload(const ServerRequest& request);
  ServerAnswer EndUpload(const ServerRequest& request, const std::string& repository);

  const Hook hook_;
  int next_upload_ = 0;
  Server server_;  // last: answers until it goes
};

// `name`'s value in a query, unescaped; "" when it is absent.
std::string QueryValue(const std::string& query, const std::string& name);

}  // namespace floe::fake
