// SPDX-License-Identifier: Apache-2.0
// A connection to containerd: its services, the headers every call carries, and a lease.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "base/status.h"
#include "converter/containerd/transport.h"
#include "proto/containerd/services/content/v1/content.grpc.pb.h"
#include "proto/containerd/services/images/v1/images.grpc.pb.h"
#include "proto/containerd/services/leases/v1/leases.grpc.pb.h"

namespace floe::converter {

namespace content_v1 = ::containerd::services::content::v1;
namespace images_v1 = ::containerd::services::images::v1;
namespace leases_v1 = ::containerd::services::leases::v1;

// Our code and text for a gRPC status; `what` names the thing asked for.
absl::Status FromGrpc(const grpc::Status& status, absl::string_view what);

// Holds a lease for its whole life, so that containerd's garbage collection takes nothing that was
// written or pinned through it. The lease also ends by itself after ContainerdOptions::lease_time,
// should this process die. Thread safe.
class ContainerdConnection {
 public:
  // UNAVAILABLE with the remedy when nobody answers on the socket.
  static absl::StatusOr<std::shared_ptr<ContainerdConnection>> Open(
      const ContainerdOptions& options);
  ~ContainerdConnection();
  ContainerdConnection(const ContainerdConnection&) = delete;
  ContainerdConnection& operator=(const ContainerdConnection&) = delete;

  content_v1::Content::StubInterface& content() { return *content_; }
  images_v1::Images::StubInterface& images() { return *images_; }
  const ContainerdOptions& options() const { return options_; }
  const std::string& lease() const { return lease_; }

  // Namespace and lease headers; with the deadline for calls that move no blob, or without one.
  enum class Deadline { kYes, kNo };
  void Prepare(grpc::ClientContext& context, Deadline deadline = Deadline::kYes) const;

  // Keeps a blob that is there already, and what its labels refer to.
  absl::Status Pin(const std::string& digest);

 private:
  explicit ContainerdConnection(const ContainerdOptions& options);
  absl::Status CreateLease();

  const ContainerdOptions options_;
  std::unique_ptr<content_v1::Content::StubInterface> content_;
  std::unique_ptr<images_v1::Images::StubInterface> images_;
  std::unique_ptr<leases_v1::Leases::StubInterface> leases_;
  std::string lease_;
};

}  // namespace floe::converter
