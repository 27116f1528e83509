// SPDX-License-Identifier: Apache-2.0
#include "fusefs/daemon/node_key.h"

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "store/seal/cipher.h"

namespace floe::fusefs {
namespace {

constexpr size_t kKeyBytes = 32;

absl::Status MakeNodeKey(const std::string& path) {
  Secret key(kKeyBytes);
  store::RandomBytes(key.mutable_view());
  std::string hex = ToHex(key.view());
  const auto wipe = absl::MakeCleanup([&hex] {
    Wipe({reinterpret_cast<uint8_t*>(hex.data()), hex.size()});
  });
  const absl::Status written =
      WriteFileAtomically(path, AsBytes(hex), 0600, Replace::kNo, Durable::kYes);
  return absl::IsAlreadyExists(written) ? absl::OkStatus() : written;
}

}  // namespace

absl::StatusOr<Secret> LoadNodeKey(const std::string& key_directory) {
  const std::string path = absl::StrCat(key_directory, "/disk-tier.key");
  auto text = ReadWholeFile(path, 2 * kKeyBytes + 1);
  if (absl::IsNotFound(text.status())) {
    FLOE_RETURN_IF_ERROR(MakeNodeKey(path));
    text = ReadWholeFile(path, 2 * kKeyBytes + 1);
  }
  if (!text.ok()) return Annotate(text.status(), "key of the disk tier");
  const auto wipe = absl::MakeCleanup([&text] { Wipe(*text); });
  auto key = FromHex(AsText(ByteView(*text).first(std::min(text->size(), 2 * kKeyBytes))));
  if (!key || key->size() != kKeyBytes) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " is damaged: remove it (the disk tier then starts empty)"));
  }
  Secret secret = Secret::Copy(*key);
  Wipe(*key);
  return secret;
}

}  // namespace floe::fusefs
