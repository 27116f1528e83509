// SPDX-License-Identifier: Apache-2.0
#include "registry/repository.h"

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "oci/digest.h"
#include "oci/media_types.h"
#include "test/fake/fake_registry.h"

namespace floe::registry {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kBlob[] = "0123456789abcdefghij";

class RepositoryTest : public testing::Test {
 protected:
  explicit RepositoryTest(fake::Registry::Hook hook = nullptr) : registry_(std::move(hook)) {}

  std::shared_ptr<Repository> Open(int attempts = 1) {
    Options options;
    options.plain_http = true;
    options.hosts_dir = "";
    options.docker_config_dir = dir_.path();
    options.attempts = attempts;
    options.first_pause = std::chrono::milliseconds(1);
    const auto reference = ParseReference(absl::StrCat(registry_.host(), "/a/b"));
    return *Repository::Open(*reference, options);
  }
  static oci::Descriptor Manifest(std::string* text, const std::string& subject = "",
                                  const std::string& note = "") {
    oci::ImageManifest manifest;
    manifest.media_type = oci::kOciManifest;
    manifest.artifact_type = "application/x";
    manifest.config = oci::DescribeBytes(oci::kOciConfig, AsBytes("{}"));
    if (!note.empty()) manifest.annotations["note"] = note;
    if (!subject.empty()) {
      manifest.subject.emplace();
      manifest.subject->media_type = oci::kOciManifest;
      manifest.subject->digest = subject;
      manifest.subject->size = 1;
    }
    *text = oci::SerializeManifest(manifest);
    return oci::DescribeBytes(oci::kOciManifest, AsBytes(*text));
  }

