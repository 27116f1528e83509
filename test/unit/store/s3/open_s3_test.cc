// SPDX-License-Identifier: Apache-2.0
// Stores in S3 through the doors everybody uses: OpenStore and InitStore.
#include "store/s3/open_s3.h"

#include <cstdlib>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "base/file.h"
#include "store/admin/store_check.h"
#include "store/origin/open_store.h"
#include "test/fake/fake_chunk_store.h"
#include "test/unit/store/s3/s3_sample.h"

namespace floe::store {
namespace {

using fake::FakeS3;
using fake::ServerAnswer;
using fake::ServerRequest;
using testing::AllOf;
using testing::HasSubstr;

class OpenS3Test : public FakeS3Test {
 protected:
  OpenS3Test() {
    setenv("AWS_ACCESS_KEY_ID", FakeS3::kAccessKey, 1);
    setenv("AWS_SECRET_ACCESS_KEY", FakeS3::kSecretKey, 1);
    EXPECT_TRUE(keys_.EnsureOwnKeys().ok());
  }
  ~OpenS3Test() override {
    unsetenv("AWS_ACCESS_KEY_ID");
    unsetenv("AWS_SECRET_ACCESS_KEY");
  }

  const TempDir dir_ = *TempDir::Create();
  const KeyDirectory keys_{dir_.path() + "/keys"};
  const std::string address_ = s3_.address("stores/one");
};

TEST_F(OpenS3Test, InitMakesAStoreThatOpensAndHolds) {
  const auto made = InitStore(address_, keys_);
  ASSERT_TRUE(made.ok()) << made.status();
  for (const auto& [key, body] : s3_.objects()) {
    EXPECT_TRUE(key == "stores/one/floe.json" || key == "stores/one/log/0000000001") << key;
  }
  auto store = OpenStore(address_);
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_EQ((*store)->info().id, made->id);
  EXPECT_EQ((*store)->address(), address_);
  const auto chunks = (*store)->Chunks((*store)->active_root());
  const VerifiedSealed chunk = FakeSealedChunk(1, 5000);
  EXPECT_EQ(*PutBlocking(*chunks, chunk), PutResult::kCreated);
  EXPECT_EQ(GetBlocking(*chunks, chunk.id())->id(), chunk.id());
  const auto report = CheckStore(**store, {});
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->chunks, 1u);
  EXPECT_TRUE(absl::IsAlreadyExists(InitStore(address_, keys_).status()));
}

TEST_F(OpenS3Test, WhereNoStoreIsSaysHowToMakeOne) {
  const absl::Status status = OpenStore(address_).status();
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr(address_), HasSubstr("store init"), HasSubstr("prefix")));
}

TEST_F(OpenS3Test, InitRefusesAPlaceWithOtherThings) {
  s3_.PutObject("stores/one/photo.jpg", "x");
  const absl::Status status = InitStore(address_, keys_).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("photo.jpg"));
}

TEST_F(OpenS3Test, InitRefusesAServerWithoutConditionalPuts) {
  s3_.SetConditional(false);
  const absl::Status status = InitStore(address_, keys_).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("If-None-Match"), HasSubstr("an object was replaced"),
                    HasSubstr("doc/s3.md")));
  EXPECT_TRUE(s3_.objects().empty());
}

// Looks first, writes then, and forgets what came between.
TEST_F(OpenS3Test, InitRefusesAServerThatLetsTwoWin) {
  std::string first;
  s3_.SetFault([&](const ServerRequest& request) -> std::optional<ServerAnswer> {
    if (request.method != "PUT") return std::nullopt;
    if (first.empty()) first = request.path;  // of the probe of puts in order
    if (request.path == first) return std::nullopt;
    return ServerAnswer{};  // as if made
  });
  const absl::Status status = InitStore(address_, keys_).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("conditional puts"), HasSubstr("both succeeded")));
}

TEST_F(OpenS3Test, WhatTheProbeMayNotDeleteDoesNotHinder) {
  s3_.FailNext("DELETE", 1000, FakeS3::Error(403, "AccessDenied"));
  ASSERT_TRUE(InitStore(address_, keys_).ok());
  for (const auto& [key, body] : s3_.objects()) {
    const bool probe = absl::StrContains(key, "probe");
    EXPECT_EQ(probe, absl::StartsWith(key, "stores/one/trash/probe-")) << key;
  }
  EXPECT_TRUE(OpenStore(address_).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(InitStore(address_, keys_).status()));
}

TEST_F(OpenS3Test, WhatPassesIsTriedAgainForRecordsAndLog) {
  ASSERT_TRUE(InitStore(address_, keys_).ok());
  s3_.FailNext("GET", 2, FakeS3::Error(503, "SlowDown"));
  EXPECT_TRUE(OpenStore(address_).ok());
}

TEST_F(OpenS3Test, AMissingAuthorityIsTold) {
  const absl::Status status = OpenStore(address_ + "&ca=/nonexistent/ca.pem").status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("/nonexistent/ca.pem"));
}

TEST_F(OpenS3Test, DeniedSaysWhatToDo) {
  s3_.FailNext("GET", 1000, FakeS3::Error(403, "AccessDenied"));
  const absl::Status status = OpenStore(address_).status();
  EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("floe.json"), HasSubstr("policies")));
}

TEST(RegionTest, ComesFromAddressThenEnvironment) {
  FakeS3 s3;
  const auto region_of = [&](const std::string& region,
                             std::map<std::string, std::string> variables) {
    OpenS3Options options = FakeS3Options();
    variables["AWS_ACCESS_KEY_ID"] = FakeS3::kAccessKey;
    variables["AWS_SECRET_ACCESS_KEY"] = FakeS3::kSecretKey;
    options.places.environment = FixedEnvironment(std::move(variables));
    std::string seen;
    s3.SetFault([&](const ServerRequest& request) {
      seen = request.headers.at("authorization");
      return std::optional<ServerAnswer>(FakeS3::Error(404, "NoSuchKey"));
    });
    auto store = *OpenS3(
        *ParseS3Address("s3://bucket?endpoint=" + s3.endpoint() + "&region=" + region), options);
    EXPECT_TRUE(absl::IsNotFound(GetObject(*store, "a", 1).status()));
    const std::vector<std::string> place = absl::StrSplit(seen, '/');
    return place.at(2);
  };
  EXPECT_EQ(region_of("", {}), "us-east-1");
  EXPECT_EQ(region_of("", {{"AWS_DEFAULT_REGION", "b"}}), "b");
  EXPECT_EQ(region_of("", {{"AWS_DEFAULT_REGION", "b"}, {"AWS_REGION", "a"}}), "a");
  EXPECT_EQ(region_of("c", {{"AWS_REGION", "a"}}), "c");
}

}  // namespace
}  // namespace floe::store
