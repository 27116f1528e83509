// SPDX-License-Identifier: Apache-2.0
#include "converter/convert.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <random>

#include "base/file.h"
#include "converter/chunked_image.h"
#include "converter/export.h"
#include "converter/inspect.h"
#include "converter/publish/tiny_image.h"
#include "erofs/reader.h"
#include "store/origin/open_store.h"
#include "test/fake/fake_s3.h"
#include "test/fake/tar_text.h"
#include "test/unit/converter/fake_images.h"

namespace floe::converter {
namespace {

using fake::MemoryDestination;
using fake::MemorySource;
using fake::Tar;
using fake::TarFile;
using ::testing::HasSubstr;

std::string Noise(size_t size, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::string data(size, '\0');
  for (char& c : data) c = static_cast<char>(random());
  return data;
}

// What MemoryDestination holds, as a source.
MemorySource Reread(MemoryDestination& destination) {
  MemorySource source;
  for (const auto& [digest, bytes] : destination.blobs()) source.Add("", AsText(bytes));
  if (const auto top = destination.top()) source.SetTop(*top);
  return source;
}

class ConvertTest : public ::testing::Test {
 protected:
  ConvertTest() : dir_(TempDir::Create().value()), key_directory_(dir_.path() + "/keys") {
    EXPECT_TRUE(key_directory_.EnsureOwnKeys().ok());
    EXPECT_TRUE(store::InitStore(address(), key_directory_).ok());
    store_ = store::OpenStore(address()).value();
    keys_.domain = LoadSealingDomain(*store_, key_directory_).value();
    keys_.signers.push_back(key_directory_.OwnSigningKey().value());
    keys_.recipients.push_back(key_directory_.OwnRecipient().value());
    ring_ = key_directory_.LoadKeyRing().value();
    options_.work_dir = dir_.path() + "/work";
    EXPECT_TRUE(MakeDirectories(options_.work_dir).ok());
    source_.SetTop(source_.AddImage(
        {Tar(TarFile("a", Noise(700'000, 1)) + TarFile("b", "old")), Tar(TarFile("b", "new"))}));
  }
  std::string address() const { return "folder:" + dir_.path() + "/store"; }

  absl::StatusOr<ConvertReport> Run(MemoryDestination& destination,
                                    ImageSource* existing = nullptr) {
    return Convert(source_, existing, destination, *store_, keys_, options_);
  }

  TempDir dir_;
  store::KeyDirectory key_directory_;
  std::shared_ptr<store::StoreHandle> store_;
  ConvertKeys keys_;
  store::KeyRing ring_;
  ConvertOptions options_;
  MemorySource source_;
};

TEST_F(ConvertTest, TheResultIsATinyImageWhoseChunksAreTheTree) {
  MemoryDestination destination;
  const auto report = Run(destination);
  ASSERT_TRUE(report.ok()) << report.status();
  ASSERT_EQ(report->images.size(), 1u);
  EXPECT_EQ(report->images[0].outcome, Outcome::kConverted);
  EXPECT_EQ(report->images[0].platform, "linux/amd64");
  EXPECT_GT(report->images[0].chunks.new_chunks, 0u);
  ASSERT_TRUE(destination.top().has_value());
  EXPECT_EQ(destination.top()->digest, report->digest);

  MemorySource published = Reread(destination);
  const Selection selection = SelectImages(published, {}).value();
  const Bytes file = ReadFloeManifest(published, selection.images[0].manifest).value();
  const store::Manifest manifest =
      OpenManifest(file, key_directory_.LoadTrust().value(), ring_).value();
  EXPECT_EQ(manifest.facts.platform, "linux/amd64");
  EXPECT_EQ(manifest.facts.source_digest, report->images[0].source_digest);
  ChunkedImage image(manifest, store_->Chunks(manifest.birth_root), 2);
  const erofs::ReadAt read = [&](uint64_t offset, MutableByteView out) {
    return image.ReadAt(offset, out);
  };
  const erofs::Tree tree = erofs::ReadTree(read, image.size()).value();
  const erofs::Inode& b = tree.inode(tree.Find("b").value());
  Bytes data(b.size);
  ASSERT_TRUE(read(b.data, data).ok());
  EXPECT_EQ(AsText(data), "new");
  const erofs::Inode& a = tree.inode(tree.Find("a").value());
  data.resize(a.size);
  ASSERT_TRUE(read(a.data, data).ok());
  EXPECT_EQ(AsText(data), Noise(700'000, 1));
  EXPECT_EQ(read(image.size() - 10, data).code(), absl::StatusCode::kOutOfRange);
}

TEST_F(ConvertTest, ABucketThatAsksForLessOnlyDelays) {
  fake::FakeS3 s3;
  setenv("AWS_ACCESS_KEY_ID", fake::FakeS3::kAccessKey, 1);
  setenv("AWS_SECRET_ACCESS_KEY", fake::FakeS3::kSecretKey, 1);
  ASSERT_TRUE(store::InitStore(s3.address("a"), key_directory_).ok());
  store_ = store::OpenStore(s3.address("a")).value();
  keys_.domain = LoadSealingDomain(*store_, key_directory_).value();
  s3.FailNext("PUT", 5, fake::FakeS3::Error(503, "SlowDown"));
  MemoryDestination destination;
  const auto report = Run(destination);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->images[0].outcome, Outcome::kConverted);
  MemoryDestination again;
  EXPECT_EQ(Run(again)->images[0].outcome, Outcome::kReused);
  store_.reset();  // before its server
}

TEST_F(ConvertTest, TheSecondTimeIsALookUp) {
  MemoryDestination first;
  const auto report = Run(first);
  ASSERT_TRUE(report.ok()) << report.status();
  MemoryDestination second;
  const auto reused = Run(second);
  ASSERT_TRUE(reused.ok()) << reused.status();
  EXPECT_EQ(reused->images[0].outcome, Outcome::kReused);
  EXPECT_EQ(reused->digest, report->digest);
  EXPECT_EQ(second.blobs(), first.blobs());
  MemorySource existing = Reread(first);
  MemoryDestination untouched;
  const auto unchanged = Run(untouched, &existing);
  ASSERT_TRUE(unchanged.ok()) << unchanged.status();
  EXPECT_EQ(unchanged->images[0].outcome, Outcome::kUnchanged);
  EXPECT_EQ(unchanged->digest, report->digest);
  EXPECT_TRUE(untouched.blobs().empty());
}

TEST_F(ConvertTest, OtherParametersAreOtherConversions) {
  MemoryDestination first;
  const auto report = Run(first);
  ASSERT_TRUE(report.ok());
  options_.chunker = {32 << 10, 128 << 10, 512 << 10};
  MemoryDestination second;
  const auto other = Run(second);
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_EQ(other->images[0].outcome, Outcome::kConverted);
  EXPECT_NE(other->images[0].conversion_id, report->images[0].conversion_id);
  EXPECT_NE(other->images[0].manifest_id, report->images[0].manifest_id);
}

TEST_F(ConvertTest, ADamagedRecordOfAnEarlierConversionIsNoObstacle) {
  MemoryDestination first;
  const auto report = Run(first);
  ASSERT_TRUE(report.ok());
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(dir_.path() + "/store/x")) {
    if (entry.is_regular_file()) std::filesystem::resize_file(entry.path(), 20);
  }
  MemoryDestination second;
  const auto again = Run(second);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->images[0].outcome, Outcome::kConverted);
  EXPECT_EQ(again->digest, report->digest);
  EXPECT_EQ(again->images[0].chunks.new_chunks, 0u);
}

TEST_F(ConvertTest, WithoutReuseEverythingIsMadeAndCheckedAgain) {
  MemoryDestination first;
  const auto report = Run(first);
  options_.reuse = false;
  options_.threads = 1;
  MemoryDestination second;
  const auto again = Run(second);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->images[0].outcome, Outcome::kConverted);
  EXPECT_EQ(again->digest, report->digest);
  EXPECT_EQ(again->images[0].chunks.reused_chunks, report->images[0].chunks.new_chunks);
}

TEST_F(ConvertTest, SeveralPlatformsAreAnIndex) {
  oci::Descriptor amd = source_.AddImage({Tar(TarFile("arch", "amd64"))});
  oci::Descriptor arm =
      source_.AddImage({Tar(TarFile("arch", "arm64"))}, {"linux", "arm64", "", ""});
  amd.platform = oci::Platform{"linux", "amd64", "", ""};
  arm.platform = oci::Platform{"linux", "arm64", "", ""};
  source_.SetTop(source_.AddIndex({amd, arm}));
  options_.platforms.all = true;
  MemoryDestination destination;
  const auto report = Run(destination);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->images.size(), 2u);
  MemorySource published = Reread(destination);
  EXPECT_EQ(ListPlatforms(published).value().size(), 2u);
  MemoryDestination untouched;
  EXPECT_EQ(Run(untouched, &published)->images[1].outcome, Outcome::kUnchanged);
  EXPECT_TRUE(untouched.blobs().empty());

  // A destination that holds another set of platforms gets the new name all the same.
  options_.platforms.all = false;
  options_.platforms.platforms = {oci::Platform{"linux", "arm64", "", ""}};
  MemoryDestination one;
  const auto only = Run(one, &published);
  ASSERT_TRUE(only.ok());
  EXPECT_EQ(only->images[0].outcome, Outcome::kUnchanged);
  ASSERT_TRUE(one.top().has_value());
  EXPECT_NE(one.top()->digest, report->digest);
}

TEST_F(ConvertTest, AConvertedImageIsNotConvertedAgain) {
  MemoryDestination destination;
  const auto report = Run(destination);
  MemorySource published = Reread(destination);
  MemoryDestination other;
  const absl::Status status = Convert(published, nullptr, other, *store_, keys_, options_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr(report->images[0].source_digest));
}

TEST_F(ConvertTest, AFailedConversionLeavesNoNameAndNoWork) {
  const oci::Descriptor image = source_.AddImage({Tar(TarFile("a", "x"))});
  const oci::ImageManifest manifest =
      oci::ParseManifest(source_.ReadBlob(image, 1 << 20).value(), image.media_type).value();
  source_.Damage(manifest.layers[0].digest, Tar(TarFile("a", "y")));
  source_.SetTop(image);
  MemoryDestination destination;
  const absl::Status status = Run(destination).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("linux/amd64"));
  EXPECT_FALSE(destination.top().has_value());
  EXPECT_TRUE(destination.blobs().empty());
  EXPECT_TRUE(std::filesystem::is_empty(options_.work_dir));
  EXPECT_TRUE(store_->ListRecords(store_->active_root()).value().empty());
}

TEST_F(ConvertTest, CancellingIsObeyedAtEveryStage) {
  CancelSource now;
  now.Cancel();
  options_.cancel = now.token();
  MemoryDestination destination;
  EXPECT_TRUE(absl::IsCancelled(Run(destination).status()));
  // At the last word of the store stage: nothing may be published any more.
  class CancelAtEnd : public ProgressListener {
   public:
    void Update(const ProgressUpdate& update) override {
      if (update.stage == Stage::kStore && update.done == update.total) source.Cancel();
    }
    CancelSource source;
  } listener;
  options_.cancel = listener.source.token();
  options_.progress = &listener;
  EXPECT_TRUE(absl::IsCancelled(Run(destination).status()));
  EXPECT_FALSE(destination.top().has_value());
}

TEST_F(ConvertTest, OptionsAreValidated) {
  options_.codec.level = 99;
  MemoryDestination destination;
  EXPECT_EQ(Run(destination).status().code(), absl::StatusCode::kInvalidArgument);
  options_.codec.level = 3;
  options_.puts_in_flight = 0;
  EXPECT_EQ(Run(destination).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(ConvertTest, InspectTellsWhatThereIs) {
  MemoryDestination destination;
  const auto report = Run(destination);
  MemorySource published = Reread(destination);
  InspectOptions options;
  options.trust = key_directory_.LoadTrust().value();
  options.keys = &ring_;
  options.store = store_.get();
  const auto images = Inspect(published, options);
  ASSERT_TRUE(images.ok()) << images.status();
  const FloeImage& image = images->at(0).floe.value();
  EXPECT_FALSE(image.signed_by.empty());
  ASSERT_TRUE(image.opened.has_value());
  EXPECT_EQ(image.raw_bytes, report->images[0].chunks.new_raw_bytes);
  ASSERT_TRUE(image.share.has_value());
  EXPECT_EQ(image.share->images, 0u);
  const auto blind = Inspect(published, {});
  ASSERT_TRUE(blind.ok());
  EXPECT_FALSE(blind->at(0).floe->opened.has_value());
  EXPECT_TRUE(blind->at(0).floe->signed_by.empty());
  EXPECT_FALSE(blind->at(0).floe->store_error.empty());
  const auto ordinary = Inspect(source_, options);
  ASSERT_TRUE(ordinary.ok());
  EXPECT_FALSE(ordinary->at(0).floe.has_value());
}

TEST_F(ConvertTest, ExportGivesOneOrdinaryLayer) {
  MemoryDestination destination;
  ASSERT_TRUE(Run(destination).ok());
  MemorySource published = Reread(destination);
  ExportOptions options;
  options.work_dir = options_.work_dir;
  options.trust = key_directory_.LoadTrust().value();
  options.keys = &ring_;
  MemoryDestination plain;
  const auto report = Export(published, plain, *store_, options);
  ASSERT_TRUE(report.ok()) << report.status();
  MemorySource exported = Reread(plain);
  const Selection selection = SelectImages(exported, {}).value();
  EXPECT_FALSE(LooksConverted(selection.images[0].manifest));
  EXPECT_EQ(selection.images[0].manifest.layers.size(), 1u);
  // It converts to the same tree.
  MemoryDestination back;
  const auto again = Convert(exported, nullptr, back, *store_, keys_, options_);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->images[0].chunks.new_chunks, 0u);
  MemoryDestination refused;
  EXPECT_EQ(Export(exported, refused, *store_, options).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(std::filesystem::is_empty(options_.work_dir));
}

}  // namespace
}  // namespace floe::converter