  const TempDir dir_ = *TempDir::Create();
  fake::Registry registry_;
};

TEST_F(RepositoryTest, ManifestsComeAndGo) {
  const auto repository = Open();
  EXPECT_TRUE(absl::IsNotFound(repository->GetManifest("v1").status()));
  std::string text;
  const oci::Descriptor descriptor = Manifest(&text);
  ASSERT_FALSE(*repository->PutManifest("v1", descriptor, AsBytes(text)));
  for (const std::string& target : {std::string("v1"), descriptor.digest}) {
    const auto got = repository->GetManifest(target);
    ASSERT_TRUE(got.ok()) << got.status();
    EXPECT_EQ(got->descriptor.digest, descriptor.digest);
    EXPECT_EQ(AsText(got->bytes), text);
  }
  EXPECT_TRUE(absl::IsDataLoss(repository->PutManifest("v2", descriptor, AsBytes("{}")).status()));
  EXPECT_TRUE(repository->DeleteManifest(descriptor.digest).ok());
  EXPECT_TRUE(absl::IsNotFound(repository->GetManifest("v1").status()));
  EXPECT_TRUE(absl::IsNotFound(repository->DeleteManifest(descriptor.digest)));
}

TEST_F(RepositoryTest, AnotherManifestUnderADigestIsDataLoss) {
  std::string text;
  oci::Descriptor descriptor = Manifest(&text);
  registry_.AddManifest("a/b", "", descriptor, text + " ");
  EXPECT_TRUE(absl::IsDataLoss(Open()->GetManifest(descriptor.digest).status()));
}

TEST_F(RepositoryTest, BlobsAreSentOnce) {
  const auto repository = Open();
  const oci::Descriptor blob = oci::DescribeBytes("", AsBytes(kBlob));
  EXPECT_FALSE(*repository->HasBlob(blob));
  ASSERT_TRUE(repository->PutBlob(blob, AsBytes(kBlob)).ok());
  ASSERT_TRUE(repository->PutBlob(blob, AsBytes(kBlob)).ok());
  EXPECT_TRUE(*repository->HasBlob(blob));
  EXPECT_TRUE(registry_.uploads.empty());
  const auto log = registry_.server().log();
  EXPECT_EQ(std::count_if(log.begin(), log.end(),
                          [](const std::string& line) { return line.substr(0, 4) == "POST"; }),
            1);
  EXPECT_EQ(AsText(*repository->GetBlob(blob, 100)), kBlob);
  EXPECT_TRUE(absl::IsInvalidArgument(repository->GetBlob(blob, 5).status()));
  EXPECT_TRUE(absl::IsDataLoss(repository->PutBlob(blob, AsBytes("else"))));
}

absl::StatusOr<std::string> Range(Repository& repository, const std::string& digest) {
  Bytes first(3);
  Bytes second(2);
  const std::vector<RangePiece> pieces = {{first, 0}, {{}, 4}, {second, 0}};
  FLOE_RETURN_IF_ERROR(repository.ReadRange(digest, 5, pieces));
  return absl::StrCat(AsText(first), AsText(second));
}

TEST_F(RepositoryTest, RangesFillTheirPieces) {
  const oci::Descriptor blob = registry_.AddBlob("", kBlob);
  const auto repository = Open();
  EXPECT_EQ(*Range(*repository, blob.digest), "567cd");
  EXPECT_EQ(*Range(*repository, blob.digest), "567cd");
  EXPECT_EQ(repository->ignored_ranges(), 0u);
  EXPECT_EQ(registry_.server().connections(), 1);
  EXPECT_TRUE(absl::IsNotFound(Range(*repository, oci::DigestOf(AsBytes("x"))).status()));
}

TEST_F(RepositoryTest, AWholeBlobInsteadOfARangeIsReadPast) {
  const oci::Descriptor blob = registry_.AddBlob("", kBlob);
  registry_.honours_ranges = false;
  const auto repository = Open();
  EXPECT_EQ(*Range(*repository, blob.digest), "567cd");
  EXPECT_EQ(repository->ignored_ranges(), 1u);
}

class WrongRangeTest : public RepositoryTest {
 protected:
  WrongRangeTest()
      : RepositoryTest([this](const fake::ServerRequest&) {
          return std::optional<fake::ServerAnswer>(answer_);
        }) {}
  fake::ServerAnswer answer_;
};

TEST_F(WrongRangeTest, AnotherRangeIsDataLoss) {
  answer_ = {206, {{"Content-Range", "bytes 4-12/20"}}, "456789abc", {}, {}};
  EXPECT_TRUE(absl::IsDataLoss(Range(*Open(), oci::DigestOf(AsBytes(kBlob))).status()));
}

TEST_F(WrongRangeTest, AnAnswerThatEndsEarlyIsTriedAgain) {
  answer_ = {206, {{"Content-Range", "bytes 5-9/20"}}, "56789", {}, {}};
  EXPECT_TRUE(absl::IsUnavailable(Range(*Open(), oci::DigestOf(AsBytes(kBlob))).status()));
}

TEST_F(WrongRangeTest, TooManyRequestsIsMarked) {
  answer_ = {429, {}, "", {}, {}};
  const absl::Status range = Range(*Open(), oci::DigestOf(AsBytes(kBlob))).status();
  EXPECT_TRUE(absl::IsUnavailable(range)) << range;
  EXPECT_TRUE(SaysSlowDown(range)) << range;
  answer_.status = 500;
  EXPECT_FALSE(SaysSlowDown(Range(*Open(), oci::DigestOf(AsBytes(kBlob))).status()));
}

TEST_F(WrongRangeTest, TagsThatAreNoTextAreRefused) {
  answer_ = {200, {}, R"({"tags":[1]})", {}, {}};
  EXPECT_TRUE(absl::IsInvalidArgument(Open()->ListTags("").status()));
  answer_.body = R"({"name":"a","tags":null})";
  EXPECT_THAT(*Open()->ListTags(""), IsEmpty());
}

TEST_F(RepositoryTest, TagsAreReadPageByPage) {
  const auto repository = Open();
  EXPECT_THAT(*repository->ListTags(""), IsEmpty());
  std::string text;
  const oci::Descriptor descriptor = Manifest(&text);
  for (const char* tag : {"v1", "floe-b", "floe-a", "floe-c", "zz"}) {
    ASSERT_TRUE(repository->PutManifest(tag, descriptor, AsBytes(text)).ok());
  }
  registry_.Locked([&] { registry_.tags_a_page = 2; });
  EXPECT_THAT(*repository->ListTags("floe-"), ElementsAre("floe-a", "floe-b", "floe-c"));
}

TEST(NextLinkTest, FindsTheNextPage) {
  EXPECT_EQ(NextLink("</v2/a/tags/list?n=2&last=b>; rel=\"next\""), "/v2/a/tags/list?n=2&last=b");
  EXPECT_EQ(NextLink("<x>; rel=\"prev\", <y>; rel=next"), "y");
  for (const char* none : {"", "<x>", "x; rel=next", "<x; rel=\"next\"", "><; rel=next"}) {
    EXPECT_EQ(NextLink(none), "") << none;
  }
}

TEST_F(RepositoryTest, ReferrersFromTheApi) {
  registry_.has_referrers = true;
  const auto repository = Open();
  const std::string subject = oci::DigestOf(AsBytes("image"));
  std::string text;
  const oci::Descriptor referrer = Manifest(&text, subject);
  EXPECT_TRUE(*repository->PutManifest(referrer.digest, referrer, AsBytes(text)));
  const auto found = repository->Referrers(subject, "application/x");
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_EQ(found->size(), 1u);
  EXPECT_EQ(found->front().digest, referrer.digest);
  EXPECT_THAT(*repository->Referrers(subject, "application/y"), IsEmpty());
}

TEST_F(RepositoryTest, ReferrersFromTheTag) {
  const auto repository = Open();
  const std::string subject = oci::DigestOf(AsBytes("image"));
  EXPECT_THAT(*repository->Referrers(subject, "application/x"), IsEmpty());
  std::vector<std::string> digests;
  for (const char* note : {"one", "two", "two"}) {
    std::string text;
    oci::Descriptor referrer = Manifest(&text, subject, note);
    EXPECT_FALSE(*repository->PutManifest(referrer.digest, referrer, AsBytes(text)));
    referrer.artifact_type = "application/x";
    ASSERT_TRUE(repository->AddReferrer(subject, referrer).ok());
    digests.push_back(referrer.digest);
  }
  auto found = *repository->Referrers(subject, "application/x");
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[1].digest, digests[1]);
  ASSERT_TRUE(repository->RemoveReferrer(subject, digests[0]).ok());
  ASSERT_TRUE(repository->RemoveReferrer(subject, digests[0]).ok());
  found = *repository->Referrers(subject, "application/x");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].digest, digests[1]);
}

