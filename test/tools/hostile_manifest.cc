// SPDX-License-Identifier: Apache-2.0
// link: store
// What somebody writes who may convert, and knows others' chunk ids but not their keys: a manifest,
// signed and wrapped as it must be, that names the chunks of another one with random keys.
//
//   hostile_manifest KEYS MANIFEST OUT [CHUNK_ID...]
//   hostile_manifest --unsigned KEYS MANIFEST OUT
//
// Opens MANIFEST with the key directory KEYS and writes it to OUT with every key random but those
// of the given chunks (an attacker has metadata of his own, which opens). With --unsigned every key
// is right, and nobody signs.
#include <cstdio>
#include <cstring>
#include <set>
#include <string>

#include "base/file.h"
#include "store/keys/key_directory.h"
#include "store/manifest.h"
#include "store/seal/cipher.h"

namespace {

absl::Status Write(const std::string& keys_path, const std::string& in, const std::string& out,
                   const std::set<std::string>& keep, bool unsigned_only) {
  const floe::store::KeyDirectory keys(keys_path);
  FLOE_ASSIGN_OR_RETURN(const floe::Bytes file,
                        floe::ReadWholeFile(in, floe::store::kMaxManifestBytes));
  FLOE_ASSIGN_OR_RETURN(const floe::store::TrustPolicy trust, keys.LoadTrust());
  FLOE_ASSIGN_OR_RETURN(const floe::store::KeyRing ring, keys.LoadKeyRing());
  FLOE_ASSIGN_OR_RETURN(floe::store::Manifest manifest,
                        floe::store::OpenManifest(file, trust, ring));
  size_t kept = 0;
  for (floe::store::ChunkRef& chunk : manifest.chunks) {
    if (unsigned_only || keep.count(chunk.id.ToHex()) > 0) {
      ++kept;
    } else {
      floe::store::RandomBytes(chunk.key);
    }
  }
  floe::Secret secret(32);
  floe::store::RandomBytes(secret.mutable_view());
  FLOE_ASSIGN_OR_RETURN(const floe::store::SigningKey signer, keys.OwnSigningKey());
  FLOE_ASSIGN_OR_RETURN(floe::store::Recipient recipient, keys.OwnRecipient());
  std::vector<floe::store::Recipient> recipients;
  recipients.push_back(std::move(recipient));
  FLOE_ASSIGN_OR_RETURN(const floe::store::EncodedManifest encoded,
                        EncodeManifest(manifest, secret,
                                       unsigned_only ? std::vector<const floe::store::SigningKey*>()
                                                     : std::vector{&signer},
                                       recipients));
  std::printf("%zu of %zu chunks keep their keys\n", kept, manifest.chunks.size());
  return floe::WriteFileAtomically(out, encoded.file, 0644, floe::Replace::kYes,
                                   floe::Durable::kNo);
}

}  // namespace

int main(int argc, char** argv) {
  const bool unsigned_only = argc == 5 && std::strcmp(argv[1], "--unsigned") == 0;
  if (unsigned_only) ++argv, --argc;
  if (argc < 4) {
    std::fprintf(stderr, "usage: hostile_manifest [--unsigned] KEYS MANIFEST OUT [CHUNK_ID...]\n");
    return 2;
  }
  const absl::Status done =
      Write(argv[1], argv[2], argv[3], {argv + 4, argv + argc}, unsigned_only);
  if (done.ok()) return 0;
  std::fprintf(stderr, "hostile_manifest: %s\n", std::string(done.message()).c_str());
  return 1;
}
