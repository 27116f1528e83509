// SPDX-License-Identifier: Apache-2.0
// References, challenges, hosts.toml, Retry-After and token answers.
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "net/http.h"
#include "registry/authorizer.h"
#include "registry/challenge.h"
#include "registry/hosts_toml.h"
#include "registry/reference.h"
#include "registry/retry.h"

namespace floe::registry {
namespace {

const std::string kDigest = "sha256:" + std::string(64, 'a');

TEST(ReferenceTest, ReadsNamesAsDockerDoes) {
  const std::pair<std::string, std::string> cases[] = {
      {"alpine", "docker.io/library/alpine:latest"},
      {"alpine:3", "docker.io/library/alpine:3"},
      {"user/app", "docker.io/user/app:latest"},
      {"docker.io/alpine", "docker.io/library/alpine:latest"},
      {"index.docker.io/alpine", "docker.io/library/alpine:latest"},
      {"localhost/a", "localhost/a:latest"},
      {"localhost:5000/a/b:T_1.x-y", "localhost:5000/a/b:T_1.x-y"},
      {"r.test/a", "r.test/a:latest"},
      {"Host/a", "Host/a:latest"},
      {"[::1]:5000/a", "[::1]:5000/a:latest"},
      {"r.test/a__b/c-d/e.f/g---h", "r.test/a__b/c-d/e.f/g---h:latest"},
      {"r.test/a@" + kDigest, "r.test/a@" + kDigest},
      {"r.test/a:1@" + kDigest, "r.test/a:1@" + kDigest},
  };
  for (const auto& [text, expected] : cases) {
    const auto reference = ParseReference(text);
    ASSERT_TRUE(reference.ok()) << reference.status();
    EXPECT_EQ(reference->ToString(), expected);
  }
  EXPECT_EQ(ParseReference("a:1@" + kDigest)->target(), kDigest);
}

TEST(ReferenceTest, RefusesAndNamesThePart) {
  const std::pair<std::string, std::string> cases[] = {{"", "missing"},
                                                       {"Alpine", "Alpine"},
                                                       {"a b", "a b"},
                                                       {"r.test/", "missing"},
                                                       {"a:", "colon"},
                                                       {"a@", "@"},
                                                       {"a@sha256:1", "sha256"},
                                                       {"a:-x", "-x"},
                                                       {"r.test/a//b", "may not be part"},
                                                       {"r.test/../b", ".."},
                                                       {"r.test:x/a", "r.test:x"},
                                                       {"a___b", "a___b"},
                                                       {"a/", "may not be part"},
                                                       {"[zz]/a", "[zz]"},
                                                       {"r..t/a", "r..t"},
                                                       {std::string("a\r\nb"), "may not be part"},
                                                       {"r.test/" + std::string(300, 'a'), "255"},
                                                       {std::string(2000, 'a'), "too long"},
                                                       {"a:" + std::string(129, 'x'), "is no tag"}};
  for (const auto& [text, named] : cases) {
    const auto reference = ParseReference(text);
    ASSERT_EQ(reference.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_NE(reference.status().message().find(named), std::string::npos) << reference.status();
  }
}

TEST(ReferenceTest, Localhost) {
  for (const char* host : {"localhost", "localhost:5000", "127.0.0.1", "127.1.2.3:80", "[::1]:5"}) {
    EXPECT_TRUE(IsLocalhost(host)) << host;
  }
  for (const char* host : {"localhost.test", "127.evil.test", "127.0.0.1.test", "10.0.0.1", ""}) {
    EXPECT_FALSE(IsLocalhost(host)) << host;
  }
}

TEST(ChallengeTest, Parses) {
  const auto list = ParseChallenges(
      "Bearer realm=\"https://a.test/t?x=1,2\",service=svc , scope=\"a:b\\\"c:pull,push\"");
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0].scheme, "bearer");
  EXPECT_EQ(list[0].parameters.at("realm"), "https://a.test/t?x=1,2");
  EXPECT_EQ(list[0].parameters.at("service"), "svc");
  EXPECT_EQ(list[0].parameters.at("scope"), "a:b\"c:pull,push");
}

TEST(ChallengeTest, SeveralInOneLine) {
  const auto list = ParseChallenges("Negotiate, Basic realm=\"x\", , Bearer REALM = y");
  ASSERT_EQ(list.size(), 3u);
  EXPECT_EQ(list[0].scheme, "negotiate");
  EXPECT_EQ(list[1].parameters.at("realm"), "x");
  EXPECT_EQ(list[2].parameters.at("realm"), "y");
}

TEST(ChallengeTest, BrokenOnesEndTheList) {
  EXPECT_TRUE(ParseChallenges("").empty());
  EXPECT_TRUE(ParseChallenges(" , ,").empty());
  EXPECT_TRUE(ParseChallenges("\"quoted\"").empty());
  EXPECT_TRUE(ParseChallenges("Bearer realm=\"unclosed").at(0).parameters.empty());
  EXPECT_TRUE(ParseChallenges("Bearer realm=\"ends\\").at(0).parameters.empty());
  EXPECT_EQ(ParseChallenges("Basic realm=x @ Bearer a=b").size(), 1u);
}

TEST(TokenAnswerTest, EitherNameAndNothingElse) {
  EXPECT_EQ(AsText(ParseTokenAnswer(AsBytes("{\"token\":\"a\"}"))->token.view()), "a");
  EXPECT_EQ(AsText(ParseTokenAnswer(AsBytes("{\"access_token\":\"b\"}"))->token.view()), "b");
  for (const char* text : {"", "[]", "{}", "{\"token\":\"\"}", "{\"token\":1}",
                           "{\"token\":\"a\\r\\nX: y\"}", "{\"token\":\"\\u00e9\"}"}) {
    EXPECT_FALSE(ParseTokenAnswer(AsBytes(text)).ok()) << text;
  }
}

TEST(RetryTest, RetryAfter) {
  using std::chrono::seconds;
  const SystemTime now = SystemTime(seconds(784111777));  // Sun, 06 Nov 1994 08:49:37 GMT
  EXPECT_EQ(ParseRetryAfter("7", now), seconds(7));
  EXPECT_EQ(ParseRetryAfter("99999999999", now), seconds(24 * 3600));
  EXPECT_EQ(ParseRetryAfter("Sun, 06 Nov 1994 08:49:47 GMT", now), seconds(10));
  EXPECT_EQ(ParseRetryAfter("Sun, 06 Nov 1994 08:49:17 GMT", now), seconds(0));
  EXPECT_EQ(ParseRetryAfter("", now), std::nullopt);
  EXPECT_EQ(ParseRetryAfter("soon", now), std::nullopt);
}

TEST(HostsTomlTest, OrderCapabilitiesAndPaths) {
  const auto hosts = ParseHostsToml(R"(
server = "https://registry.test"
ca = "ca.pem"

[host."https://z-first.test"]
  capabilities = ["pull", "Resolve"]
  ca = ["/abs.pem", "rel.pem"]
  client = [["c.pem", "k.pem"]]
  dial_timeout = "1m1.5s"
  [host."https://z-first.test".header]
    x-a = ["1", "2"]
    x-b = "3"

[host."http://a-second.test/deep/"]
  skip_verify = true
  client = "both.pem"

[host."third.test/custom"]
  override_path = true
)",
                                    "/etc/d");
  ASSERT_TRUE(hosts.ok()) << hosts.status();
  ASSERT_EQ(hosts->size(), 4u);
  const HostConfig& first = (*hosts)[0];
  EXPECT_EQ(first.host, "z-first.test");
  EXPECT_EQ(first.path, "/v2");
  EXPECT_TRUE(first.can_pull && first.can_resolve && !first.can_push);
  EXPECT_EQ(first.ca_files, (std::vector<std::string>{"/abs.pem", "/etc/d/rel.pem"}));
  EXPECT_EQ(first.client_certificate, "/etc/d/c.pem");
  EXPECT_EQ(first.client_key, "/etc/d/k.pem");
  EXPECT_EQ(first.dial_timeout_ms, 61'500);
  EXPECT_EQ(first.headers.size(), 3u);
  const HostConfig& second = (*hosts)[1];
  EXPECT_EQ(second.scheme, "http");
  EXPECT_EQ(second.path, "/deep/v2");
  EXPECT_TRUE(second.skip_verify && second.can_push);
  EXPECT_EQ(second.client_certificate, "/etc/d/both.pem");
  EXPECT_EQ((*hosts)[2].scheme, "https");
  EXPECT_EQ((*hosts)[2].path, "/custom");
  EXPECT_EQ((*hosts)[3].host, "registry.test");
  EXPECT_EQ((*hosts)[3].ca_files, (std::vector<std::string>{"/etc/d/ca.pem"}));
}

TEST(HostsTomlTest, EmptyFileIsTheRegistryItself) {
  const auto hosts = ParseHostsToml("", "/d");
  ASSERT_EQ(hosts->size(), 1u);
  EXPECT_EQ((*hosts)[0].host, "");
}

TEST(HostsTomlTest, WrongSettingsAreNamed) {
  const std::pair<const char*, const char*> cases[] = {
      {"server = 1", "server"},
      {"server = \"https://\"", "server"},
      {"server = \"https://u:p@h\"", "server"},
      {"capabilities = [\"fly\"]", "fly"},
      {"capabilities = 1", "capabilities"},
      {"ca = 1", "ca"},
      {"ca = [1]", "ca"},
      {"client = [[\"one\"]]", "pair"},
      {"skip_verify = \"yes\"", "skip_verify"},
      {"override_path = 1", "override_path"},
      {"header = 1", "header"},
      {"[header]\nx = 1", "header.x"},
      {"dial_timeout = \"soon\"", "dial_timeout"},
      {"dial_timeout = 5", "dial_timeout"},
      {"host = 1", "host"},
      {"[host]\n\"https://a\" = 1", "https://a"},
      {"[host.\"\"]", "empty name"},
      {"a\xc3\xa7 = 1", "line 1: characters beyond ASCII"},
      {"a = [", "line"}};
  for (const auto& [text, named] : cases) {
    const auto status = ParseHostsToml(text, "/d").status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_NE(status.message().find(named), std::string::npos) << status;
    EXPECT_NE(status.message().find("/d/hosts.toml"), std::string::npos) << status;
  }
}

TEST(HostsTomlTest, DirectoriesAreTriedInOrder) {
  const auto dir = TempDir::Create();
  const auto write = [&](const std::string& name, const std::string& text) {
    const std::string path = dir->path() + "/" + name;
    ASSERT_TRUE(MakeDirectories(path.substr(0, path.rfind('/'))).ok());
    ASSERT_TRUE(WriteFileAtomically(path, AsBytes(text), 0644, Replace::kYes, Durable::kNo).ok());
  };
  const auto server = [&](const std::string& host) {
    return LoadHostConfigs(dir->path(), host)->back().host;
  };
  EXPECT_EQ(server("r.test:5000"), "");
  write("_default/hosts.toml", "server = \"default.test\"");
  EXPECT_EQ(server("r.test:5000"), "default.test");
  write("r.test:5000/hosts.toml", "server = \"colon.test\"");
  EXPECT_EQ(server("r.test:5000"), "colon.test");
  write("r.test_5000_/hosts.toml", "server = \"under.test\"");
  EXPECT_EQ(server("r.test:5000"), "under.test");
  write("c.test/ca.crt", "");
  write("c.test/me.cert", "");
  write("c.test/me.key", "");
  const auto certificates = LoadHostConfigs(dir->path(), "c.test");
  ASSERT_EQ(certificates->size(), 1u);
  EXPECT_EQ((*certificates)[0].ca_files[0], dir->path() + "/c.test/ca.crt");
  EXPECT_EQ((*certificates)[0].client_key, dir->path() + "/c.test/me.key");
  EXPECT_EQ(LoadHostConfigs("", "x")->size(), 1u);
  EXPECT_EQ(LoadHostConfigs("/nonexistent", "x")->size(), 1u);
}

}  // namespace
}  // namespace floe::registry