TEST_F(RepositoryTest, AReferrersTagThatIsNoIndexMeansNone) {
  const auto repository = Open();
  const std::string subject = oci::DigestOf(AsBytes("image"));
  std::string text;
  const oci::Descriptor other = Manifest(&text);
  ASSERT_TRUE(repository->PutManifest(ReferrersTag(subject), other, AsBytes(text)).ok());
  EXPECT_THAT(*repository->Referrers(subject, "application/x"), IsEmpty());
}

// Basic authorization that a test changes while the client lives.
class CredentialsThatChange : public RepositoryTest {
 protected:
  CredentialsThatChange()
      : RepositoryTest([this](const fake::ServerRequest& request) {
          const auto it = request.headers.find("authorization");
          if (it != request.headers.end() && it->second == wanted_) {
            return std::optional<fake::ServerAnswer>();
          }
          return std::optional<fake::ServerAnswer>(
              fake::ServerAnswer{401, {{"WWW-Authenticate", "Basic realm=\"r\""}}, "", {}, {}});
        }) {}
  void Login(const std::string& base64) {
    const std::string text =
        absl::StrCat(R"({"auths":{")", registry_.host(), R"(":{"auth":")", base64, R"("}}})");
    ASSERT_TRUE(WriteFileAtomically(dir_.path() + "/config.json", AsBytes(text), 0600,
                                    Replace::kYes, Durable::kNo)
                    .ok());
  }
  std::string wanted_ = "Basic YW5uOm9uZQ==";  // ann:one
};

TEST_F(CredentialsThatChange, AreReadAgainWhenARegistryRefuses) {
  Login("YW5uOm9uZQ==");
  const oci::Descriptor blob = registry_.AddBlob("", kBlob);
  const auto repository = Open();
  EXPECT_TRUE(Range(*repository, blob.digest).ok());
  registry_.Locked([&] { wanted_ = "Basic YW5uOnR3bw=="; });
  EXPECT_TRUE(absl::IsPermissionDenied(Range(*repository, blob.digest).status()));
  Login("YW5uOnR3bw==");  // ann:two
  EXPECT_EQ(*Range(*repository, blob.digest), "567cd");
}

}  // namespace
}  // namespace floe::registry
