// SPDX-License-Identifier: Apache-2.0
#include "store/s3/credential_sources.h"

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "test/unit/store/s3/s3_sample.h"

namespace floe::store {
namespace {

using fake::Server;
using fake::ServerAnswer;
using fake::ServerRequest;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

std::string Text(const Secret& secret) { return std::string(AsText(secret.view())); }

class CredentialSourcesTest : public testing::Test {
 protected:
  CredentialsPlaces Places(std::map<std::string, std::string> variables) {
    return {FixedEnvironment(std::move(variables)), dir_.path() + "/fallback"};
  }
  void Write(const std::string& name, const std::string& text) {
    ASSERT_TRUE(WriteFileAtomically(dir_.path() + "/" + name, AsBytes(text), 0600, Replace::kYes,
                                    Durable::kNo)
                    .ok());
  }
  std::string Path(const std::string& name) { return dir_.path() + "/" + name; }
  ServerAnswer Serve(const ServerRequest& request) {
    requests_.push_back(request);
    const auto at = pages_.find(request.method + " " + request.path);
    ServerAnswer answer;
    if (at == pages_.end()) {
      answer.status = 404;
    } else {
      answer = at->second;
    }
    return answer;
  }
  void Page(const std::string& line, const std::string& body, int status = 200) {
    pages_[line].body = body;
    pages_[line].status = status;
  }
  std::string Url() { return "http://" + server_.host(); }

  static constexpr char kKeys[] =
      R"({"Code": "Success", "AccessKeyId": "id", "SecretAccessKey": "sec", "Token": "tok",
          "Expiration": "2030-01-02T03:04:05Z"})";

  const TempDir dir_ = *TempDir::Create();
  std::map<std::string, ServerAnswer> pages_;
  std::vector<ServerRequest> requests_;
  Server server_{[this](const ServerRequest& request) { return Serve(request); }};
  std::unique_ptr<net::AsyncHttp> http_ = net::MakeAsyncHttp();
};

