// SPDX-License-Identifier: Apache-2.0
#include "store/keys/key_directory.h"

#include <sys/stat.h>

#include <filesystem>
#include <thread>

#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "store/keys/key_text.h"

namespace floe::store {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class KeyDirectoryTest : public testing::Test {
 protected:
  KeyDirectory Machine(const std::string& name) {
    return KeyDirectory(temp_.path() + "/" + name + "/keys");
  }
  std::string Text(const Secret& secret) { return std::string(AsText(secret.view())); }

  const TempDir temp_ = *TempDir::Create();
  const ManifestId manifest_{{7}};
};

TEST_F(KeyDirectoryTest, MakesItsOwnKeysOnce) {
  const KeyDirectory keys = Machine("a");
  auto made = keys.EnsureOwnKeys();
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_TRUE(*made);
  const std::string recipient = keys.OwnRecipient()->Describe();
  EXPECT_FALSE(*keys.EnsureOwnKeys());
  EXPECT_EQ(keys.OwnRecipient()->Describe(), recipient);
  struct stat st;
  for (const char* file : {"/local.key", "/signing.key"}) {
    ASSERT_EQ(stat((keys.path() + file).c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 0777, 0600u) << file;
  }
  ASSERT_EQ(stat(keys.path().c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0700u);
  // The folder above holds the configuration, which is not secret.
  ASSERT_EQ(stat((keys.path() + "/..").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0755u);
}

TEST_F(KeyDirectoryTest, TrustsItselfAndOpensItsOwn) {
  const KeyDirectory keys = Machine("a");
  ASSERT_TRUE(keys.EnsureOwnKeys().ok());
  const Signature signature = *keys.OwnSigningKey()->Sign(manifest_);
  EXPECT_TRUE(keys.LoadTrust()->Check(manifest_, {signature}).ok());
  const Secret file_key = Secret::Copy(Bytes(32, 5));
  const RecipientStanza stanza = *keys.OwnRecipient()->Wrap(file_key);
  EXPECT_TRUE(keys.LoadKeyRing()->Unwrap({stanza})->Equals(file_key));
}

// Whoever loses a signing key makes another one; images of the old one still run here.
TEST_F(KeyDirectoryTest, TrustsItselfWithANewSigningKeyToo) {
  const KeyDirectory keys = Machine("a");
  ASSERT_TRUE(keys.EnsureOwnKeys().ok());
  const Signature before = *keys.OwnSigningKey()->Sign(manifest_);
  ASSERT_EQ(unlink((keys.path() + "/signing.key").c_str()), 0);
  EXPECT_TRUE(*keys.EnsureOwnKeys());
  const Signature after = *keys.OwnSigningKey()->Sign(manifest_);
  EXPECT_TRUE(keys.LoadTrust()->Check(manifest_, {before}).ok());
  EXPECT_TRUE(keys.LoadTrust()->Check(manifest_, {after}).ok());
  EXPECT_FALSE(*keys.EnsureOwnKeys());
}

TEST_F(KeyDirectoryTest, WithoutKeysSaysHowToMakeThem) {
  const KeyDirectory keys = Machine("a");
  for (const absl::Status& status :
       {keys.OwnRecipient().status(), keys.OwnSigningKey().status(),
        keys.ExportBundle(false).status(), keys.ExportSigner().status()}) {
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("floe key generate"));
  }
  EXPECT_TRUE(keys.LoadKeyRing()->empty());
  EXPECT_THAT(keys.LoadTrust()->trusted, IsEmpty());
  EXPECT_TRUE(keys.LoadTrust(true)->allow_unsigned);
  EXPECT_THAT(*keys.List(), IsEmpty());
}

TEST_F(KeyDirectoryTest, SeveralWhoMakeKeysAtOnceEndWithTheSame) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] { EXPECT_TRUE(Machine("a").EnsureOwnKeys().ok()); });
  }
  for (std::thread& thread : threads) thread.join();
  const Signature signature = *Machine("a").OwnSigningKey()->Sign(manifest_);
  EXPECT_TRUE(Machine("a").LoadTrust()->Check(manifest_, {signature}).ok());
}

TEST_F(KeyDirectoryTest, ASecondMachineRunsTheImagesGivenTheBundle) {
  const KeyDirectory a = Machine("a"), b = Machine("b");
  ASSERT_TRUE(a.EnsureOwnKeys().ok());
  ASSERT_TRUE(b.EnsureOwnKeys().ok());
  const Secret file_key = Secret::Copy(Bytes(32, 5));
  const RecipientStanza stanza = *a.OwnRecipient()->Wrap(file_key);
  const Signature signature = *a.OwnSigningKey()->Sign(manifest_);
  EXPECT_TRUE(absl::IsPermissionDenied(b.LoadKeyRing()->Unwrap({stanza}).status()));
  EXPECT_TRUE(absl::IsPermissionDenied(b.LoadTrust()->Check(manifest_, {signature})));

  auto report = b.ImportBundle(Text(*a.ExportBundle(false)), "machine-a");
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_THAT(report->added, SizeIs(2));
  EXPECT_THAT(report->present, IsEmpty());
  EXPECT_TRUE(b.LoadKeyRing()->Unwrap({stanza})->Equals(file_key));
  EXPECT_TRUE(b.LoadTrust()->Check(manifest_, {signature}).ok());

  auto again = b.ImportBundle(Text(*a.ExportBundle(false)), "machine-a");
  ASSERT_TRUE(again.ok());
  EXPECT_THAT(again->added, IsEmpty());
  EXPECT_THAT(again->present, SizeIs(2));
  // And what it was given it can pass on.
  ASSERT_TRUE(Machine("c").ImportBundle(Text(*b.ExportBundle(false)), "b").ok());
  EXPECT_TRUE(Machine("c").LoadKeyRing()->Unwrap({stanza})->Equals(file_key));
}

