// SPDX-License-Identifier: Apache-2.0
// containerd's content, images and leases services in memory, on a unix socket, with the manners of
// the real one that matter: sessions, offsets, ALREADY_EXISTS, and the last message of a write sent
// twice.
#pragma once

#include <grpcpp/grpcpp.h>

#include <map>
#include <memory>
#include <set>
#include <string>

#include "base/file.h"
#include "base/mutex.h"
#include "oci/descriptor.h"
#include "proto/containerd/services/content/v1/content.grpc.pb.h"
#include "proto/containerd/services/images/v1/images.grpc.pb.h"
#include "proto/containerd/services/leases/v1/leases.grpc.pb.h"

namespace floe::fake {

namespace content = ::containerd::services::content::v1;
namespace images = ::containerd::services::images::v1;
namespace leases = ::containerd::services::leases::v1;

struct ContainerdState {
  struct Blob {
    std::string bytes;
    std::map<std::string, std::string> labels;
  };
  Mutex mutex;
  std::map<std::string, Blob> blobs FLOE_GUARDED_BY(mutex);
  // Blobs of other namespaces: a write of one begins at its end.
  std::map<std::string, std::string> shared FLOE_GUARDED_BY(mutex);
  std::map<std::string, images::Image> images FLOE_GUARDED_BY(mutex);
  std::map<std::string, std::string> leases FLOE_GUARDED_BY(mutex);  // id: gc.expire
  std::set<std::string> pinned FLOE_GUARDED_BY(mutex);
  std::set<std::string> namespaces FLOE_GUARDED_BY(mutex);  // named by any call
  int leases_made FLOE_GUARDED_BY(mutex) = 0;
  int calls_without_lease FLOE_GUARDED_BY(mutex) = 0;
  size_t longest_message FLOE_GUARDED_BY(mutex) = 0;
};

class Containerd {
 public:
  Containerd();
  ~Containerd();

  const std::string& socket() const { return socket_; }
  ContainerdState& state() { return state_; }
  void AddBlob(const oci::Descriptor& descriptor, absl::string_view bytes);
  void AddImage(const std::string& name, const oci::Descriptor& target);

 private:
  const TempDir folder_;
  const std::string socket_;
  ContainerdState state_;
  std::unique_ptr<content::Content::Service> content_;
  std::unique_ptr<images::Images::Service> images_;
  std::unique_ptr<leases::Leases::Service> leases_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace floe::fake
