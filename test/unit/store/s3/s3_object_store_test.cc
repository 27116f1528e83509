// SPDX-License-Identifier: Apache-2.0
#include "store/s3/s3_object_store.h"

#include "absl/strings/str_cat.h"
#include "store/origin/object_chunk_store.h"
#include "store/wrap/limit_policy.h"
#include "test/contract/chunk_store_contract.h"
#include "test/unit/store/s3/s3_sample.h"

namespace floe::store {
namespace {

using fake::FakeS3;
using fake::ServerAnswer;
using fake::ServerRequest;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

struct S3Subject {
  static constexpr bool kListsEverything = true;
  FakeS3 s3;
  std::shared_ptr<ChunkStore> Make() {
    OpenS3Options options = FakeS3Options();
    // The contract's longest chunk goes in parts and comes in ranges.
    options.objects.part_bytes = 600'000;
    options.objects.range_bytes = 400'000;
    return std::make_shared<ObjectChunkStore>(*OpenS3(*ParseS3Address(s3.address("x")), options),
                                              RootId{{1}});
  }
};
INSTANTIATE_TYPED_TEST_SUITE_P(S3, ChunkStoreContract, S3Subject);

class S3ObjectStoreTest : public FakeS3Test {};

TEST_F(S3ObjectStoreTest, PutsIfAbsentBelowThePrefix) {
  EXPECT_EQ(*Put("a/b", "one"), PutResult::kCreated);
  EXPECT_EQ(*Put("a/b", "two"), PutResult::kExisted);
  EXPECT_EQ(*Get("a/b"), "one");
  EXPECT_EQ(s3_.objects().at("p/q/a/b"), "one");
  const absl::Status other = Put("a/b", "three").status();
  EXPECT_TRUE(absl::IsDataLoss(other)) << other;
  EXPECT_THAT(std::string(other.message()),
              AllOf(HasSubstr("s3://bucket/p/q/a/b"), HasSubstr("3 bytes instead of 5")));
  EXPECT_EQ(*Put("empty", ""), PutResult::kCreated);
  EXPECT_EQ(*Get("empty"), "");
}

TEST_F(S3ObjectStoreTest, SendsNoBodyOfWhatIsThere) {
  ASSERT_TRUE(Put("a", std::string(500, 'x')).ok());
  EXPECT_EQ(s3_.bodies(), 1);
  EXPECT_EQ(*Put("a", std::string(500, 'y')), PutResult::kExisted);
  EXPECT_EQ(s3_.bodies(), 1);
}

TEST_F(S3ObjectStoreTest, ReplacesWhenToldTo) {
  ASSERT_TRUE(Put("a", "one").ok());
  ASSERT_TRUE(ReplaceObject(*store_, "a", BytesOfText("other")).ok());
  EXPECT_EQ(*Get("a"), "other");
  ASSERT_TRUE(ReplaceObject(*store_, "new", BytesOfText(std::string(12'345, 'n'))).ok());
  EXPECT_EQ(s3_.objects().at("p/q/new").size(), 12'345u);
}

TEST_F(S3ObjectStoreTest, RefusesNamesThatAreNone) {
  for (const char* name : {"", "/", "a/", "/a", "../a", "a/../b", "a b"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(Put(name, "x").status())) << name;
    EXPECT_TRUE(absl::IsInvalidArgument(Get(name).status())) << name;
    EXPECT_TRUE(absl::IsInvalidArgument(ReplaceObject(*store_, name, BytesOfText("x")))) << name;
  }
  EXPECT_TRUE(absl::IsInvalidArgument(ListObjects(*store_, "../", "", 1).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ListObjects(*store_, "a", "", 1).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ListObjects(*store_, "", "", 0).status()));
  EXPECT_TRUE(s3_.server().log().empty());
}

TEST_F(S3ObjectStoreTest, GetsLargeObjectsInRanges) {
  std::string body;
  for (int i = 0; body.size() < 12'345; ++i) absl::StrAppend(&body, i, ",");
  s3_.PutObject("p/q/large", body);
  const int before = Requests("GET /bucket/p/q/large");
  EXPECT_EQ(*Get("large", 20'000), body);
  EXPECT_EQ(Requests("GET /bucket/p/q/large") - before, 13);
  for (const size_t size : {0u, 1u, 999u, 1000u, 1001u, 2000u}) {
    s3_.PutObject("p/q/sized", body.substr(0, size));
    EXPECT_EQ(*Get("sized", 2000), body.substr(0, size)) << size;
  }
  EXPECT_TRUE(absl::IsNotFound(Get("absent", 20'000).status()));
}

TEST_F(S3ObjectStoreTest, RefusesWhatIsLongerThanExpected) {
  s3_.PutObject("p/q/a", std::string(901, 'x'));
  s3_.PutObject("p/q/b", std::string(3001, 'x'));
  for (const absl::Status& status : {Get("a").status(), Get("b", 3000).status()}) {
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("s3://bucket/p/q/"));
  }
}

TEST_F(S3ObjectStoreTest, NoticesThatAnObjectIsReplacedBetweenItsRanges) {
  s3_.PutObject("p/q/a", std::string(3000, 'x'));
  int gets = 0;
  s3_.SetFault([&](const ServerRequest& request) -> std::optional<ServerAnswer> {
    if (request.method == "GET" && ++gets == 2) s3_.PutObject("p/q/a", std::string(3000, 'y'));
    return std::nullopt;
  });
  const absl::Status status = Get("a", 5000).status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("replaced"));
}

TEST_F(S3ObjectStoreTest, ARangeThatFailsIsTheAnswerOfAll) {
  s3_.PutObject("p/q/a", std::string(9500, 'x'));
  int gets = 0;
  s3_.SetFault([&](const ServerRequest& request) -> std::optional<ServerAnswer> {
    if (request.method == "GET" && ++gets == 3) return FakeS3::Error(500, "InternalError");
    return std::nullopt;
  });
  EXPECT_TRUE(absl::IsUnavailable(Get("a", 20'000).status()));
}

TEST_F(S3ObjectStoreTest, PutsLongObjectsInParts) {
  const std::string body = std::string(5000, 'a') + std::string(5000, 'b') + "c";
  EXPECT_EQ(*Put("long", body), PutResult::kCreated);
  EXPECT_EQ(s3_.objects().at("p/q/long"), body);
  EXPECT_EQ(*Put("long", body), PutResult::kExisted);
  EXPECT_TRUE(absl::IsDataLoss(Put("long", body + "d").status()));
  EXPECT_EQ(s3_.uploads(), 0u);
}

TEST_F(S3ObjectStoreTest, AnUploadThatFailsIsClearedAway) {
  int puts = 0;
  s3_.SetFault([&](const ServerRequest& request) -> std::optional<ServerAnswer> {
    if (request.method == "PUT" && ++puts == 2) return FakeS3::Error(500, "InternalError");
    return std::nullopt;
  });
  const absl::Status status = Put("long", std::string(12'000, 'a')).status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("put part 2 of"));
  EXPECT_EQ(s3_.uploads(), 0u);
  EXPECT_EQ(s3_.objects().count("p/q/long"), 0u);
}

TEST_F(S3ObjectStoreTest, AnErrorInAnAnswerOfSuccessEndsTheUpload) {
  s3_.SetFault([](const ServerRequest& request) -> std::optional<ServerAnswer> {
    if (request.method != "POST" || request.query == "uploads=") return std::nullopt;
    ServerAnswer answer = FakeS3::Error(200, "InternalError");
    return answer;
  });
  EXPECT_TRUE(absl::IsUnavailable(Put("long", std::string(6000, 'a')).status()));
  EXPECT_EQ(s3_.uploads(), 0u);
}

TEST_F(S3ObjectStoreTest, ListsInPagesAndPassesOverStrangers) {
  for (const char* key : {"p/q/a-b", "p/q/a/b", "p/q/a/c/d", "p/q/a0", "p/q/b", "p/q/dir/",
                          "p/q/with space+%", "p/qq", "p/q/a/.hidden", "zz"}) {
    s3_.PutObject(key, "xyz");
  }
  for (const size_t limit : {1, 2, 3, 100}) {
    std::vector<std::string> names;
    std::string from;
    do {
      auto page = ListObjects(*store_, "", from, limit);
      ASSERT_TRUE(page.ok()) << page.status();
      for (const ObjectInfo& object : page->objects) names.push_back(object.name);
      from = page->next;
    } while (!from.empty());
    EXPECT_THAT(names, ElementsAre("a-b", "a/b", "a/c/d", "a0", "b")) << limit;
  }
  EXPECT_EQ(ListObjects(*store_, "a/", "a/b", 9)->objects.at(0).size, 3u);
  EXPECT_TRUE(ListObjects(*store_, "none/", "", 9)->objects.empty());
}

TEST_F(S3ObjectStoreTest, AListMustBeOneAndInOrder) {
  const auto parse = [](const std::string& text) {
    return ParseListPage("<ListBucketResult>" + text + "</ListBucketResult>", "").status();
  };
  const std::string end = "<IsTruncated>false</IsTruncated>";
  const std::string a = "<Contents><Key>a</Key><Size>1</Size></Contents>";
  const std::string b = "<Contents><Key>b</Key><Size>1</Size></Contents>";
  EXPECT_TRUE(parse(end + a + b).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(parse(end + b + a)));
  EXPECT_TRUE(absl::IsFailedPrecondition(parse(end + a + a)));
  for (const std::string& text :
       {a, end + "<Contents><Key>a</Key></Contents>", end + "<Contents><Size>1</Size></Contents>",
        std::string("<IsTruncated>true</IsTruncated>"),
        end + "<EncodingType>url</EncodingType><Contents><Key>%x</Key><Size>1</Size></Contents>"}) {
    EXPECT_TRUE(absl::IsDataLoss(parse(text))) << text;
  }
  EXPECT_TRUE(absl::IsDataLoss(ParseListPage("<Other/>", "").status()));
  EXPECT_TRUE(absl::IsDataLoss(ParseListPage("<html>", "").status()));
}

TEST_F(S3ObjectStoreTest, ConflictsAreTriedAgain) {
  s3_.FailNext("PUT", 3, FakeS3::Error(409, "ConditionalRequestConflict"));
  EXPECT_EQ(*Put("a", "one"), PutResult::kCreated);
  EXPECT_EQ(Requests("PUT /bucket/p/q/a"), 4);
  s3_.FailNext("PUT", 1000, FakeS3::Error(409, "ConditionalRequestConflict"));
  EXPECT_TRUE(absl::IsUnavailable(Put("b", "one").status()));
  EXPECT_EQ(Requests("PUT /bucket/p/q/b"), 6);
}

TEST_F(S3ObjectStoreTest, WhoMayNotLookLearnsOnlyThatItIsThere) {
  ASSERT_TRUE(Put("a", "one").ok());
  s3_.FailNext("HEAD", 1, FakeS3::Error(403, "AccessDenied"));
  EXPECT_EQ(*Put("a", "another size"), PutResult::kExisted);
}

TEST_F(S3ObjectStoreTest, WhatVanishedBetweenPutAndLookIsPutAgain) {
  ASSERT_TRUE(Put("a", "one").ok());
  s3_.SetFault([&](const ServerRequest& request) -> std::optional<ServerAnswer> {
    if (request.method == "HEAD") s3_.SetFault(nullptr);
    if (request.method != "HEAD") return std::nullopt;
    EXPECT_TRUE(store_ != nullptr);
    return FakeS3::Error(404, "NoSuchKey");
  });
  EXPECT_EQ(*Put("a", "one"), PutResult::kExisted);  // it was there at the second look
  EXPECT_EQ(Requests("PUT /bucket/p/q/a"), 3);
}

TEST_F(S3ObjectStoreTest, TellsDeniedFromAbsentWhereItMayList) {
  ASSERT_TRUE(Put("there", "x").ok());
  ASSERT_TRUE(Put("absent-but-longer", "x").ok());
  const auto deny_gets = [](bool lists_too) {
    return [lists_too](const ServerRequest& request) -> std::optional<ServerAnswer> {
      const bool list = request.query.find("list-type") != std::string::npos;
      if (request.method != "GET" || (list && !lists_too)) return std::nullopt;
      return FakeS3::Error(403, "AccessDenied");
    };
  };
  s3_.SetFault(deny_gets(false));
  EXPECT_TRUE(absl::IsNotFound(Get("absent").status())) << Get("absent").status();
  EXPECT_TRUE(absl::IsNotFound(Get("absent", 5000).status()));
  EXPECT_TRUE(absl::IsPermissionDenied(Get("there").status()));
  s3_.SetFault(deny_gets(true));
  const absl::Status denied = Get("absent").status();
  EXPECT_TRUE(absl::IsPermissionDenied(denied));
  EXPECT_THAT(std::string(denied.message()),
              AllOf(HasSubstr("get s3://bucket/p/q/absent"), HasSubstr("HTTP 403 AccessDenied"),
                    HasSubstr("The text of AccessDenied"), HasSubstr("request REQ42"),
                    HasSubstr("doc/s3.md")));
}

// A proxy whose server is away answers 404 too: that must not look like an object that is gone.
TEST_F(S3ObjectStoreTest, OnlyS3SaysThatAnObjectIsAbsent) {
  ASSERT_TRUE(Put("there", "x").ok());
  ServerAnswer page;
  page.status = 404;
  page.body = "404 page not found";
  s3_.FailNext("GET", 1, page);
  const absl::Status status = Get("there").status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("behind the proxy"));
  EXPECT_TRUE(absl::IsNotFound(Get("absent").status()));
}

// Breaks, short bodies, slow bodies: all say "try again".
TEST_F(S3ObjectStoreTest, WhatBreaksOnTheWayIsUnavailable) {
  ServerAnswer cut;
  cut.body = std::string(800, 'x');
  cut.cut_after = 100;
  ServerAnswer reset = cut;
  reset.reset = true;
  ServerAnswer silent = cut;
  silent.cut_after.reset();
  silent.stall_after = 10;
  ServerAnswer slow = cut;
  slow.cut_after.reset();
  slow.drip = 100;
  for (const ServerAnswer& answer : {cut, reset, silent, slow}) {
    s3_.FailNext("GET", 1000, answer);
    const absl::Status status = Get("a").status();
    EXPECT_TRUE(absl::IsUnavailable(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("get s3://bucket/p/q/a"));
  }
}

TEST_F(S3ObjectStoreTest, ADamagedPutIsRefusedByTheServer) {
  s3_.FailNext("PUT", 1, FakeS3::Error(400, "BadDigest"));
  EXPECT_TRUE(absl::IsUnavailable(Put("a", "x").status()));
  EXPECT_TRUE(s3_.objects().empty());
}

TEST_F(S3ObjectStoreTest, SlowDownIsMarked) {
  for (const auto& [status, code] : {std::pair(503, "SlowDown"), std::pair(429, "TooMany"),
                                     std::pair(503, "ServiceUnavailable")}) {
    s3_.FailNext("GET", 1, FakeS3::Error(status, code));
    EXPECT_TRUE(IsSlowDown(Get("a").status())) << code;
  }
  s3_.FailNext("GET", 1, FakeS3::Error(500, "InternalError"));
  const absl::Status status = Get("a").status();
  EXPECT_TRUE(absl::IsUnavailable(status) && !IsSlowDown(status)) << status;
}

TEST_F(S3ObjectStoreTest, NoBucketIsNoAbsentObject) {
  store_ = Open("s3://other-bucket?endpoint=" + s3_.endpoint());
  const absl::Status status = Get("a").status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("other-bucket"), HasSubstr("make")));
}

TEST_F(S3ObjectStoreTest, AServerThatIsNotThereIsUnavailable) {
  store_ = Open("s3://bucket?endpoint=http://127.0.0.1:1");
  const absl::Status status = Get("a").status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("127.0.0.1:1"));
}

TEST_F(S3ObjectStoreTest, CancelAndDeadlineEndARequestUnderWay) {
  ServerAnswer silent;
  silent.body = "x";
  silent.stall_after = 0;
  CancelSource source;
  // By value: the server may come to a request when the test has gone on.
  s3_.SetFault([source, silent](const ServerRequest&) mutable {
    source.Cancel();  // it is under way now
    return std::optional<ServerAnswer>(silent);
  });
  using Answer = absl::StatusOr<SealedBytes>;
  const auto get = [&](const RequestOptions& options) {
    return WaitFor<Answer>([&](std::function<void(Answer)> done) {
             store_->Get("a", 10, options, std::move(done));
           })
        .status();
  };
  RequestOptions options;
  options.cancel = source.token();
  EXPECT_TRUE(absl::IsCancelled(get(options)));
  RequestOptions late;
  late.deadline = Clock::Real().Now() + std::chrono::milliseconds(50);
  EXPECT_TRUE(absl::IsDeadlineExceeded(get(late)));
}

TEST_F(S3ObjectStoreTest, ErrorsNeverShowKeys) {
  std::string all;
  for (const auto& [status, code] :
       {std::pair(403, "SignatureDoesNotMatch"), std::pair(403, "InvalidAccessKeyId"),
        std::pair(400, "ExpiredToken"), std::pair(403, "RequestTimeTooSkewed"),
        std::pair(301, "PermanentRedirect"), std::pair(501, "NotImplemented"),
        std::pair(507, "XMinioStorageFull"), std::pair(400, "Strange")}) {
    s3_.FailNext("GET", 1000, FakeS3::Error(status, code));
    const absl::Status error = Get("a").status();
    EXPECT_FALSE(error.ok());
    EXPECT_THAT(std::string(error.message()), HasSubstr("; ")) << "no remedy for " << code;
    absl::StrAppend(&all, error.message(), "\n");
  }
  EXPECT_THAT(all, AllOf(Not(HasSubstr(FakeS3::kSecretKey)), Not(HasSubstr("Signature="))));
}

TEST_F(S3ObjectStoreTest, KeepsConnectionsOfRequestsInTurn) {
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(Put(absl::StrCat("n", i), std::string(500, 'x')).ok());
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(Get(absl::StrCat("n", i)).ok());
  EXPECT_EQ(s3_.server().connections(), 1);
}

}  // namespace
}  // namespace floe::store
