// SPDX-License-Identifier: Apache-2.0
// What reading an image back costs, taken apart: the sealed chunks of one manifest are read from a
// folder store, checked (AES-256-GMAC, as the disk tier does), opened (AES-256-GCM) and
// decompressed (zstd), each part measured apart on one core over the same bytes.
//
// usage: open_parts STORE_FOLDER KEY_DIRECTORY MANIFEST_FILE
//
// Prints one line a part and, last, "core_seconds X": the sum. A reader that keeps N cores busy
// cannot be faster than X / N.
#include <fcntl.h>

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "bench/stopwatch.h"
#include "store/keys/key_directory.h"
#include "store/manifest.h"
#include "store/seal/cipher.h"
#include "store/seal/compress.h"
#include "store/seal/disk_entry_mac.h"

namespace floe::store {
namespace {

struct Part {
  const char* name;
  // Waiting for the disk is part of reading; the others are measured in CPU time.
  clockid_t clock = CLOCK_THREAD_CPUTIME_ID;
  double seconds = 0;
  uint64_t bytes = 0;

  template <typename Work>
  void Measure(uint64_t size, Work work) {
    seconds += SecondsOf(clock, work);
    bytes += size;
  }
  void Print() const {
    std::printf("%-12s %8.1f MB %7.3f s %7.0f MB/s\n", name, 1e-6 * static_cast<double>(bytes),
                seconds, 1e-6 * static_cast<double>(bytes) / (seconds > 0 ? seconds : 1));
  }
};

absl::Status Run(const std::string& folder, const std::string& keys_path,
                 const std::string& manifest_path) {
  const KeyDirectory directory(keys_path);
  FLOE_ASSIGN_OR_RETURN(const KeyRing keys, directory.LoadKeyRing());
  FLOE_ASSIGN_OR_RETURN(const TrustPolicy trust, directory.LoadTrust());
  FLOE_ASSIGN_OR_RETURN(const Bytes file, ReadWholeFile(manifest_path, kMaxManifestBytes));
  FLOE_ASSIGN_OR_RETURN(const Manifest manifest, OpenManifest(file, trust, keys));
  const std::string chunks = absl::StrCat(folder, "/r/", ToHex(manifest.birth_root), "/c/");
  const DiskEntryMac mac{Secret(32)};
  Part read{"read", CLOCK_MONOTONIC}, check{"check"}, open{"open"}, unzstd{"decompress"};
  Bytes raw(kMaxRawChunkBytes);
  for (const ChunkRef& ref : manifest.chunks) {
    const std::string hex = ref.id.ToHex();
    const std::string path = absl::StrCat(chunks, hex.substr(0, 2), "/", hex);
    absl::StatusOr<Bytes> sealed = absl::UnknownError("not read");
    read.Measure(ref.sealed_length, [&] { sealed = ReadWholeFile(path, 2 << 20); });
    FLOE_RETURN_IF_ERROR(sealed.status());
    auto shared = std::make_shared<const Bytes>(*std::move(sealed));
    FLOE_ASSIGN_OR_RETURN(const VerifiedSealed verified, VerifyById(ref.id, shared));
    check.Measure(shared->size(), [&] { (void)mac.Make(verified); });
    Bytes packed(shared->size() - kGcmTagBytes);
    bool opened = false;
    open.Measure(packed.size(), [&] { opened = GcmOpenNonceZero(ref.key, {}, *shared, packed); });
    if (!opened) return absl::DataLossError(absl::StrCat("chunk ", hex, " does not open"));
    if (ref.codec != Codec::kZstd) continue;
    absl::Status status;
    unzstd.Measure(ref.raw_length, [&] {
      status = Decompress(packed, MutableByteView(raw).subspan(0, ref.raw_length));
    });
    FLOE_RETURN_IF_ERROR(status);
  }
  for (const Part* part : {&read, &check, &open, &unzstd}) part->Print();
  std::printf("core_seconds %.3f\n", read.seconds + check.seconds + open.seconds + unzstd.seconds);
  return absl::OkStatus();
}

}  // namespace
}  // namespace floe::store

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: open_parts STORE_FOLDER KEY_DIRECTORY MANIFEST_FILE\n");
    return 2;
  }
  const absl::Status status = floe::store::Run(argv[1], argv[2], argv[3]);
  if (!status.ok()) std::fprintf(stderr, "open_parts: %s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}
