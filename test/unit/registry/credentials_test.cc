// SPDX-License-Identifier: Apache-2.0
#include "registry/credentials.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "base/file.h"

namespace floe::registry {
namespace {

class CredentialsTest : public ::testing::Test {
 protected:
  CredentialsTest() : dir_(*TempDir::Create()), path_(getenv("PATH")) {
    setenv("PATH", absl::StrCat(dir_.path(), ":", path_).c_str(), 1);
  }
  ~CredentialsTest() override { setenv("PATH", path_.c_str(), 1); }

  absl::StatusOr<CredentialStore> Load(const std::string& text) {
    FLOE_RETURN_IF_ERROR(WriteFileAtomically(dir_.path() + "/config.json", AsBytes(text), 0600,
                                             Replace::kYes, Durable::kNo));
    return CredentialStore::Load(dir_.path());
  }
  // A helper that answers with `script`, which sees the server's name in $server.
  void Helper(const std::string& name, const std::string& script) {
    ASSERT_TRUE(
        WriteFileAtomically(absl::StrCat(dir_.path(), "/docker-credential-", name),
                            AsBytes(absl::StrCat(
                                "#!/bin/sh\nserver=$(cat)\ntest \"$1\" = get || exit 9\n", script)),
                            0755, Replace::kYes, Durable::kNo)
            .ok());
  }
  static std::string Password(const absl::StatusOr<Credentials>& credentials) {
    if (!credentials.ok()) return std::string(credentials.status().message());
    return absl::StrCat(credentials->username, "=", AsText(credentials->password.view()), "|",
                        AsText(credentials->identity_token.view()), "|",
                        AsText(credentials->registry_token.view()));
  }

  const TempDir dir_;
  const std::string path_;
};

TEST_F(CredentialsTest, FormsOfAuths) {
  const auto store = Load(R"({"auths": {
    "https://index.docker.io/v1/": {"auth": "dTpw"},
    "r.test:5000": {"username": "u", "password": "q"},
    "http://s.test/v2/": {"identitytoken": "i"},
    "t.test": {"registrytoken": "t"},
    "empty.test": {}, "odd.test": 1}})");
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_EQ(Password(store->Find("docker.io")), "u=p||");
  EXPECT_EQ(Password(store->Find("registry-1.docker.io")), "u=p||");
  EXPECT_EQ(Password(store->Find("r.test:5000")), "u=q||");
  EXPECT_EQ(Password(store->Find("s.test")), "=|i|");
  EXPECT_EQ(Password(store->Find("t.test")), "=||t");
  for (const char* host : {"r.test", "empty.test", "odd.test", "other.test"}) {
    EXPECT_TRUE(store->Find(host)->empty()) << host;
  }
}

TEST_F(CredentialsTest, NoFileIsAnonymous) {
  EXPECT_TRUE(CredentialStore::Load(dir_.path())->Find("r.test")->empty());
  EXPECT_TRUE(CredentialStore::Load("")->Find("r.test")->empty());
}

TEST_F(CredentialsTest, BrokenFilesAreNamedAndNotQuoted) {
  for (const char* text : {"SECRET", "{\"auths\": \"SECRET\"}", "{\"credHelpers\": \"SECRET\"}",
                           "{\"auths\": {\"r.test\": {\"auth\": \"SECRET!\"}}}",
                           "{\"auths\": {\"r.test\": {\"auth\": \"U0VDUkVU\"}}}"}) {
    const auto status = Load(text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_NE(status.message().find("config.json"), std::string::npos) << status;
    EXPECT_EQ(status.message().find("SECRET"), std::string::npos) << status;
    EXPECT_EQ(status.message().find("U0VDUkVU"), std::string::npos) << status;
  }
}

TEST_F(CredentialsTest, HelpersComeFirst) {
  Helper("one", "echo \"{\\\"Username\\\":\\\"$server\\\",\\\"Secret\\\":\\\"one\\\"}\"");
  Helper("two", "echo '{\"Username\":\"<token>\",\"Secret\":\"two\"}'");
  const auto store = Load(R"({"credsStore": "two", "credHelpers": {"docker.io": "one"},
                              "auths": {"docker.io": {"auth": "dTpw"}}})");
  EXPECT_EQ(Password(store->Find("docker.io")), "https://index.docker.io/v1/=one||");
  EXPECT_EQ(Password(store->Find("r.test")), "=|two|");
}

TEST_F(CredentialsTest, AHelperThatKnowsNothingLeavesItToAuths) {
  Helper("none", "echo 'credentials not found in native keychain'; exit 1");
  const auto store = Load(R"({"credsStore": "none", "auths": {"r.test": {"auth": "dTpw"}}})");
  EXPECT_EQ(Password(store->Find("r.test")), "u=p||");
  EXPECT_TRUE(store->Find("other.test")->empty());
}

TEST_F(CredentialsTest, HelpersThatFailAreNamed) {
  Helper("fails", "echo SECRET; exit 3");
  Helper("babbles", "echo SECRET");
  for (const char* helper : {"fails", "babbles", "missing", "../evil", "a b"}) {
    const auto store = Load(absl::StrCat("{\"credsStore\": \"", helper, "\"}"));
    const auto status = store->Find("r.test").status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << helper;
    EXPECT_NE(status.message().find("r.test"), std::string::npos) << status;
    EXPECT_EQ(status.message().find("SECRET"), std::string::npos) << status;
  }
}

TEST_F(CredentialsTest, DefaultDirectory) {
  setenv("DOCKER_CONFIG", "/d", 1);
  EXPECT_EQ(CredentialStore::DefaultDirectory(), "/d");
  unsetenv("DOCKER_CONFIG");
  setenv("HOME", "/h", 1);
  EXPECT_EQ(CredentialStore::DefaultDirectory(), "/h/.docker");
}

}  // namespace
}  // namespace floe::registry