TEST_F(CredentialSourcesTest, Environment) {
  const auto keys = EnvironmentCredentials(Places({{"AWS_ACCESS_KEY_ID", "id"},
                                                   {"AWS_SECRET_ACCESS_KEY", "sec"},
                                                   {"AWS_SESSION_TOKEN", "tok"}}))
                        ->Fetch();
  ASSERT_TRUE(keys.ok()) << keys.status();
  EXPECT_EQ(keys->access_key_id, "id");
  EXPECT_EQ(Text(keys->secret_access_key), "sec");
  EXPECT_EQ(Text(*keys->session_token), "tok");
  EXPECT_TRUE(absl::IsNotFound(EnvironmentCredentials(Places({}))->Fetch().status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(
      EnvironmentCredentials(Places({{"AWS_ACCESS_KEY_ID", "id"}}))->Fetch().status()));
}

TEST_F(CredentialSourcesTest, FileWithProfiles) {
  Write("named",
        "# c\n; d\n[default]\naws_access_key_id = id1\naws_secret_access_key = s=1\n\n"
        "[ work ]\nAWS_ACCESS_KEY_ID=id2\r\naws_secret_access_key=s2\naws_session_token=t2\n"
        "[half]\naws_access_key_id=id3\n");
  const auto fetch = [&](const std::string& profile, std::map<std::string, std::string> more) {
    more["AWS_SHARED_CREDENTIALS_FILE"] = Path("named");
    return FileCredentials(Places(std::move(more)), profile)->Fetch();
  };
  EXPECT_EQ(Text(fetch("", {})->secret_access_key), "s=1");
  EXPECT_EQ(fetch("", {})->session_token, nullptr);
  EXPECT_EQ(fetch("work", {})->access_key_id, "id2");
  EXPECT_EQ(Text(*fetch("", {{"AWS_PROFILE", "work"}})->session_token), "t2");
  const absl::Status absent = fetch("other", {}).status();
  EXPECT_TRUE(absl::IsNotFound(absent));
  EXPECT_THAT(std::string(absent.message()), AllOf(HasSubstr(Path("named")), HasSubstr("[other]")));
  const absl::Status half = fetch("half", {}).status();
  EXPECT_TRUE(absl::IsInvalidArgument(half));
  EXPECT_THAT(std::string(half.message()), HasSubstr("aws_secret_access_key"));
}

TEST_F(CredentialSourcesTest, FileOfTheHomeDirectoryBeforeTheFallback) {
  Write("fallback", "[default]\naws_access_key_id=machine\naws_secret_access_key=x\n");
  const auto fetch = [&] { return FileCredentials(Places({{"HOME", dir_.path()}}), "")->Fetch(); };
  EXPECT_EQ(fetch()->access_key_id, "machine");
  ASSERT_TRUE(MakeDirectories(Path(".aws")).ok());
  Write(".aws/credentials", "[default]\naws_access_key_id=mine\naws_secret_access_key=x\n");
  EXPECT_EQ(fetch()->access_key_id, "mine");
  EXPECT_EQ(FileCredentials(Places({}), "")->Fetch()->access_key_id, "machine");
}

TEST_F(CredentialSourcesTest, InstanceMetadataWithASessionToken) {
  const std::string role = "/latest/meta-data/iam/security-credentials/";
  Page("PUT /latest/api/token", "session");
  Page("GET " + role, "my-role\n");
  Page("GET " + role + "my-role", kKeys);
  const auto source =
      InstanceCredentials(Places({{"AWS_EC2_METADATA_SERVICE_ENDPOINT", Url() + "/"}}), *http_);
  const auto keys = source->Fetch();
  ASSERT_TRUE(keys.ok()) << keys.status();
  EXPECT_EQ(keys->access_key_id, "id");
  EXPECT_EQ(Text(*keys->session_token), "tok");
  EXPECT_EQ(AmzDate(*keys->expires), "20300102T030405Z");
  EXPECT_NE(requests_.at(0).headers.at("x-aws-ec2-metadata-token-ttl-seconds"), "");
  EXPECT_EQ(requests_.at(2).headers.at("x-aws-ec2-metadata-token"), "session");
  pages_.erase("GET " + role);
  EXPECT_TRUE(absl::IsNotFound(source->Fetch().status()));
  Page("PUT /latest/api/token", "", 403);
  EXPECT_TRUE(absl::IsUnavailable(source->Fetch().status()));
}

TEST_F(CredentialSourcesTest, MetadataThatIsDamagedIsNoKeyAndIsNotShown) {
  const std::string role = "/latest/meta-data/iam/security-credentials/";
  Page("PUT /latest/api/token", "session");
  Page("GET " + role, "r");
  const auto source =
      InstanceCredentials(Places({{"AWS_EC2_METADATA_SERVICE_ENDPOINT", Url()}}), *http_);
  for (const char* text :
       {"", "[]", "{", R"({"Code": "Failed"})", R"({"AccessKeyId": "id", "Token": "hidden"})",
        R"({"AccessKeyId": 1, "SecretAccessKey": "hidden"})",
        R"({"AccessKeyId": "id", "SecretAccessKey": "hidden", "Expiration": "hidden"})"}) {
    Page("GET " + role + "r", text);
    const absl::Status status = source->Fetch().status();
    EXPECT_TRUE(absl::IsUnavailable(status)) << text << status;
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr("hidden")));
  }
}

