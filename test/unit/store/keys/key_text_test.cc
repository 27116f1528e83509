// SPDX-License-Identifier: Apache-2.0
#include "store/keys/key_text.h"

#include <sys/stat.h>

#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "store/keys/recipients.h"
#include "store/seal/cipher.h"

namespace floe::store {
namespace {

using testing::HasSubstr;

std::vector<KeyEntry> OneOfEach() {
  const SigningKey signing = *SigningKey::FromSeed(Secret::Copy(Bytes(32, 2)));
  VerifyingKey verifying = signing.verifying_key();
  verifying.name = "build-1";
  std::vector<KeyEntry> entries;
  entries.push_back(RecipientEntry(Secret::Copy(Bytes(32, 1))));
  entries.push_back(SigningEntry(signing));
  entries.push_back(SignerEntry(verifying));
  entries.push_back(
      {KeyEntry::Kind::kDomain, std::string(32, 'd'), Secret::Copy(Bytes(32, 3)), ""});
  return entries;
}

std::string Text(const std::vector<KeyEntry>& entries) {
  return std::string(AsText(FormatKeyText(entries).view()));
}

// The lines with a sum that fits.
std::string WithSum(const std::string& lines) {
  return lines + "sum " + ToHex(Sha256(AsBytes(lines))) + "\n";
}

TEST(KeyText, ReadsWhatItWrote) {
  const std::vector<KeyEntry> entries = OneOfEach();
  auto parsed = ParseKeyText(Text(entries));
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  ASSERT_EQ(parsed->size(), entries.size());
  for (size_t i = 0; i < entries.size(); ++i) {
    EXPECT_EQ((*parsed)[i].kind, entries[i].kind);
    EXPECT_EQ((*parsed)[i].id, entries[i].id);
    EXPECT_EQ((*parsed)[i].name, entries[i].name);
    EXPECT_TRUE((*parsed)[i].value.Equals(entries[i].value));
  }
  EXPECT_EQ(VerifyingKeyOf((*parsed)[2]).name, "build-1");
  EXPECT_EQ(ToHex(VerifyingKeyOf((*parsed)[2]).id), entries[2].id);
}

TEST(KeyText, IsRefusedWhenCutAnywhere) {
  const std::string text = Text(OneOfEach());
  for (size_t length = 0; length < text.size(); ++length) {
    EXPECT_FALSE(ParseKeyText(text.substr(0, length)).ok()) << length;
  }
}

TEST(KeyText, IsRefusedWithAnyCharacterChanged) {
  const std::string text = Text(OneOfEach());
  for (size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = changed[i] == '0' ? '1' : '0';
    EXPECT_FALSE(ParseKeyText(changed).ok()) << i;
  }
}

TEST(KeyText, NamesTheLineAndWhatIsWrong) {
  const std::string start = "floe-keys-v1\n";
  const std::string hex32(32, 'a'), hex64(64, 'a');
  const struct {
    std::string text;
    const char* error;
  } kCases[] = {
      {"", "line 1"},
      {"something\n", "line 1"},
      {start + "password x y\nsum x\n", "line 2: unknown kind"},
      {start + "domain " + hex32 + "\nsum x\n", "line 2: a domain line is malformed"},
      {start + "domain " + hex64 + " " + hex64 + "\nsum x\n", "line 2: a domain line"},
      {start + "domain " + hex32 + " " + hex32 + "\nsum x\n", "line 2: a domain line"},
      {start + "domain " + hex32 + " " + hex64 + " name\nsum x\n", "line 2: a domain line"},
      {start + "recipient " + hex32 + " " + hex64 + "\nsum x\n", "line 2: the key does not have"},
      {start + "signer " + hex64 + " " + hex64 + "\nsum x\n", "line 2: a signer line"},
      {start + "signing " + hex64 + " " + hex64 + "\nsum x\n", "line 2: the key does not have"},
      {start + "domain " + hex32 + " " + hex64 + "\nsum x\n", "line 3: the sum does not fit"},
      {WithSum(start) + "more", "line 3: text after"},
      {start, "line 2: cut off"},
  };
  for (const auto& test : kCases) {
    const absl::Status status = ParseKeyText(test.text).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << test.error;
    EXPECT_THAT(std::string(status.message()), HasSubstr(test.error));
  }
  EXPECT_TRUE(ParseKeyText(WithSum(start)).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(ParseKeyText("floe-keys-v2\nx\n").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ParseKeyText(std::string(2 << 20, 'x')).status()));
}

TEST(KeyText, NamesAreMadeFitForFiles) {
  EXPECT_EQ(SafeKeyName("build-1.example_x"), "build-1.example_x");
  EXPECT_EQ(SafeKeyName("../../etc/passwd"), "_._.._etc_passwd");
  EXPECT_EQ(SafeKeyName(""), "unnamed");
  EXPECT_EQ(SafeKeyName(".hidden"), "_hidden");
  EXPECT_EQ(SafeKeyName(std::string(100, 'x')).size(), 64u);
}

TEST(KeyFile, IsSecretAndNeverReplaced) {
  const TempDir dir = *TempDir::Create();
  const std::string path = dir.path() + "/a.key";
  ASSERT_TRUE(WriteKeyFile(path, OneOfEach(), KeyFileAccess::kSecret).ok());
  struct stat st;
  ASSERT_EQ(stat(path.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0600u);
  EXPECT_TRUE(absl::IsAlreadyExists(WriteKeyFile(path, {}, KeyFileAccess::kSecret)));
  EXPECT_EQ(ReadKeyFile(path, KeyFileAccess::kSecret)->size(), 4u);
}

TEST(KeyFile, IsRefusedWhenOthersMayReadIt) {
  const TempDir dir = *TempDir::Create();
  const std::string path = dir.path() + "/a.key";
  ASSERT_TRUE(WriteKeyFile(path, OneOfEach(), KeyFileAccess::kSecret).ok());
  for (const mode_t mode : {0640, 0604, 0620}) {
    ASSERT_EQ(chmod(path.c_str(), mode), 0);
    const absl::Status status = ReadKeyFile(path, KeyFileAccess::kSecret).status();
    EXPECT_TRUE(absl::IsPermissionDenied(status));
    EXPECT_THAT(std::string(status.message()), testing::AllOf(HasSubstr(path), HasSubstr("chmod")));
    EXPECT_TRUE(ReadKeyFile(path, KeyFileAccess::kPublic).ok());
  }
}

TEST(KeyFile, ErrorsNameTheFile) {
  const TempDir dir = *TempDir::Create();
  const std::string path = dir.path() + "/a.key";
  EXPECT_TRUE(absl::IsNotFound(ReadKeyFile(path, KeyFileAccess::kSecret).status()));
  ASSERT_TRUE(WriteFileAtomically(path, AsBytes("junk"), 0600, Replace::kNo, Durable::kNo).ok());
  EXPECT_THAT(std::string(ReadKeyFile(path, KeyFileAccess::kSecret).status().message()),
              HasSubstr(path));
}

TEST(KeyFile, ListsByExtensionWithoutTemporaries) {
  const TempDir dir = *TempDir::Create();
  for (const char* name : {"/b.pub", "/a.pub", "/c.key", "/.tmp-1.pub"}) {
    ASSERT_TRUE(WriteFileAtomically(dir.path() + name, {}, 0600, Replace::kNo, Durable::kNo).ok());
  }
  EXPECT_THAT(*KeyFilesIn(dir.path(), ".pub"),
              testing::ElementsAre(dir.path() + "/a.pub", dir.path() + "/b.pub"));
  EXPECT_TRUE(KeyFilesIn(dir.path() + "/absent", ".pub")->empty());
  EXPECT_FALSE(KeyFilesIn(dir.path() + "/a.pub", ".pub").ok());
}

}  // namespace
}  // namespace floe::store
