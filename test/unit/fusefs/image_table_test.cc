// SPDX-License-Identifier: Apache-2.0
#include "fusefs/daemon/image_table.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/unix_socket.h"
#include "store/blocking.h"
#include "test/unit/fusefs/node_fixture.h"

namespace floe::fusefs {
namespace {

class ImageTableTest : public NodeFixture {
 protected:
  ImageTableTest() {
    table_ = MakeTable();
    manifest_ = Publish("one", {2, -1, 5, 3});
  }
  absl::StatusOr<OpenedImage> Open(const std::string& name, const std::string& manifest) {
    return table_->Open(name, Fd(manifest), "shop:1", Soon());
  }
  static Bytes ReadAll(const ServedImage& image) {
    using Answer = absl::StatusOr<std::vector<Piece>>;
    store::RequestOptions options;
    options.deadline = Soon();
    const Answer pieces = store::WaitFor<Answer>([&](std::function<void(Answer)> done) {
      image.reader->Read(0, image.size(), options, std::move(done));
    });
    Bytes bytes;
    EXPECT_TRUE(pieces.ok()) << pieces.status();
    if (!pieces.ok()) return bytes;
    for (const Piece& piece : *pieces) {
      const size_t at = bytes.size();
      bytes.resize(at + piece.length);
      if (piece.chunk) {
        std::copy_n(piece.chunk->begin() + static_cast<ptrdiff_t>(piece.offset), piece.length,
                    bytes.begin() + static_cast<ptrdiff_t>(at));
      }
    }
    return bytes;
  }
  std::string manifest_;
};

TEST_F(ImageTableTest, OpensAndServes) {
  const auto opened = Open("0a", manifest_);
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(table_->ByName("0a"), opened->image);
  EXPECT_EQ(table_->ByInode(opened->image->inode), opened->image);
  EXPECT_EQ(table_->List().size(), 1u);
  EXPECT_EQ(ReadAll(*opened->image), MakeTestImage({2, -1, 5, 3}).bytes);
  EXPECT_EQ(*table_->Check(Fd(manifest_).get()), opened->manifest);
}

TEST_F(ImageTableTest, TheSameAgainIsTheSameAndAnotherIsRefused) {
  const auto first = Open("0a", manifest_);
  EXPECT_EQ(Open("0a", manifest_)->image, first->image);
  const std::string other = Publish("two", {1, 2}, 9);
  EXPECT_TRUE(absl::IsAlreadyExists(Open("0a", other).status()));
  EXPECT_NE(Open("0b", other)->image->inode, first->image->inode);
}

TEST_F(ImageTableTest, OnlyNewContainersAreRefusedAndNotOfAnImageThatIsServed) {
  admission_ = absl::UnavailableError("the origin cannot keep up");
  const auto start = [&](const std::string& name) {
    return table_->Open(name, Fd(manifest_), "shop:1", Soon(), MayRefuse::kYes).status();
  };
  EXPECT_EQ(start("0a"), admission_);
  EXPECT_TRUE(table_->List().empty());
  EXPECT_TRUE(keeper_->List("image.")->empty());
  ASSERT_TRUE(Open("0a", manifest_).ok());
  EXPECT_TRUE(start("0a").ok());
  Restart();
  EXPECT_EQ(table_->List().size(), 1u);
  EXPECT_EQ(start("0b"), admission_);
  admission_ = absl::OkStatus();
  EXPECT_TRUE(start("0b").ok());
}

TEST_F(ImageTableTest, ManyOpenersOfOneNameGetOneImage) {
  std::vector<std::thread> threads;
  std::array<std::shared_ptr<const ServedImage>, 8> images;
  for (size_t i = 0; i < images.size(); ++i) {
    threads.emplace_back([&, i] { images[i] = Open("0a", manifest_)->image; });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& image : images) EXPECT_EQ(image, images[0]);
}

TEST_F(ImageTableTest, BadNamesAndBadManifests) {
  for (const char* name : {"", "x/y", "..", "0A", "zz"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(Open(name, manifest_).status())) << name;
  }
  EXPECT_TRUE(absl::IsFailedPrecondition(Open("0a", "/etc/passwd").status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(Open("0a", "/dev/null").status()));
  manifest_keys_.trust = {};
  EXPECT_TRUE(absl::IsFailedPrecondition(Open("0a", manifest_).status()));
  manifest_keys_.trust.allow_unsigned = true;
  manifest_keys_.ring = {};
  EXPECT_TRUE(absl::IsFailedPrecondition(table_->Check(Fd(manifest_).get()).status()));
  EXPECT_TRUE(table_->List().empty());
}

TEST_F(ImageTableTest, MissingMetadataFailsTheOpenAndNotForGood) {
  std::filesystem::rename(dir_.path() + "/store", dir_.path() + "/away");
  const auto failed =
      table_->Open("0a", Fd(manifest_), "", Clock::Real().Now() + std::chrono::milliseconds(300));
  EXPECT_TRUE(absl::IsUnavailable(failed.status()) || absl::IsDeadlineExceeded(failed.status()))
      << failed.status();
  EXPECT_EQ(table_->ByName("0a"), nullptr);
  EXPECT_TRUE(keeper_->List("image.")->empty());
  std::filesystem::rename(dir_.path() + "/away", dir_.path() + "/store");
  const auto opened = Open("0a", manifest_);  // at once: nobody remembers the failure
  EXPECT_TRUE(opened.ok()) << opened.status();
}

TEST_F(ImageTableTest, CloseWaitsForTheLastRelease) {
  const auto opened = Open("0a", manifest_);
  const uint64_t inode = opened->image->inode;
  ASSERT_TRUE(table_->Opened(inode, 100).ok());
  ASSERT_TRUE(table_->Opened(inode, 100).ok());  // sent again: one open
  ASSERT_TRUE(table_->Opened(inode, 102).ok());
  ASSERT_TRUE(table_->Close("0a").ok());
  EXPECT_EQ(table_->ByName("0a"), nullptr);
  EXPECT_TRUE(table_->List().empty());
  EXPECT_NE(table_->ByInode(inode), nullptr);
  EXPECT_TRUE(absl::IsAlreadyExists(Open("0a", manifest_).status()));
  table_->Released(inode, 100);
  ASSERT_EQ(table_->States().size(), 1u);
  EXPECT_EQ(table_->States()[0].open_count, 1u);
  EXPECT_TRUE(table_->States()[0].closing);
  table_->Released(inode, 102);
  EXPECT_EQ(table_->ByInode(inode), nullptr);
  EXPECT_TRUE(keeper_->List("image.")->empty());
  EXPECT_TRUE(absl::IsNotFound(table_->Close("0a")));
  EXPECT_TRUE(absl::IsNotFound(table_->Opened(inode, 104)));
  table_->Released(inode, 104);
}

TEST_F(ImageTableTest, ARestartRestoresEverythingWithoutKeysOrStore) {
  const auto opened = Open("0a", manifest_);
  const uint64_t inode = opened->image->inode;
  const Bytes bytes = ReadAll(*opened->image);
  ASSERT_TRUE(table_->Opened(inode, 100).ok());
  uint64_t sealed = 0;
  for (const auto& chunk : opened->image->reader->manifest().chunks) sealed += chunk.sealed_length;
  while (tiers_->LocalBytes(opened->image->reader->manifest().chunks) < sealed) {
    std::this_thread::yield();  // written in the background
  }
  manifest_keys_.trust = {};
  manifest_keys_.ring = {};
  store_address_ = "folder:/nonexistent";
  Restart();
  const auto restored = table_->ByName("0a");
  ASSERT_NE(restored, nullptr);
  EXPECT_EQ(restored->inode, inode);
  EXPECT_EQ(restored->label, "shop:1");
  EXPECT_TRUE(restored->restored);
  EXPECT_EQ(ReadAll(*restored), bytes);
  EXPECT_EQ(table_->States()[0].open_count, 1u);
}

TEST_F(ImageTableTest, InodesAreNeverUsedAgainEvenAfterARestart) {
  std::set<uint64_t> inodes;
  for (int i = 0; i < 4; ++i) {
    inodes.insert(Open("0a", manifest_)->image->inode);
    ASSERT_TRUE(table_->Close("0a").ok());
    Restart();
  }
  EXPECT_EQ(inodes.size(), 4u);
}

TEST_F(ImageTableTest, ADamagedRecordHurtsOnlyItself) {
  ASSERT_TRUE(Open("0a", manifest_).ok());
  ASSERT_TRUE(keeper_->Put("image.0b", Bytes{1, 2, 3}).ok());
  const UniqueFd null = Fd("/dev/null");
  ASSERT_TRUE(keeper_->Put("image.0c", Bytes{1, 2, 3}, {null.get(), null.get()}).ok());
  Restart();
  EXPECT_NE(table_->ByName("0a"), nullptr);
  EXPECT_EQ(table_->ByName("0b"), nullptr);
  EXPECT_EQ(table_->ByName("0c"), nullptr);
}

TEST_F(ImageTableTest, AManifestThatChangedIsNotRestored) {
  ASSERT_TRUE(Open("0a", manifest_).ok());
  const std::string other = Publish("two", {1, 2}, 9);
  auto slot = *keeper_->Get("image.0a");
  const UniqueFd changed = Fd(other);
  ASSERT_TRUE(keeper_->Put("image.0a", slot.blob, {changed.get(), slot.descriptors[1].get()}).ok());
  Restart();
  EXPECT_EQ(table_->ByName("0a"), nullptr);
}

TEST_F(ImageTableTest, AClosedImageThatNobodyHoldsIsForgottenAtTheRestart) {
  const uint64_t inode = Open("0a", manifest_)->image->inode;
  auto slot = *keeper_->Get("image.0a");
  ImageRecord record = *DecodeImageRecord(slot.blob);
  record.closing = true;
  ASSERT_TRUE(keeper_
                  ->Put("image.0a", EncodeImageRecord(record),
                        {slot.descriptors[0].get(), slot.descriptors[1].get()})
                  .ok());
  Restart();
  EXPECT_EQ(table_->ByInode(inode), nullptr);
  EXPECT_TRUE(keeper_->List("image.")->empty());
}

TEST_F(ImageTableTest, ADamagedCounterIsSaid) {
  ASSERT_TRUE(keeper_->Put("inode.next", Bytes{1}).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(Open("0a", manifest_).status()));
}

TEST_F(ImageTableTest, MovesToAnotherKeeper) {
  const uint64_t inode = Open("0a", manifest_)->image->inode;
  const std::string path = dir_.path() + "/second.sock";
  keeper::Server second = *keeper::Server::Listen({path, {}, 4});
  const UniqueFd stop(eventfd(0, EFD_CLOEXEC));
  std::thread thread([&] { EXPECT_TRUE(second.Run(stop.get()).ok()); });
  ASSERT_TRUE(table_->MoveTo(*ConnectUnix(path)).ok());
  auto client = *keeper::KeeperClient::Connect(path);
  EXPECT_EQ(client->List("image.")->size(), 1u);
  EXPECT_TRUE(client->Get("inode.next").ok());
  EXPECT_GT(Open("0b", Publish("two", {1, 2}, 9))->image->inode, inode);
  EXPECT_EQ(client->List("image.")->size(), 2u);
  ASSERT_TRUE(table_->MoveTo(*ConnectUnix(dir_.path() + "/keeper.sock")).ok());
  EXPECT_EQ(keeper_->List("image.")->size(), 2u);
  ASSERT_TRUE(client->Shutdown().ok());
  thread.join();
}

TEST_F(ImageTableTest, TiersKnowWhatIsLocal) {
  const auto opened = Open("0a", manifest_);
  const auto& chunks = opened->image->reader->manifest().chunks;
  ReadAll(*opened->image);
  uint64_t sealed = 0;
  for (const auto& chunk : chunks) sealed += chunk.sealed_length;
  while (tiers_->LocalBytes(chunks) < sealed) std::this_thread::yield();
  tiers_->Maintain();
  EXPECT_EQ(tiers_->LocalBytes(chunks), sealed);
}

}  // namespace
}  // namespace floe::fusefs
