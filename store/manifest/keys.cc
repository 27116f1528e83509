// SPDX-License-Identifier: Apache-2.0
#include "store/manifest/keys.h"

namespace floe::store {
namespace {

Key256 Derive(const Secret& file_key, absl::string_view info) {
  Key256 key;
  HkdfSha256({}, file_key.view(), AsBytes(info), key);
  return key;
}

}  // namespace

Secret DeriveFileKey(const Secret& domain_secret, const Sha256Digest& content) {
  Secret key(32);
  HkdfSha256(domain_secret.view(), content, AsBytes("floe/file/v1"), key.mutable_view());
  return key;
}

Key256 DeriveTableKey(const Secret& file_key) { return Derive(file_key, "floe/table/v1"); }

Key256 DeriveCommit(const Secret& file_key) { return Derive(file_key, "floe/commit/v1"); }

}  // namespace floe::store
