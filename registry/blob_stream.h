// SPDX-License-Identifier: Apache-2.0
// A blob from a registry that survives broken connections.
#pragma once

#include <memory>

#include "base/byte_stream.h"
#include "registry/client.h"
#include "registry/retry.h"

namespace floe::registry {

// Reads the blob front to back; after a break it goes on where it stopped (Range), as often as
// Options::attempts says without progress in between. Ends after descriptor.size bytes; it
// does not check the digest. Not thread safe.
class BlobStream : public ByteStream {
 public:
  // UNAVAILABLE, NOT_FOUND, ...: the first connection is made at once.
  static absl::StatusOr<std::unique_ptr<BlobStream>> Open(std::shared_ptr<Client> client,
                                                          const oci::Descriptor& descriptor);

  absl::StatusOr<size_t> Read(MutableByteView out) override;

 private:
  BlobStream(std::shared_ptr<Client> client, const oci::Descriptor& descriptor);

  absl::Status Connect();
  absl::Status CheckStart(net::HttpExchange& exchange);
  absl::Status Skip(net::HttpExchange& exchange, uint64_t count);
  absl::StatusOr<size_t> ReadOnce(MutableByteView out);

  const std::shared_ptr<Client> client_;
  const oci::Descriptor descriptor_;
  std::unique_ptr<net::HttpExchange> exchange_;  // goes before client_
  uint64_t offset_ = 0;
  uint64_t progress_ = 0;  // bytes since the last break
  Backoff backoff_;
};

// The first byte of "bytes 5-9/10"; nullopt for anything else.
std::optional<uint64_t> ParseContentRangeStart(absl::string_view value);

}  // namespace floe::registry
