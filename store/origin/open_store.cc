// SPDX-License-Identifier: Apache-2.0
#include "store/origin/open_store.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "store/origin/folder_object_store.h"
#include "store/origin/store_log.h"
#include "store/seal/cipher.h"

namespace floe::store {
namespace {

constexpr uint64_t kMaxStoreInfoBytes = 1 << 20;
constexpr absl::string_view kFolderScheme = "folder:";

// The folder's path. INVALID_ARGUMENT for anything else.
absl::StatusOr<std::string> FolderOf(const std::string& address) {
  absl::string_view path = address;
  if (absl::StartsWith(path, kFolderScheme)) path.remove_prefix(kFolderScheme.size());
  if (!path.empty() && path[0] == '/') return std::string(path);
  return absl::InvalidArgumentError(
      absl::StrCat("store \"", address,
                   "\": not an address of a store; write folder:/absolute/path (other kinds of "
                   "store are not there yet)"));
}

absl::Status OfStore(const std::string& address, const absl::Status& status) {
  if (absl::IsPermissionDenied(status)) {
    return absl::PermissionDeniedError(
        absl::StrCat("store ", address, ": ", status.message(),
                     "; run this as a user that may use the folder, or change its mode"));
  }
  return Annotate(status, absl::StrCat("store ", address));
}

absl::Status NoStore(const std::string& address) {
  return absl::NotFoundError(absl::StrCat("store ", address,
                                          ": no floe store there; make one with `floe store init ",
                                          address, "`, or check that the folder is mounted"));
}

std::array<uint8_t, 16> RandomId() {
  std::array<uint8_t, 16> id;
  RandomBytes(id);
  return id;
}

SealedBytes BytesOf(const std::string& text) {
  const ByteView bytes = AsBytes(text);
  return std::make_shared<Bytes>(bytes.begin(), bytes.end());
}

absl::Status CheckId(const std::string& address, const StoreInfo& info,
                     const OpenStoreOptions& options) {
  if (!options.expected_id || *options.expected_id == info.id) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "store ", address, ": its id is ", ToHex(info.id), ", but ", ToHex(*options.expected_id),
      " is configured: another store is there; check its address, or correct the "
      "configured id if the change is meant"));
}

// The folder must be empty, or hold a store that was begun.
absl::Status CheckEmpty(ObjectStore& objects, const std::string& address) {
  FLOE_ASSIGN_OR_RETURN(const ObjectPage page, ListObjects(objects, "", "", 2));
  for (const ObjectInfo& object : page.objects) {
    if (object.name == kStoreInfoName) {
      return absl::AlreadyExistsError(
          absl::StrCat("store ", address, ": there is a floe store already"));
    }
    if (object.name != LogEntryName(1)) {
      return absl::FailedPreconditionError(
          absl::StrCat("store ", address, ": the folder holds other files (", object.name,
                       "); choose an empty or a new one"));
    }
  }
  return absl::OkStatus();
}

// The first root; one of an interrupted init is taken over.
absl::Status MakeFirstRoot(ObjectStore& objects) {
  LogEntry first;
  first.seq = 1;
  first.time = Clock::Real().WallNow();
  first.transitions.push_back({RandomId(), RootState::kActive});
  const absl::Status appended = AppendLog(objects, first);
  if (!appended.ok() && !absl::IsAborted(appended)) return appended;
  return ReadLog(objects).status();
}

absl::StatusOr<StoreDomain> MakeDomain(const KeyDirectory& keys, const InitStoreOptions& options) {
  if (options.join) {
    FLOE_RETURN_IF_ERROR(keys.DomainSecret(*options.join));
    return StoreDomain{*options.join, *options.join == kPublicDomain ? "public" : "default"};
  }
  if (options.domain == DomainChoice::kPublic) return StoreDomain{kPublicDomain, "public"};
  const StoreDomain domain{RandomId(), "default"};
  Secret secret(32);
  RandomBytes(secret.mutable_view());
  // Before the store names it: a store whose domain nobody has the secret of takes no conversion.
  FLOE_RETURN_IF_ERROR(keys.SaveDomainSecret(domain.id, secret));
  return domain;
}

}  // namespace

absl::StatusOr<std::shared_ptr<StoreHandle>> OpenStore(const std::string& address,
                                                       const OpenStoreOptions& options) {
  FLOE_ASSIGN_OR_RETURN(const std::string path, FolderOf(address));
  FolderOptions folder;
  folder.io_threads = options.io_threads;
  auto objects = FolderObjectStore::Open(path, folder);
  if (absl::IsNotFound(objects.status())) return NoStore(address);
  if (!objects.ok()) return OfStore(address, objects.status());
  auto text = GetObject(**objects, kStoreInfoName, kMaxStoreInfoBytes);
  if (absl::IsNotFound(text.status())) return NoStore(address);
  if (!text.ok()) return OfStore(address, text.status());
  auto info = DecodeStoreInfo(AsText(**text));
  if (!info.ok()) return OfStore(address, info.status());
  FLOE_RETURN_IF_ERROR(CheckId(address, *info, options));
  auto roots = ReadLog(**objects);
  if (!roots.ok()) return OfStore(address, roots.status());
  return std::make_shared<StoreHandle>(absl::StrCat(kFolderScheme, path), *std::move(objects),
                                       *std::move(info), *std::move(roots));
}

absl::StatusOr<StoreInfo> InitStore(const std::string& address, const KeyDirectory& keys,
                                    const InitStoreOptions& options) {
  FLOE_ASSIGN_OR_RETURN(const std::string path, FolderOf(address));
  FLOE_RETURN_IF_ERROR(OfStore(address, MakeDirectories(path)));
  auto objects = FolderObjectStore::Open(path, {1, std::nullopt});
  if (!objects.ok()) return OfStore(address, objects.status());
  FLOE_RETURN_IF_ERROR(CheckEmpty(**objects, address));
  FLOE_RETURN_IF_ERROR(OfStore(address, MakeFirstRoot(**objects)));
  StoreInfo info;
  info.id = RandomId();
  FLOE_ASSIGN_OR_RETURN(StoreDomain domain, MakeDomain(keys, options));
  info.domains.push_back(std::move(domain));
  // Last: a folder without floe.json is no store, whatever else was interrupted.
  auto put =
      PutObject(**objects, kStoreInfoName, BytesOf(EncodeStoreInfo(info)), PutDurability::kAtOnce);
  if (absl::IsDataLoss(put.status()) || (put.ok() && *put == PutResult::kExisted)) {
    return absl::AlreadyExistsError(
        absl::StrCat("store ", address, ": somebody else made a store there meanwhile"));
  }
  if (!put.ok()) return OfStore(address, put.status());
  return info;
}

absl::StatusOr<SealingDomain> LoadSealingDomain(const StoreHandle& store,
                                                const KeyDirectory& keys) {
  SealingDomain domain;
  domain.domain_id = store.info().domains.front().id;
  domain.birth_root = store.active_root();
  auto secret = keys.DomainSecret(domain.domain_id);
  if (!secret.ok()) return OfStore(store.address(), secret.status());
  domain.secret = *std::move(secret);
  return domain;
}

}  // namespace floe::store
