// SPDX-License-Identifier: Apache-2.0
// A store with one published image, keys, and a keeper in a thread: what an image table needs.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <memory>
#include <string>
#include <thread>

#include "base/file.h"
#include "fusefs/daemon/image_table.h"
#include "fusefs/tiers.h"
#include "keeper/server.h"
#include "store/keys/key_directory.h"
#include "store/origin/open_store.h"
#include "test/unit/fusefs/test_image.h"

namespace floe::fusefs {

class NodeFixture : public ::testing::Test {
 protected:
  NodeFixture() : keys_(dir_.path() + "/keys") {
    EXPECT_TRUE(keys_.EnsureOwnKeys().ok());
    manifest_keys_.ring = *keys_.LoadKeyRing();
    manifest_keys_.trust = *keys_.LoadTrust();
    EXPECT_TRUE(store::InitStore(StoreAddress(), keys_).ok());
    auto server = keeper::Server::Listen({dir_.path() + "/keeper.sock", {}, 64});
    keeper_thread_ = std::thread([this, s = std::make_shared<keeper::Server>(*std::move(server))] {
      EXPECT_TRUE(s->Run(stop_.get()).ok());
    });
    keeper_ = *keeper::KeeperClient::Connect(dir_.path() + "/keeper.sock");
    MakeTiers();
  }
  ~NodeFixture() override {
    EXPECT_TRUE(keeper_->Shutdown().ok());
    keeper_thread_.join();
  }
  std::string StoreAddress() const { return "folder:" + dir_.path() + "/store"; }

  void MakeTiers() {
    TierOptions options = options_;
    options.store_address = store_address_.empty() ? StoreAddress() : store_address_;
    options.cache_dir = dir_.path() + "/cache";
    options.free_share = 0;
    options.worker_threads = 2;
    auto tiers = Tiers::Create(options, Secret::Copy(Bytes(32, 1)), metrics_, Clock::Real());
    ASSERT_TRUE(tiers.ok()) << tiers.status();
    tiers_ = *std::move(tiers);
  }
  // From now on nothing comes from the store, whose threads are all taken, until the flag is false.
  std::shared_ptr<std::atomic<bool>> BlockOrigin() {
    auto held = std::make_shared<std::atomic<bool>>(true);
    for (size_t i = 0; i < options_.origin_threads; ++i) {
      tiers_->blocking().Run([held] {
        while (*held) std::this_thread::yield();
      });
    }
    return held;
  }
  // As a daemon that was killed and started again.
  void Restart() {
    table_.reset();
    tiers_.reset();
    MakeTiers();
    table_ = MakeTable();
    EXPECT_TRUE(table_->Restore().ok());
  }
  std::unique_ptr<ImageTable> MakeTable() {
    return std::make_unique<ImageTable>(
        *keeper_, manifest_keys_, tiers_->loader(),
        [this](const store::Manifest& manifest) { return tiers_->SourceFor(manifest); },
        [this](const store::Manifest& manifest) {
          return admission_.ok() ? tiers_->AdmitStart(manifest) : admission_;
        },
        Clock::Real());
  }
  // Publishes an image and gives the path of its manifest.
  std::string Publish(const std::string& name, const std::vector<int>& pattern, uint8_t seed = 1) {
    const TestImage image = MakeTestImage(pattern, seed);
    auto handle = *store::OpenStore(StoreAddress());
    for (const auto& chunk : image.sealed) {
      EXPECT_TRUE(store::PutBlocking(*handle->Chunks(handle->active_root()), chunk.sealed).ok());
    }
    image.manifest->birth_root = handle->active_root();
    image.manifest->domain_id = store::kPublicDomain;
    const store::SigningKey signer = *keys_.OwnSigningKey();
    std::vector<store::Recipient> recipients;
    recipients.push_back(*keys_.OwnRecipient());
    auto encoded = store::EncodeManifest(*image.manifest, Secret(), {&signer}, recipients);
    EXPECT_TRUE(encoded.ok()) << encoded.status();
    EXPECT_TRUE(handle->Publish(*encoded, handle->active_root()).ok());
    const std::string path = dir_.path() + "/" + name;
    EXPECT_TRUE(WriteFileAtomically(path, encoded->file, 0600, Replace::kYes, Durable::kNo).ok());
    return path;
  }
  static UniqueFd Fd(const std::string& path) {
    return UniqueFd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  }
  static SteadyTime Soon() { return Clock::Real().Now() + std::chrono::seconds(30); }

  TempDir dir_ = *TempDir::Create();
  store::KeyDirectory keys_;
  ManifestKeys manifest_keys_;
  Metrics metrics_;
  UniqueFd stop_{eventfd(0, EFD_CLOEXEC)};
  std::thread keeper_thread_;
  std::unique_ptr<keeper::KeeperClient> keeper_;
  std::string store_address_;
  TierOptions options_;     // but for the paths
  absl::Status admission_;  // what new containers are told; OK: what the tiers say
  std::unique_ptr<Tiers> tiers_;
  std::unique_ptr<ImageTable> table_;
};

}  // namespace floe::fusefs
