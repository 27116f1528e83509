// SPDX-License-Identifier: Apache-2.0
#include "store/origin/open_objects.h"

#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "store/origin/folder_object_store.h"
#include "store/origin/retrying_objects.h"
#include "store/registry/registry_object_store.h"
#include "store/s3/open_s3.h"

namespace floe::store {
namespace {

constexpr absl::string_view kFolderScheme = "folder:";

// The folder's path; nullopt for anything else.
std::optional<std::string> FolderOf(absl::string_view address) {
  if (absl::StartsWith(address, kFolderScheme)) address.remove_prefix(kFolderScheme.size());
  if (address.empty() || address[0] != '/') return std::nullopt;
  return std::string(address);
}

absl::Status UnknownAddress(const std::string& address) {
  return absl::InvalidArgumentError(
      absl::StrCat("store \"", address,
                   "\": not an address of a store; write folder:/absolute/path, "
                   "s3://BUCKET[/PREFIX] or registry:HOST/REPOSITORY"));
}

absl::StatusOr<OpenedObjects> OpenFolder(const std::string& path, size_t io_threads) {
  FolderOptions options;
  options.io_threads = io_threads;
  FLOE_ASSIGN_OR_RETURN(auto objects, FolderObjectStore::Open(path, options));
  return OpenedObjects{absl::StrCat(kFolderScheme, path), objects, objects};
}

absl::StatusOr<OpenedObjects> OpenBucket(const std::string& text) {
  FLOE_ASSIGN_OR_RETURN(const S3Address address, ParseS3Address(text));
  FLOE_ASSIGN_OR_RETURN(const auto bucket, OpenS3(address));
  return OpenedObjects{address.ToString(), std::make_shared<RetryingObjects>(bucket), bucket,
                       [bucket] { return ProbeConditionalPuts(*bucket); }};
}

// Its client tries again by itself.
absl::StatusOr<OpenedObjects> OpenRepository(const std::string& text, size_t io_threads) {
  FLOE_ASSIGN_OR_RETURN(const RegistryAddress address, ParseRegistryAddress(text));
  FLOE_ASSIGN_OR_RETURN(const auto objects, RegistryObjectStore::Open(address, io_threads));
  return OpenedObjects{text, objects, objects, [objects] { return objects->Probe(); }};
}

}  // namespace

absl::StatusOr<OpenedObjects> OpenObjects(const std::string& address, size_t io_threads) {
  if (IsRegistryAddress(address)) return OpenRepository(address, io_threads);
  if (IsS3Address(address)) return OpenBucket(address);
  const std::optional<std::string> folder = FolderOf(address);
  if (!folder) return UnknownAddress(address);
  return OpenFolder(*folder, io_threads);
}

absl::StatusOr<OpenedObjects> MakeObjects(const std::string& address) {
  const std::optional<std::string> folder = FolderOf(address);
  if (folder) FLOE_RETURN_IF_ERROR(MakeDirectories(*folder));
  return OpenObjects(address, 1);
}

absl::Status ProbeObjects(const OpenedObjects& opened) {
  return opened.probe == nullptr ? absl::OkStatus() : opened.probe();
}

}  // namespace floe::store
