// SPDX-License-Identifier: Apache-2.0
#include "store/s3/s3_address.h"

#include "gmock/gmock.h"

namespace floe::store {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

TEST(S3AddressTest, ReadsAllOfIt) {
  const S3Address address = *ParseS3Address(
      "s3://my-bucket/a/b/?endpoint=https://S3.example:443/&region=eu-1&style=path&profile=p%20q&"
      "credentials=web-identity&ca=/etc/ca.pem");
  EXPECT_EQ(address.bucket, "my-bucket");
  EXPECT_EQ(address.prefix, "a/b");
  EXPECT_EQ(address.endpoint, "https://s3.example");
  EXPECT_EQ(address.region, "eu-1");
  EXPECT_EQ(address.style, S3Style::kPath);
  EXPECT_EQ(address.profile, "p q");
  EXPECT_EQ(address.credentials, S3CredentialsKind::kWebIdentity);
  EXPECT_EQ(address.ca_file, "/etc/ca.pem");
}

TEST(S3AddressTest, IsWrittenAsItIsRead) {
  for (const char* text :
       {"s3://bucket", "s3://bucket/a/b",
        "s3://bucket?endpoint=http://127.0.0.1:9000&region=us-east-1&style=virtual",
        "s3://bucket/a?endpoint=http://[::1]:9000&profile=p%20q%26&credentials=file&ca=/x/y.pem"}) {
    EXPECT_EQ(ParseS3Address(text)->ToString(), text);
  }
  EXPECT_EQ(ParseS3Address("s3://bucket/?style=auto&credentials=auto")->ToString(), "s3://bucket");
}

TEST(S3AddressTest, RefusesWhatIsNoneAndSaysHowToWriteIt) {
  for (const char* text : {"s3://",
                           "s3://ab",
                           "s3:///a",
                           "s3://-bucket",
                           "s3://bu..cket",
                           "s3://bucket/../a",
                           "s3://bucket//a",
                           "s3://bucket/a b",
                           "s3://bucket?",
                           "s3://bucket?style=odd",
                           "s3://bucket?credentials=secret",
                           "s3://bucket?endpoint=ftp://x",
                           "s3://bucket?endpoint=http://",
                           "s3://bucket?endpoint=http://a/path",
                           "s3://bucket?endpoint=http://user:pw@host",
                           "s3://bucket?ca=relative",
                           "s3://bucket?region=a%0ab",
                           "s3://bucket?profile=%zz",
                           "s3://bucket?profile=%00",
                           "s3://bucket?profile=a%0ab",
                           "s3://bucket?profile=a\tb",
                           "s3://bucket?ca=/a\nb",
                           "s3://bucket?unknown=1"}) {
    const absl::Status status = ParseS3Address(text).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << text;
    EXPECT_THAT(std::string(status.message()), HasSubstr("write s3://BUCKET")) << text;
  }
}

TEST(S3AddressTest, NeverRepeatsKeysThatStandInIt) {
  const absl::Status status = ParseS3Address("s3://AKIA:top-secret@bucket").status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("never part of an address"), Not(HasSubstr("top-secret"))));
}

std::string UrlOf(const std::string& text, const std::string& region = "eu-west-1") {
  const S3Place place = PlaceOf(*ParseS3Address(text), region);
  EXPECT_THAT(place.base_url, testing::EndsWith("://" + place.host));
  return place.base_url + place.path_prefix;
}

TEST(S3AddressTest, FindsTheBucket) {
  EXPECT_EQ(UrlOf("s3://bucket"), "https://bucket.s3.eu-west-1.amazonaws.com/");
  EXPECT_EQ(UrlOf("s3://bucket", "cn-north-1"), "https://bucket.s3.cn-north-1.amazonaws.com.cn/");
  EXPECT_EQ(UrlOf("s3://dot.bucket"), "https://s3.eu-west-1.amazonaws.com/dot.bucket/");
  EXPECT_EQ(UrlOf("s3://bucket?style=path"), "https://s3.eu-west-1.amazonaws.com/bucket/");
  EXPECT_EQ(UrlOf("s3://bucket?endpoint=http://minio:9000"), "http://minio:9000/bucket/");
  EXPECT_EQ(UrlOf("s3://bucket?endpoint=http://minio:9000&style=virtual"),
            "http://bucket.minio:9000/");
}

}  // namespace
}  // namespace floe::store