TEST_F(CredentialSourcesTest, AContainersEndpoint) {
  Page("GET /creds", kKeys);
  Write("token", "file token\n");
  const std::string url = Url() + "/creds";
  EXPECT_TRUE(InstanceCredentials(Places({{"AWS_CONTAINER_CREDENTIALS_FULL_URI", url},
                                          {"AWS_CONTAINER_AUTHORIZATION_TOKEN", "plain"}}),
                                  *http_)
                  ->Fetch()
                  .ok());
  EXPECT_EQ(requests_.back().headers.at("authorization"), "plain");
  const auto with_file =
      InstanceCredentials(Places({{"AWS_CONTAINER_CREDENTIALS_FULL_URI", url},
                                  {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", Path("token")}}),
                          *http_);
  EXPECT_TRUE(with_file->Fetch().ok());
  EXPECT_EQ(requests_.back().headers.at("authorization"), "file token");
  Page("GET /creds", "no", 500);
  EXPECT_TRUE(absl::IsUnavailable(with_file->Fetch().status()));
}

class WebIdentityTest : public CredentialSourcesTest {
 protected:
  std::unique_ptr<CredentialsSource> Source() {
    Write("token", "header.payload.sig+/=\n");
    return WebIdentityCredentials(Places({{"AWS_WEB_IDENTITY_TOKEN_FILE", Path("token")},
                                          {"AWS_ROLE_ARN", "arn:aws:iam::1:role/floe"},
                                          {"AWS_ROLE_SESSION_NAME", "node 1"},
                                          {"AWS_ENDPOINT_URL_STS", Url()}}),
                                  "eu-1", *http_, nullptr);
  }
};

TEST_F(WebIdentityTest, TradesTheTokenForKeys) {
  Page("POST /",
       "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>"
       "<AccessKeyId>id</AccessKeyId><SecretAccessKey>sec</SecretAccessKey>"
       "<SessionToken>tok</SessionToken><Expiration>2030-01-02T03:04:05.678Z</Expiration>"
       "</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>");
  const auto keys = Source()->Fetch();
  ASSERT_TRUE(keys.ok()) << keys.status();
  EXPECT_EQ(Text(*keys->session_token), "tok");
  EXPECT_EQ(AmzDate(*keys->expires), "20300102T030405Z");
  EXPECT_EQ(requests_.at(0).body,
            "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleSessionName=node%201&"
            "WebIdentityToken=header.payload.sig%2B%2F%3D&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2F"
            "floe");
}

TEST_F(WebIdentityTest, SaysWhyNot) {
  Page("POST /",
       "<ErrorResponse><Error><Code>AccessDenied</Code><Message>m</Message></Error>"
       "</ErrorResponse>",
       403);
  const absl::Status refused = Source()->Fetch().status();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()),
              AllOf(HasSubstr("403 AccessDenied"), HasSubstr("AWS_ROLE_ARN")));
  Page("POST /", "", 503);
  EXPECT_TRUE(absl::IsUnavailable(Source()->Fetch().status()));
  Page("POST /", "<a/>");
  EXPECT_TRUE(absl::IsUnavailable(Source()->Fetch().status()));
  auto source = Source();
  Write("token", "\n");
  EXPECT_TRUE(absl::IsFailedPrecondition(source->Fetch().status()));
  EXPECT_TRUE(
      absl::IsNotFound(WebIdentityCredentials(Places({}), "r", *http_, nullptr)->Fetch().status()));
}

TEST_F(CredentialSourcesTest, TheAddressChooses) {
  Write("fallback",
        "[default]\naws_access_key_id=file\naws_secret_access_key=x\n[p]\n"
        "aws_access_key_id=profile\naws_secret_access_key=x\n");
  const auto key = [&](const std::string& address, std::map<std::string, std::string> variables) {
    variables["AWS_EC2_METADATA_DISABLED"] = "true";
    const auto keys =
        CredentialsFor(*ParseS3Address(address), "r", Places(std::move(variables)), *http_, nullptr)
            ->Fetch();
    return keys.ok() ? keys->access_key_id : std::string(keys.status().message());
  };
  const std::map<std::string, std::string> environment = {{"AWS_ACCESS_KEY_ID", "env"},
                                                          {"AWS_SECRET_ACCESS_KEY", "x"}};
  EXPECT_EQ(key("s3://bucket", environment), "env");
  EXPECT_EQ(key("s3://bucket", {}), "file");
  EXPECT_EQ(key("s3://bucket?profile=p", environment), "profile");
  EXPECT_EQ(key("s3://bucket?credentials=file", environment), "file");
  EXPECT_EQ(key("s3://bucket?credentials=environment", environment), "env");
  EXPECT_THAT(key("s3://bucket?credentials=environment", {}), HasSubstr("AWS_ACCESS_KEY_ID"));
  EXPECT_THAT(key("s3://bucket?credentials=instance", environment), HasSubstr("METADATA_DISABLED"));
  EXPECT_THAT(key("s3://bucket?credentials=web-identity", environment), HasSubstr("TOKEN_FILE"));
  // What is configured, but wrong, is told, not passed over.
  EXPECT_THAT(key("s3://bucket", {{"AWS_ACCESS_KEY_ID", "half"}}), HasSubstr("only one of"));
}

}  // namespace
}  // namespace floe::store
