// SPDX-License-Identifier: Apache-2.0
// A real store in a temporary folder, with images in it.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "base/file.h"
#include "gtest/gtest.h"
#include "store/origin/open_store.h"
#include "store/origin/store_log.h"

namespace floe::store {

// An image of made-up chunks, sealed for the store's domain.
struct SampleImage {
  Manifest manifest;
  std::vector<VerifiedSealed> chunks;
  EncodedManifest encoded;
};

class StoreTest : public testing::Test {
 protected:
  StoreTest() {
    EXPECT_TRUE(keys_.EnsureOwnKeys().ok());
    EXPECT_TRUE(InitStore(address_, keys_).ok());
    store_ = Open();
  }

  std::shared_ptr<StoreHandle> Open() {
    auto store = OpenStore(address_);
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? *std::move(store) : nullptr;
  }
  std::string Path(const std::string& name) { return folder_ + "/" + name; }

  SampleImage Seal(uint8_t seed, size_t chunks = 3) {
    SampleImage image;
    const SealingDomain domain = *LoadSealingDomain(*store_, keys_);
    Sealer sealer(domain, {});
    std::vector<SealedChunk> sealed;
    for (size_t i = 0; i < chunks; ++i) {
      Bytes raw(kBlockBytes, seed);
      raw[0] = static_cast<uint8_t>(i);
      sealed.push_back(*sealer.Seal(raw));
    }
    std::sort(sealed.begin(), sealed.end(),
              [](const SealedChunk& a, const SealedChunk& b) { return a.ref.id < b.ref.id; });
    image.manifest.image_size = kBlockBytes * chunks;
    image.manifest.birth_root = domain.birth_root;
    image.manifest.domain_id = domain.domain_id;
    for (uint32_t i = 0; i < chunks; ++i) {
      image.manifest.chunks.push_back(sealed[i].ref);
      image.manifest.extents.push_back({i, i});
      image.chunks.push_back(sealed[i].sealed);
    }
    const SigningKey signer = *keys_.OwnSigningKey();
    std::vector<Recipient> recipients;
    recipients.push_back(*keys_.OwnRecipient());
    image.encoded = *EncodeManifest(image.manifest, domain.secret, {&signer}, recipients);
    return image;
  }
  void PutChunks(const SampleImage& image) {
    const auto chunks = store_->Chunks(image.manifest.birth_root);
    for (const VerifiedSealed& chunk : image.chunks) {
      ASSERT_TRUE(PutBlocking(*chunks, chunk).ok());
    }
  }
  SampleImage Publish(uint8_t seed, size_t chunks = 3) {
    SampleImage image = Seal(seed, chunks);
    PutChunks(image);
    EXPECT_TRUE(store_->Publish(image.encoded, image.manifest.birth_root).ok());
    return image;
  }
  // Retires the active root `ago`; gives the new active one.
  RootId Rotate(std::chrono::hours ago = std::chrono::hours(0)) {
    LogEntry entry;
    entry.seq = store_->Roots()->front().state_seq + 1;
    entry.time = Clock::Real().WallNow() - ago;
    RootId next;
    next.fill(static_cast<uint8_t>(entry.seq));
    entry.transitions = {{store_->active_root(), RootState::kRetired}, {next, RootState::kActive}};
    EXPECT_TRUE(AppendLog(store_->objects(), entry).ok());
    return next;
  }

  const TempDir temp_ = *TempDir::Create();
  const std::string folder_ = temp_.path() + "/store";
  const std::string address_ = "folder:" + folder_;
  const KeyDirectory keys_{temp_.path() + "/keys"};
  std::shared_ptr<StoreHandle> store_;
};

}  // namespace floe::store
