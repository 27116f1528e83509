// SPDX-License-Identifier: Apache-2.0
// A registry in memory with a floe store in it, and images for that store.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "gtest/gtest.h"
#include "oci/digest.h"
#include "oci/media_types.h"
#include "store/origin/open_store.h"
#include "store/origin/store_log.h"
#include "store/registry/registry_object_store.h"
#include "test/fake/fake_registry.h"

namespace floe::store {

inline constexpr char kRepository[] = "team/images";

struct RegistryImage {
  Manifest manifest;
  std::vector<VerifiedSealed> chunks;  // ascending by id
  EncodedManifest encoded;
  ConversionId conversion;
  ConversionRecord record;
  std::string digest;  // of the published image
};

class RegistryStoreTest : public testing::Test {
 protected:
  explicit RegistryStoreTest(bool has_referrers = false, fake::Registry::Hook hook = nullptr)
      : registry_(std::move(hook)) {
    registry_.has_referrers = has_referrers;
    registry_.checks_blobs = true;
    EXPECT_TRUE(keys_.EnsureOwnKeys().ok());
  }

  std::string Address(const std::string& more = "") const {
    return absl::StrCat("registry:", registry_.host(), "/", kRepository,
                        "?plain-http=true&pack=64KiB&hosts=/nowhere&config=", temp_.path(), more);
  }
  void Init() {
    const auto made = InitStore(Address(), keys_);
    ASSERT_TRUE(made.ok()) << made.status();
    store_ = Open();
  }
  std::shared_ptr<StoreHandle> Open() {
    auto store = OpenStore(Address());
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? *std::move(store) : nullptr;
  }

  // `first`..`first + count`: equal numbers are equal chunks. Another `signer` (0 or 1) gives the
  // same manifest id with another record.
  RegistryImage Seal(uint32_t first, uint32_t count) {
    RegistryImage image;
    const SealingDomain domain = *LoadSealingDomain(*store_, keys_);
    Sealer sealer(domain, {store::Codec::kNone, 0});
    std::vector<SealedChunk> sealed;
    for (uint32_t i = 0; i < count; ++i) {
      Bytes raw(3 * kBlockBytes);
      for (size_t at = 0; at < raw.size(); ++at) {
        raw[at] = static_cast<uint8_t>((at * 31 + (first + i) * 7919) >> 3);
      }
      sealed.push_back(*sealer.Seal(raw));
    }
    std::sort(sealed.begin(), sealed.end(),
              [](const SealedChunk& a, const SealedChunk& b) { return a.ref.id < b.ref.id; });
    image.manifest.image_size = 3 * kBlockBytes * count;
    image.manifest.birth_root = domain.birth_root;
    image.manifest.domain_id = domain.domain_id;
    for (uint32_t i = 0; i < count; ++i) {
      image.manifest.chunks.push_back(sealed[i].ref);
      image.manifest.extents.push_back({3 * i, i});
      image.chunks.push_back(sealed[i].sealed);
    }
    const SigningKey signer = *keys_.OwnSigningKey();
    std::vector<Recipient> recipients;
    recipients.push_back(*keys_.OwnRecipient());
    image.encoded = *EncodeManifest(image.manifest, domain.secret, {&signer}, recipients);
    Wrap(image, "");
    return image;
  }
  // The published image; another `label` is another image of the same manifest.
  static void Wrap(RegistryImage& image, const std::string& label) {
    const Bytes layer = image.encoded.file;
    const std::string config = absl::StrCat(R"({"rootfs":{"type":"layers"},"x":")", label, "\"}");
    oci::ImageManifest published;
    published.media_type = oci::kOciManifest;
    published.config = oci::DescribeBytes(oci::kOciConfig, AsBytes(config));
    published.layers = {oci::DescribeBytes(oci::kOciLayerGzip, layer)};
    published.annotations[kManifestAnnotation] = image.encoded.id.ToHex();
    const std::string text = oci::SerializeManifest(published);
    image.record.manifest = image.encoded.id;
    image.record.birth_root = image.manifest.birth_root;
    image.record.image_manifest.assign(text.begin(), text.end());
    image.record.config.assign(config.begin(), config.end());
    image.record.layer = layer;
    image.digest = oci::DigestOf(AsBytes(text));
    image.conversion.bytes = Sha256::Of(AsBytes(text));
  }

  absl::Status PutChunks(StoreHandle& store, const RegistryImage& image) {
    const auto chunks = store.Chunks(image.manifest.birth_root);
    for (const VerifiedSealed& chunk : image.chunks) {
      FLOE_RETURN_IF_ERROR(PutBlocking(*chunks, chunk).status());
    }
    return absl::OkStatus();
  }
  absl::Status Publish(StoreHandle& store, const RegistryImage& image) {
    FLOE_RETURN_IF_ERROR(PutChunks(store, image));
    FLOE_RETURN_IF_ERROR(store.Publish(image.encoded, image.manifest.birth_root));
    return store.PutConversion(image.conversion, image.record);
  }
  // Every chunk, read by a store that knows nothing yet; `expect`: told of the manifest before.
  absl::Status ReadAllOf(const RegistryImage& image, bool expect = true) {
    FLOE_ASSIGN_OR_RETURN(const std::shared_ptr<StoreHandle> store, OpenStore(Address()));
    if (expect) store->Expect(image.encoded.id, image.manifest.birth_root);
    const auto chunks = store->Chunks(image.manifest.birth_root);
    for (const VerifiedSealed& chunk : image.chunks) {
      FLOE_RETURN_IF_ERROR(GetBlocking(*chunks, chunk.id()).status());
    }
    return absl::OkStatus();
  }

  std::vector<std::string> Manifests() {
    std::vector<std::string> keys;
    registry_.Locked([&] {
      for (const auto& [key, manifest] : registry_.manifests) {
        keys.push_back(key.substr(strlen(kRepository) + 1));
      }
    });
    return keys;
  }
  bool HasTag(const std::string& tag) {
    const std::vector<std::string> keys = Manifests();
    return std::find(keys.begin(), keys.end(), tag) != keys.end();
  }
  // The number of requests so far that begin with `what` ("PUT /v2/x/manifests").
  size_t Requests(const std::string& what) {
    size_t count = 0;
    for (const std::string& line : registry_.server().log()) {
      if (line.find(what) != std::string::npos) ++count;
    }
    return count;
  }
  size_t PackBytes() {
    size_t bytes = 0;
    registry_.Locked([&] {
      for (const auto& [digest, blob] : registry_.blobs) {
        if (blob.size() > 10'000 && blob.substr(0, 8) != "FLOEIDX1" &&
            blob.substr(0, 8) != kManifestMagic) {
          bytes += blob.size();
        }
      }
    });
    return bytes;
  }
  // What a user does who deletes an image by its digest.
  void DeleteImage(const std::string& digest) {
    registry_.Locked([&] {
      const std::string bytes =
          registry_.manifests.at(absl::StrCat(kRepository, "/", digest)).bytes;
      std::erase_if(registry_.manifests, [&](const auto& m) { return m.second.bytes == bytes; });
    });
  }
  void CollectGarbage() {
    registry_.Locked([&] { registry_.CollectGarbage(kRepository); });
  }

  const TempDir temp_ = *TempDir::Create();
  const KeyDirectory keys_{temp_.path() + "/keys"};
  fake::Registry registry_;
  std::shared_ptr<StoreHandle> store_;
};

}  // namespace floe::store
