// SPDX-License-Identifier: Apache-2.0
// One repository of a registry with all that lies in it: manifests by tag or digest, blobs and
// parts of blobs, tags, referrers (OCI distribution spec 1.1).
#pragma once

#include <atomic>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "oci/descriptor.h"
#include "oci/manifest.h"
#include "registry/client.h"

namespace floe::registry {

struct StoredManifest {
  oci::Descriptor descriptor;  // digest and size are of `bytes`
  Bytes bytes;
};

// Where a part of a blob goes; empty `to`: read and thrown away.
struct RangePiece {
  MutableByteView to;
  size_t length = 0;  // of `to`, or of what is thrown away
};

// Thread safe; every call blocks. Statuses as Endpoint::StatusOf: NOT_FOUND, PERMISSION_DENIED with
// the remedy, UNAVAILABLE.
class Repository {
 public:
  // As Client::Open; the tag or digest of `reference` does not matter.
  static absl::StatusOr<std::shared_ptr<Repository>> Open(const Reference& reference,
                                                          const Options& options,
                                                          const std::string& mount_from = "");

  // "registry.test:5000/team/images"
  std::string Name() const;

  // DATA_LOSS when what came for a digest has another.
  absl::StatusOr<StoredManifest> GetManifest(const std::string& target);
  // Under `target` (a tag or its digest), replacing. True when the registry has the referrers API
  // and took note of the manifest's subject (OCI-Subject).
  absl::StatusOr<bool> PutManifest(const std::string& target, const oci::Descriptor& descriptor,
                                   ByteView bytes);
  // With all its tags. UNIMPLEMENTED where the registry does not let anybody.
  absl::Status DeleteManifest(const std::string& digest);

  // The whole blob, verified. INVALID_ARGUMENT when it is said to be longer than `max_bytes`.
  absl::StatusOr<Bytes> GetBlob(const oci::Descriptor& descriptor, uint64_t max_bytes);
  // The pieces one after the other, from `offset` on, in one request. Whoever asks checks what
  // came. A registry that sends the whole blob instead is read up to the end of the range and cut
  // off.
  absl::Status ReadRange(const std::string& digest, uint64_t offset,
                         std::span<const RangePiece> pieces);
  // How many answers to ReadRange were whole blobs.
  uint64_t ignored_ranges() const { return ignored_ranges_.load(std::memory_order_relaxed); }
  // Nothing is sent when it is there.
  absl::Status PutBlob(const oci::Descriptor& descriptor, ByteView bytes);
  absl::StatusOr<bool> HasBlob(const oci::Descriptor& descriptor);

  // All tags that begin with `prefix`, sorted. None when nobody ever pushed into the repository.
  absl::StatusOr<std::vector<std::string>> ListTags(absl::string_view prefix);

  // The manifests of this artifact type whose subject is `digest`: the referrers API, or the
  // referrers tag where there is none.
  absl::StatusOr<std::vector<oci::Descriptor>> Referrers(const std::string& digest,
                                                         const std::string& artifact_type);
  // For registries without that API: adds to, or takes from, the index under the referrers tag.
  // Two at once: one may be lost (the spec leaves that to clients).
  absl::Status AddReferrer(const std::string& subject, const oci::Descriptor& referrer);
  absl::Status RemoveReferrer(const std::string& subject, const std::string& digest);

 private:
  Repository(std::shared_ptr<Client> client, std::string mount_from)
      : client_(std::move(client)), mount_from_(std::move(mount_from)) {}
  absl::StatusOr<oci::ImageIndex> ReferrersByTag(const std::string& digest);
  absl::Status PutReferrersByTag(const std::string& subject, const oci::ImageIndex& index);

  const std::shared_ptr<Client> client_;
  const std::string mount_from_;
  std::atomic<uint64_t> ignored_ranges_{0};
};

// "sha256-<hex>": where referrers are kept without the API.
std::string ReferrersTag(const std::string& digest);

// The url of the next page in a Link header ("<url>; rel=next"); "" for none.
std::string NextLink(absl::string_view header);

}  // namespace floe::registry
