// SPDX-License-Identifier: Apache-2.0
#include "converter/source/open.h"

#include "absl/strings/str_cat.h"
#include "converter/source/docker_archive.h"
#include "converter/source/oci_archive.h"
#include "converter/source/oci_layout.h"
#include "converter/source/registry_image.h"
#include "registry/reference.h"

namespace floe::converter {
namespace {

absl::StatusOr<const ContainerdTransport*> Containerd(const TransportOptions& options) {
  if (options.containerd_transport != nullptr) return options.containerd_transport;
  return absl::FailedPreconditionError(
      "containerd:// needs gRPC, and this floe was built without it (FLOE_GRPC=OFF)");
}

// The repository of SRC when it lies beside DST.
std::string MountFrom(const std::string& source, const std::string& destination) {
  const absl::StatusOr<ImageLocation> location = ParseLocation(source);
  if (!location.ok() || location->transport != Transport::kRegistry) return "";
  const absl::StatusOr<registry::Reference> from = registry::ParseReference(location->reference);
  const absl::StatusOr<registry::Reference> to = registry::ParseReference(destination);
  if (!from.ok() || !to.ok() || from->host != to->host || from->repository == to->repository) {
    return "";
  }
  return from->repository;
}

absl::Status Unknown(const ImageLocation& location) {
  return absl::InternalError(absl::StrCat(location.ToString(), ": unknown transport"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<ImageSource>> OpenSource(const ImageLocation& location,
                                                        const TransportOptions& options) {
  switch (location.transport) {
    case Transport::kRegistry:
      return OpenRegistrySource(location.reference, options.registry);
    case Transport::kContainerd: {
      FLOE_ASSIGN_OR_RETURN(const ContainerdTransport* containerd, Containerd(options));
      return containerd->OpenSource(location.reference, options.containerd);
    }
    case Transport::kOciLayout:
      return OpenOciLayoutSource(location.path, location.reference);
    case Transport::kOciArchive:
      return OpenOciArchiveSource(location.path, location.reference, options.work_dir);
    case Transport::kDockerArchive:
      return OpenDockerArchiveSource(location.path, location.reference, options.work_dir);
  }
  return Unknown(location);
}

absl::StatusOr<std::unique_ptr<ImageDestination>> OpenDestination(const ImageLocation& location,
                                                                  const TransportOptions& options) {
  switch (location.transport) {
    case Transport::kRegistry:
      return OpenRegistryDestination(location.reference, options.registry,
                                     MountFrom(options.mount_from, location.reference));
    case Transport::kContainerd: {
      FLOE_ASSIGN_OR_RETURN(const ContainerdTransport* containerd, Containerd(options));
      return containerd->OpenDestination(location.reference, options.containerd);
    }
    case Transport::kOciLayout:
      return OpenOciLayoutDestination(location.path, location.reference);
    case Transport::kOciArchive:
      return OpenOciArchiveDestination(location.path, location.reference);
    case Transport::kDockerArchive:
      return OpenDockerArchiveDestination(location.path, location.reference);
  }
  return Unknown(location);
}

}  // namespace floe::converter
