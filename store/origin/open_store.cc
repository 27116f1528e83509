// SPDX-License-Identifier: Apache-2.0
#include "store/origin/open_store.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "store/origin/open_objects.h"
#include "store/origin/store_log.h"
#include "store/registry/address.h"
#include "store/s3/open_s3.h"
#include "store/seal/cipher.h"

namespace floe::store {
namespace {

constexpr uint64_t kMaxStoreInfoBytes = 1 << 20;

bool IsFolder(absl::string_view address) {
  return !IsS3Address(std::string(address)) && !IsRegistryAddress(address);
}

absl::Status OfStore(const std::string& address, const absl::Status& status) {
  if (absl::IsPermissionDenied(status) && IsFolder(address)) {
    return absl::PermissionDeniedError(
        absl::StrCat("store ", address, ": ", status.message(),
                     "; run this as a user that may use the folder, or change its mode"));
  }
  return Annotate(status, absl::StrCat("store ", address));
}

absl::Status NoStore(const std::string& address) {
  return absl::NotFoundError(absl::StrCat("store ", address,
                                          ": no floe store there; make one with `floe store init ",
                                          address, "`, or check that ",
                                          IsFolder(address)      ? "the folder is mounted"
                                          : IsS3Address(address) ? "bucket and prefix are right"
                                                                 : "the repository is right"));
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

// The place must be empty, or hold a store that was begun.
absl::Status CheckEmpty(ObjectStore& objects, const std::string& address) {
  auto listed = ListObjects(objects, "", "", 100);
  if (!listed.ok()) return OfStore(address, listed.status());
  const ObjectPage& page = *listed;
  for (const ObjectInfo& object : page.objects) {
    if (object.name == kStoreInfoName) {
      return absl::AlreadyExistsError(
          absl::StrCat("store ", address, ": there is a floe store already"));
    }
    if (object.name != LogEntryName(1) && !IsProbeName(object.name)) {
      return absl::FailedPreconditionError(
          absl::StrCat("store ", address, ": the place holds other things (", object.name,
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
  auto opened = OpenObjects(address, options.io_threads);
  if (absl::IsNotFound(opened.status())) return NoStore(address);
  if (!opened.ok()) return OfStore(address, opened.status());
  ObjectStore& objects = *opened->objects;
  auto text = GetObject(objects, kStoreInfoName, kMaxStoreInfoBytes);
  if (absl::IsNotFound(text.status())) return NoStore(address);
  if (!text.ok()) return OfStore(address, text.status());
  auto info = DecodeStoreInfo(AsText(**text));
  if (!info.ok()) return OfStore(address, info.status());
  FLOE_RETURN_IF_ERROR(CheckId(address, *info, options));
  auto roots = ReadLog(objects);
  if (!roots.ok()) return OfStore(address, roots.status());
  return std::make_shared<StoreHandle>(opened->address, opened->objects, *std::move(info),
                                       *std::move(roots), opened->chunk_objects);
}

absl::StatusOr<StoreInfo> InitStore(const std::string& address, const KeyDirectory& keys,
                                    const InitStoreOptions& options) {
  auto opened = MakeObjects(address);
  if (!opened.ok()) return OfStore(address, opened.status());
  ObjectStore& objects = *opened->objects;
  FLOE_RETURN_IF_ERROR(CheckEmpty(objects, address));
  FLOE_RETURN_IF_ERROR(OfStore(address, ProbeObjects(*opened)));
  FLOE_RETURN_IF_ERROR(OfStore(address, MakeFirstRoot(objects)));
  StoreInfo info;
  info.id = RandomId();
  FLOE_ASSIGN_OR_RETURN(StoreDomain domain, MakeDomain(keys, options));
  info.domains.push_back(std::move(domain));
  // Last: a place without floe.json is no store, whatever else was interrupted.
  auto put =
      PutObject(objects, kStoreInfoName, BytesOf(EncodeStoreInfo(info)), PutDurability::kAtOnce);
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
