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

  // Before the first request: the referrers API of the distribution spec 1.1 (else 404, and no
  // OCI-Subject); whether Range on blobs is honoured.
  bool has_referrers = false;
  bool honours_ranges = true;
  bool checks_blobs = false;     // a manifest whose blobs are not there is refused
  bool refuses_uploads = false;  // 403
  size_t tags_a_page = 1000;

  // Called before the first request only.
  oci::Descriptor AddBlob(absl::string_view media_type, absl::string_view bytes);
  void AddManifest(const std::string& repository, const std::string& tag,
                   const oci::Descriptor& descriptor, absl::string_view bytes);

  // Takes the handler's place for a while: for looking at, and meddling with, what is below.
  void Locked(const std::function<void()>& work) { server_.Locked(work); }

  // What a registry's garbage collection leaves of `repository`: manifests with a tag or (with the
  // referrers API) a living subject, and their blobs. Within Locked, or after the last request.
  void CollectGarbage(const std::string& repository);

  // After the last request, or within Locked.
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
  ServerAnswer PutManifest(const ServerRequest& request, const std::string& key);
  ServerAnswer DeleteManifest(const std::string& key);
  ServerAnswer Tags(const ServerRequest& request, const std::string& repository);
  ServerAnswer Referrers(const ServerRequest& request, const std::string& repository,
                         const std::string& digest);
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