TEST_F(KeyDirectoryTest, WrapsForAnImportedRecipient) {
  const KeyDirectory a = Machine("a"), b = Machine("b");
  ASSERT_TRUE(a.EnsureOwnKeys().ok());
  ASSERT_TRUE(b.ImportBundle(Text(*a.ExportBundle(false)), "a").ok());
  const std::string id = a.List()->front().id;
  EXPECT_EQ(b.FindRecipient(id)->Describe(), "local:" + id);
  EXPECT_EQ(a.FindRecipient(id)->Describe(), "local:" + id);
  const absl::Status status = b.FindRecipient("../local").status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("floe key list"));
}

TEST_F(KeyDirectoryTest, DomainSecretsTravelOnlyWhenAskedFor) {
  const KeyDirectory a = Machine("a"), b = Machine("b");
  ASSERT_TRUE(a.EnsureOwnKeys().ok());
  DomainId domain;
  domain.fill(9);
  const Secret secret = Secret::Copy(Bytes(32, 8));
  ASSERT_TRUE(a.SaveDomainSecret(domain, secret).ok());
  EXPECT_TRUE(a.SaveDomainSecret(domain, secret).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(a.SaveDomainSecret(domain, Secret(32))));
  ASSERT_TRUE(b.ImportBundle(Text(*a.ExportBundle(false)), "a").ok());
  const absl::Status status = b.DomainSecret(domain).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("floe key export --domains"));
  auto report = b.ImportBundle(Text(*a.ExportBundle(true)), "a");
  ASSERT_TRUE(report.ok());
  EXPECT_THAT(report->added, ElementsAre("domain " + ToHex(domain)));
  EXPECT_TRUE(b.DomainSecret(domain)->Equals(secret));
  EXPECT_TRUE(b.DomainSecret(kPublicDomain)->empty());
}

TEST_F(KeyDirectoryTest, TrustTakesAPublicKeyAndNothingSecret) {
  const KeyDirectory a = Machine("a"), b = Machine("b");
  ASSERT_TRUE(a.EnsureOwnKeys().ok());
  auto report = b.Trust(*a.ExportSigner(), "");
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_THAT(report->added, SizeIs(1));
  const Signature signature = *a.OwnSigningKey()->Sign(manifest_);
  EXPECT_TRUE(b.LoadTrust()->Check(manifest_, {signature}).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(b.Trust(Text(*a.ExportBundle(false)), "x").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(b.Trust(Text(FormatKeyText({})), "x").status()));
}

TEST_F(KeyDirectoryTest, TwoSignersOfOneNameStayApart) {
  const KeyDirectory a = Machine("a"), b = Machine("b"), c = Machine("c");
  ASSERT_TRUE(a.EnsureOwnKeys().ok());
  ASSERT_TRUE(b.EnsureOwnKeys().ok());
  ASSERT_TRUE(c.Trust(*a.ExportSigner(), "same").ok());
  ASSERT_TRUE(c.Trust(*b.ExportSigner(), "same").ok());
  EXPECT_THAT(c.LoadTrust()->trusted, SizeIs(2));
}

TEST_F(KeyDirectoryTest, ImportRefusesAPrivateSigningKeyAndMalformedText) {
  const KeyDirectory a = Machine("a"), b = Machine("b");
  ASSERT_TRUE(a.EnsureOwnKeys().ok());
  const Bytes signing = *ReadWholeFile(a.path() + "/signing.key", 10000);
  const absl::Status status = b.ImportBundle(AsText(signing), "x").status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("private signing key"));
  std::string bundle = Text(*a.ExportBundle(false));
  bundle.resize(bundle.size() - 1);
  EXPECT_TRUE(absl::IsInvalidArgument(b.ImportBundle(bundle, "x").status()));
  EXPECT_THAT(*b.List(), IsEmpty());
}

TEST_F(KeyDirectoryTest, ListsWhatThereIs) {
  const KeyDirectory a = Machine("a"), b = Machine("b");
  ASSERT_TRUE(a.EnsureOwnKeys().ok());
  ASSERT_TRUE(b.EnsureOwnKeys().ok());
  DomainId domain;
  domain.fill(9);
  ASSERT_TRUE(a.SaveDomainSecret(domain, Secret(32)).ok());
  ASSERT_TRUE(a.ImportBundle(Text(*b.ExportBundle(false)), "b").ok());
  std::vector<std::string> lines;
  const std::vector<KeyListing> listing = *a.List();
  for (const KeyListing& key : listing) {
    lines.push_back(KeyKindName(key.kind) + (key.own ? " own" : ""));
    EXPECT_TRUE(std::filesystem::exists(key.file));
  }
  EXPECT_THAT(lines, ElementsAre("recipient own", "signing own", "recipient", "trusted",
                                 "trusted own", "domain"));
}

TEST_F(KeyDirectoryTest, AFileWithOtherKeysThanItsNameSaysIsRefused) {
  const KeyDirectory keys = Machine("a");
  ASSERT_TRUE(keys.EnsureOwnKeys().ok());
  ASSERT_EQ(rename((keys.path() + "/signing.key").c_str(), (keys.path() + "/local.key").c_str()),
            0);
  EXPECT_TRUE(absl::IsInvalidArgument(keys.OwnRecipient().status()));
  EXPECT_TRUE(absl::IsInvalidArgument(keys.LoadKeyRing().status()));
  std::filesystem::copy(keys.path() + "/local.key", keys.path() + "/trusted/x.pub");
  EXPECT_TRUE(absl::IsInvalidArgument(keys.LoadTrust().status()));
}

}  // namespace
}  // namespace floe::store
