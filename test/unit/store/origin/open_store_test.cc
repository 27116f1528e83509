// SPDX-License-Identifier: Apache-2.0
#include "store/origin/open_store.h"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "gmock/gmock.h"
#include "store_sample.h"

namespace floe::store {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class OpenStoreTest : public StoreTest {
 protected:
  std::string Other() const { return temp_.path() + "/other"; }
  absl::Status Write(const std::string& path, const std::string& text) {
    return WriteFileAtomically(path, AsBytes(text), 0644, Replace::kYes, Durable::kNo);
  }
};

TEST_F(OpenStoreTest, InitMakesAStoreThatOpens) {
  EXPECT_EQ(store_->address(), address_);
  EXPECT_EQ(store_->info().domains.size(), 1u);
  const SealingDomain domain = *LoadSealingDomain(*store_, keys_);
  EXPECT_EQ(domain.secret.size(), 32u);
  EXPECT_EQ(domain.birth_root, store_->active_root());
  EXPECT_EQ(OpenStore(folder_).value()->info().id, store_->info().id);  // a plain path
}

TEST_F(OpenStoreTest, InitRefusesAStoreThatIsThere) {
  const absl::Status status = InitStore(address_, keys_).status();
  EXPECT_TRUE(absl::IsAlreadyExists(status)) << status;
  EXPECT_EQ(Open()->info().id, store_->info().id);
}

TEST_F(OpenStoreTest, InitRefusesAFolderWithOtherFiles) {
  ASSERT_TRUE(MakeDirectories(Other()).ok());
  ASSERT_TRUE(Write(Other() + "/photo.jpg", "x").ok());
  const absl::Status status = InitStore(Other(), keys_).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("photo.jpg"));
}

TEST_F(OpenStoreTest, AnInterruptedInitCanBeRunAgain) {
  ASSERT_TRUE(InitStore(Other(), keys_).ok());
  std::filesystem::remove(Other() + "/floe.json");
  EXPECT_TRUE(absl::IsNotFound(OpenStore(Other()).status()));
  ASSERT_TRUE(InitStore(Other(), keys_).ok());
  EXPECT_TRUE(OpenStore(Other()).ok());
}

TEST_F(OpenStoreTest, APublicDomainHasNoSecret) {
  ASSERT_TRUE(InitStore(Other(), keys_, {DomainChoice::kPublic, std::nullopt}).ok());
  auto store = *OpenStore(Other());
  EXPECT_EQ(store->info().domains[0].name, "public");
  EXPECT_TRUE(LoadSealingDomain(*store, keys_)->secret.empty());
}

TEST_F(OpenStoreTest, ASecondStoreMayJoinADomain) {
  const DomainId domain = store_->info().domains[0].id;
  InitStoreOptions options;
  options.join = domain;
  ASSERT_TRUE(InitStore(Other(), keys_, options).ok());
  auto store = *OpenStore(Other());
  EXPECT_TRUE(
      LoadSealingDomain(*store, keys_)->secret.Equals(LoadSealingDomain(*store_, keys_)->secret));
  options.join = DomainId{{1}};
  EXPECT_TRUE(
      absl::IsFailedPrecondition(InitStore(temp_.path() + "/third", keys_, options).status()));
  EXPECT_FALSE(std::filesystem::exists(temp_.path() + "/third/floe.json"));
}

TEST_F(OpenStoreTest, WhereNoStoreIsSaysHowToMakeOne) {
  ASSERT_TRUE(MakeDirectories(Other()).ok());
  for (const std::string& address : {Other(), "folder:" + temp_.path() + "/absent"}) {
    const absl::Status status = OpenStore(address).status();
    EXPECT_TRUE(absl::IsNotFound(status)) << status;
    EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr(address), HasSubstr("store init")));
  }
}

TEST_F(OpenStoreTest, OnlyKnownAddressesAreTaken) {
  for (const char* address : {"", "relative/path", "folder:relative", "folder:"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(OpenStore(address).status())) << address;
    EXPECT_TRUE(absl::IsInvalidArgument(InitStore(address, keys_).status())) << address;
  }
}

TEST_F(OpenStoreTest, AStoreOfAnotherIdIsRefused) {
  OpenStoreOptions options;
  options.expected_id = store_->info().id;
  EXPECT_TRUE(OpenStore(address_, options).ok());
  options.expected_id->at(0) ^= 1;
  const absl::Status status = OpenStore(address_, options).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr(ToHex(store_->info().id)), HasSubstr("another store")));
}

TEST_F(OpenStoreTest, DamageAndNewerLayoutsAreTold) {
  const std::string file = folder_ + "/floe.json";
  StoreInfo newer = store_->info();
  newer.layout_version = 9;
  ASSERT_TRUE(Write(file, EncodeStoreInfo(newer)).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(OpenStore(address_).status()));
  ASSERT_TRUE(Write(file, "{").ok());
  EXPECT_TRUE(absl::IsDataLoss(OpenStore(address_).status()));
  ASSERT_TRUE(Write(file, EncodeStoreInfo(store_->info())).ok());
  ASSERT_TRUE(Write(folder_ + "/" + LogEntryName(1), "{}").ok());
  const absl::Status log = OpenStore(address_).status();
  EXPECT_TRUE(absl::IsDataLoss(log));
  EXPECT_THAT(std::string(log.message()), AllOf(HasSubstr(address_), HasSubstr("log/0000000001")));
  std::filesystem::remove(folder_ + "/" + LogEntryName(1));
  EXPECT_TRUE(absl::IsDataLoss(OpenStore(address_).status()));
}

TEST_F(OpenStoreTest, AFolderThatMayNotBeReadSaysSo) {
  // Root may read everything, so one thread alone becomes somebody else.
  if (getuid() != 0) GTEST_SKIP() << "needs root";
  ASSERT_EQ(chmod(temp_.path().c_str(), 0755), 0);
  ASSERT_EQ(chmod(folder_.c_str(), 0700), 0);
  absl::Status status;
  std::thread([&] {
    ASSERT_EQ(syscall(SYS_setresuid, 65534, 65534, 65534), 0);
    status = OpenStore(address_).status();
  }).join();
  EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr(address_), HasSubstr("mode")));
}

TEST_F(OpenStoreTest, AConverterWithoutTheDomainSecretIsTold) {
  const KeyDirectory stranger(temp_.path() + "/stranger");
  const absl::Status status = LoadSealingDomain(*store_, stranger).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr(address_), HasSubstr("floe key import")));
}

}  // namespace
}  // namespace floe::store
