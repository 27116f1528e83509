// SPDX-License-Identifier: Apache-2.0
// Against the examples that AWS publishes: those of its documentation of S3, and of its test suite
// for signatures.
#include "store/s3/sigv4.h"

#include "gmock/gmock.h"

namespace floe::store {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

constexpr char kEmptyHash[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

// The examples of "Authenticating Requests: Using the Authorization Header".
class S3ExampleTest : public testing::Test {
 protected:
  std::string Sign(RequestToSign request) {
    request.headers.emplace_back("Host", "examplebucket.s3.amazonaws.com");
    request.headers.emplace_back("x-amz-content-sha256", request.payload_sha256);
    request.headers.emplace_back("x-amz-date", kDate);
    const Secret key = DeriveSigningKey(
        Secret::Copy(AsBytes("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")), kDate, scope_);
    return Authorization(request, "AKIAIOSFODNN7EXAMPLE", key, kDate, scope_);
  }

  static constexpr char kDate[] = "20130524T000000Z";
  const SigningScope scope_{"us-east-1", "s3"};
};

TEST_F(S3ExampleTest, GetObject) {
  EXPECT_EQ(Sign({"GET", "/test.txt", {}, {{"Range", "bytes=0-9"}}, nullptr, kEmptyHash}),
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
            "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
            "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

TEST_F(S3ExampleTest, PutObject) {
  EXPECT_THAT(Sign({"PUT",
                    "/test$file.text",
                    {},
                    {{"Date", "Fri, 24 May 2013 00:00:00 GMT"},
                     {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
                    nullptr,
                    "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"}),
              EndsWith("98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"));
}

TEST_F(S3ExampleTest, GetBucketLifecycle) {
  EXPECT_THAT(Sign({"GET", "/", {{"lifecycle", ""}}, {}, nullptr, kEmptyHash}),
              EndsWith("fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"));
}

TEST_F(S3ExampleTest, ListObjects) {
  EXPECT_THAT(Sign({"GET", "/", {{"prefix", "J"}, {"max-keys", "2"}}, {}, nullptr, kEmptyHash}),
              EndsWith("34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"));
}

// The test suite of signature version 4.
class SignatureSuiteTest : public testing::Test {
 protected:
  std::string Sign(const std::string& method, const std::string& path, const NameValues& query,
                   NameValues headers = {}) {
    headers.emplace_back("Host", "example.amazonaws.com");
    headers.emplace_back("X-Amz-Date", kDate);
    const Secret key = DeriveSigningKey(
        Secret::Copy(AsBytes("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")), kDate, scope_);
    return Authorization({method, path, query, std::move(headers), nullptr, kEmptyHash},
                         "AKIDEXAMPLE", key, kDate, scope_);
  }

  static constexpr char kDate[] = "20150830T123600Z";
  const SigningScope scope_{"us-east-1", "service"};
};

TEST_F(SignatureSuiteTest, GetVanilla) {
  EXPECT_THAT(Sign("GET", "/", {}),
              EndsWith("5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"));
}

TEST_F(SignatureSuiteTest, PostVanilla) {
  EXPECT_THAT(Sign("POST", "/", {}),
              EndsWith("5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"));
}

TEST_F(SignatureSuiteTest, GetVanillaQueryOrder) {
  EXPECT_THAT(Sign("GET", "/", {{"Param2", "value2"}, {"Param1", "value1"}}),
              EndsWith("b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"));
}

TEST_F(SignatureSuiteTest, GetHeaderValueTrim) {
  EXPECT_THAT(Sign("GET", "/", {}, {{"My-Header1", " value1"}, {"My-Header2", " \"a   b   c\""}}),
              EndsWith("acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"));
}

TEST(SigningKeyTest, IsTheOneOfTheDocumentation) {
  const Secret key =
      DeriveSigningKey(Secret::Copy(AsBytes("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")),
                       "20120215T000000Z", {"us-east-1", "iam"});
  EXPECT_EQ(ToHex(key.view()), "f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d");
}

TEST(SignatureTest, TheTokenIsSignedAsAHeaderOfThatName) {
  const SigningScope scope{"r", "s3"};
  const Secret token = Secret::Copy(AsBytes("the token"));
  const Secret key(32);
  RequestToSign with{"GET", "/a", {}, {{"host", "h"}, {"x-amz-zz", "1"}}, &token, kEmptyHash};
  RequestToSign as_header = with;
  as_header.session_token = nullptr;
  as_header.headers.emplace_back("X-Amz-Security-Token", "the token");
  const std::string signature = Authorization(with, "id", key, "20200101T000000Z", scope);
  EXPECT_EQ(signature, Authorization(as_header, "id", key, "20200101T000000Z", scope));
  EXPECT_THAT(signature, HasSubstr("SignedHeaders=host;x-amz-security-token;x-amz-zz,"));
}

TEST(SignatureTest, EncodesWhatIsNotUnreserved) {
  EXPECT_EQ(UriEncode("a/b c~d_e.f-G%\xc3\xa4", true), "a/b%20c~d_e.f-G%25%C3%A4");
  EXPECT_EQ(UriEncode("a/b", false), "a%2Fb");
  EXPECT_EQ(CanonicalQuery({{"b", "2 3"}, {"a", ""}, {"b", "1"}}), "a=&b=1&b=2%203");
}

TEST(SignatureTest, WritesTimeAsAwsDoes) {
  EXPECT_EQ(AmzDate(SystemTime(std::chrono::seconds(1369353600))), "20130524T000000Z");
}

}  // namespace
}  // namespace floe::store
