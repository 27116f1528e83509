// SPDX-License-Identifier: Apache-2.0
// Pulls and pushes against a registry with bad manners.
#include "converter/source/registry_image.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "converter/source/select.h"
#include "oci/media_types.h"
#include "oci/verifying_stream.h"
#include "registry/blob_stream.h"
#include "registry/blob_upload.h"
#include "test/fake/fake_registry.h"
#include "test/unit/converter/fake_images.h"

namespace floe::converter {
namespace {

using fake::ServerAnswer;
using fake::ServerRequest;
using Answer = std::optional<ServerAnswer>;

std::string BlobText(size_t size) {
  std::string text(size, '\0');
  for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 2654435761u >> 13);
  return text;
}

size_t CountOf(const std::vector<std::string>& log, absl::string_view part) {
  return static_cast<size_t>(std::count_if(log.begin(), log.end(), [&](const std::string& line) {
    return absl::StrContains(line, part);
  }));
}

class RegistryTest : public ::testing::Test {
 protected:
  RegistryTest() : config_(*TempDir::Create()) {
    options_.plain_http = true;
    options_.hosts_dir = "";
    options_.docker_config_dir = config_.path();
    options_.first_pause = std::chrono::milliseconds(0);
    options_.max_pause = std::chrono::milliseconds(1);
    options_.attempts = 4;
  }
  void WriteConfig(const std::string& text) {
    ASSERT_TRUE(WriteFileAtomically(config_.path() + "/config.json", AsBytes(text), 0600,
                                    Replace::kYes, Durable::kNo)
                    .ok());
  }
  void LogIn(const std::string& host, const std::string& user, const std::string& password) {
    WriteConfig(absl::StrCat("{\"auths\":{\"", host, "\":{\"auth\":\"",
                             absl::Base64Escape(absl::StrCat(user, ":", password)), "\"}}}"));
  }
  std::unique_ptr<ImageSource> Source(fake::Registry& registry, const std::string& name = "a/b:t") {
    auto source = OpenRegistrySource(absl::StrCat(registry.host(), "/", name), options_);
    EXPECT_TRUE(source.ok()) << source.status();
    return *std::move(source);
  }
  std::unique_ptr<ImageDestination> Destination(fake::Registry& registry,
                                                const std::string& name = "a/b:t",
                                                const std::string& mount_from = "") {
    auto destination =
        OpenRegistryDestination(absl::StrCat(registry.host(), "/", name), options_, mount_from);
    EXPECT_TRUE(destination.ok()) << destination.status();
    return *std::move(destination);
  }
  absl::StatusOr<Bytes> Pull(fake::Registry& registry, const oci::Descriptor& blob) {
    const auto source = Source(registry);
    FLOE_ASSIGN_OR_RETURN(const auto stream, source->OpenBlob(blob));
    return oci::ReadAll(*stream, 1 << 30, "pull");
  }

  const TempDir config_;
  registry::Options options_;
};

TEST_F(RegistryTest, PullsAnImageOverOneConnection) {
  fake::Registry registry;
  fake::MemorySource memory;
  const oci::Descriptor top = memory.AddImage({"one", "two"});
  memory.SetTop(top);
  const Selection image = *SelectImages(memory, {});
  registry.AddManifest("a/b", "t", top, AsText(image.images[0].manifest_bytes));
  registry.AddBlob(oci::kOciConfig, AsText(image.images[0].config_bytes));
  registry.AddBlob(oci::kOciLayer, "two");
  const auto source = Source(registry);
  const auto pulled = SelectImages(*source, {});
  ASSERT_TRUE(pulled.ok()) << pulled.status();
  EXPECT_EQ(pulled->top.digest, top.digest);
  const oci::Descriptor& layer = pulled->images[0].manifest.layers[1];
  EXPECT_EQ(AsText(*source->ReadBlob(layer, 10)), "two");
  EXPECT_EQ(registry.server().connections(), 1);
  EXPECT_EQ(CountOf(registry.server().log(), "/manifests/"), 1u);
}

TEST_F(RegistryTest, MissingNamesAreNotFound) {
  fake::Registry registry;
  const auto status = Source(registry)->Resolve().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(status.message().find("MANIFEST_UNKNOWN no good"), std::string::npos) << status;
  const auto blob = Pull(registry, oci::DescribeBytes(oci::kOciLayer, AsBytes("x")));
  EXPECT_EQ(blob.status().code(), absl::StatusCode::kNotFound);
}

TEST_F(RegistryTest, ABlobSurvivesBreaksWhereverTheyCome) {
  const std::string blob = BlobText(5 << 20);
  int breaks = 0;
  fake::Registry registry([&](const ServerRequest& request) -> Answer {
    if (!absl::StrContains(request.path, "/blobs/")) return std::nullopt;
    size_t start = 0;
    if (request.headers.count("range")) start = std::stoul(request.headers.at("range").substr(6));
    // Three breaks: near the start, in the middle, one byte before the end.
    const size_t cuts[] = {1, 2'000'000, blob.size() - start - 1};
    if (breaks == 3) return std::nullopt;
    ServerAnswer answer{start == 0 ? 200 : 206, {}, blob.substr(start), cuts[breaks++], {}};
    answer.headers = {
        {"Content-Range", absl::StrCat("bytes ", start, "-", blob.size() - 1, "/", blob.size())}};
    return answer;
  });
  const oci::Descriptor descriptor = registry.AddBlob(oci::kOciLayer, blob);
  const auto bytes = Pull(registry, descriptor);
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  EXPECT_TRUE(AsText(*bytes) == blob);
  EXPECT_EQ(CountOf(registry.server().log(), "GET /v2/a/b/blobs/"), 4u);
}

TEST_F(RegistryTest, AServerWithoutRangesIsReadAgainFromTheStart) {
  const std::string blob = BlobText(300'000);
  int answers = 0;
  fake::Registry registry([&](const ServerRequest& request) -> Answer {
    if (!absl::StrContains(request.path, "/blobs/")) return std::nullopt;
    ServerAnswer answer{200, {}, blob, {}, {}};
    if (answers++ == 0) answer.cut_after = 100'000;
    return answer;
  });
  const auto bytes = Pull(registry, registry.AddBlob(oci::kOciLayer, blob));
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  EXPECT_TRUE(AsText(*bytes) == blob);
}

TEST_F(RegistryTest, AServerThatAlwaysBreaksIsGivenUp) {
  const std::string blob = BlobText(100'000);
  fake::Registry registry([&](const ServerRequest& request) -> Answer {
    if (!absl::StrContains(request.path, "/blobs/")) return std::nullopt;
    return ServerAnswer{200, {}, blob, 10, {}};
  });
  const auto bytes = Pull(registry, registry.AddBlob(oci::kOciLayer, blob));
  EXPECT_EQ(bytes.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(bytes.status().message().find("after 4 attempts"), std::string::npos) << bytes.status();
}

TEST_F(RegistryTest, AStalledConnectionIsABrokenOne) {
  options_.stall_timeout = std::chrono::milliseconds(200);
  const std::string blob = BlobText(100'000);
  int answers = 0;
  fake::Registry registry([&](const ServerRequest& request) -> Answer {
    if (!absl::StrContains(request.path, "/blobs/") || answers++ > 0) return std::nullopt;
    return ServerAnswer{200, {}, blob, {}, 5000};
  });
  const auto bytes = Pull(registry, registry.AddBlob(oci::kOciLayer, blob));
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  EXPECT_TRUE(AsText(*bytes) == blob);
}

TEST_F(RegistryTest, OtherBytesThanAnnouncedAreDataLoss) {
  const oci::Descriptor descriptor = oci::DescribeBytes(oci::kOciLayer, AsBytes("right"));
  for (const char* wrong : {"wrong", "right and more"}) {
    fake::Registry registry;
    registry.blobs[descriptor.digest] = wrong;
    EXPECT_EQ(Pull(registry, descriptor).status().code(), absl::StatusCode::kDataLoss) << wrong;
  }
}

TEST_F(RegistryTest, AnAnswerForAnotherRangeIsDataLoss) {
  int answers = 0;
  fake::Registry registry([&](const ServerRequest& request) -> Answer {
    if (!absl::StrContains(request.path, "/blobs/")) return std::nullopt;
    if (answers++ == 0) return ServerAnswer{200, {}, BlobText(1000), 10, {}};
    return ServerAnswer{206, {{"Content-Range", "bytes 0-999/1000"}}, BlobText(1000), {}, {}};
  });
  const auto bytes = Pull(registry, registry.AddBlob(oci::kOciLayer, BlobText(1000)));
  EXPECT_EQ(bytes.status().code(), absl::StatusCode::kDataLoss) << bytes.status();
}

TEST_F(RegistryTest, ManifestsMustHaveTheDigestTheyWereAskedBy) {
  fake::Registry registry;
  const oci::Descriptor other = oci::DescribeBytes(oci::kOciManifest, AsBytes("other"));
  registry.manifests[absl::StrCat("a/b/", other.digest)] = {oci::kOciManifest, "{\"layers\":[]}"};
  const auto source = Source(registry, absl::StrCat("a/b@", other.digest));
  EXPECT_EQ(source->Resolve().status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(RegistryTest, PassingFailuresAreTriedAgainAndOthersNot) {
  int failures = 0;
  int status = 503;
  fake::Registry registry([&](const ServerRequest&) -> Answer {
    if (failures == 0) return std::nullopt;
    --failures;
    return ServerAnswer{status, {{"Retry-After", "0"}}, "", {}, {}};
  });
  const oci::Descriptor descriptor = registry.AddBlob(oci::kOciLayer, "x");
  for (const int code : {429, 500, 502, 503, 504, 408}) {
    status = code;
    failures = 3;
    EXPECT_TRUE(Pull(registry, descriptor).ok()) << code;
    failures = 100;
    EXPECT_EQ(Pull(registry, descriptor).status().code(), absl::StatusCode::kUnavailable) << code;
  }
  status = 400;
  failures = 1;
  EXPECT_EQ(Pull(registry, descriptor).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(RegistryTest, AnUnreachableServerIsUnavailable) {
  std::string host;
  {
    fake::Registry registry;
    host = registry.host();
  }
  const auto source = OpenRegistrySource(host + "/a", options_);
  EXPECT_EQ((*source)->Resolve().status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(RegistryTest, CancellingEndsWaiting) {
  CancelSource cancel;
  cancel.Cancel();
  options_.cancel = cancel.token();
  fake::Registry registry;
  EXPECT_EQ(Source(registry)->Resolve().status().code(), absl::StatusCode::kCancelled);
}

TEST_F(RegistryTest, LocalhostFallsBackToHttp) {
  options_.plain_http = false;
  fake::Registry registry;
  const oci::Descriptor descriptor = registry.AddBlob(oci::kOciLayer, "x");
  EXPECT_TRUE(Pull(registry, descriptor).ok());
}

TEST_F(RegistryTest, RedirectsAreFollowedWithoutOurAuthorization) {
  std::string leaked = "nothing";
  fake::Server other([&](const ServerRequest& request) -> ServerAnswer {
    leaked = request.headers.count("authorization") ? "leaked" : "clean";
    return {200, {}, "the blob", {}, {}};
  });
  fake::Registry registry([&](const ServerRequest& request) -> Answer {
    if (request.headers.count("authorization") == 0) {
      return ServerAnswer{401, {{"WWW-Authenticate", "Basic realm=\"x\""}}, "", {}, {}};
    }
    if (!absl::StrContains(request.path, "/blobs/")) return std::nullopt;
    return ServerAnswer{
        307, {{"Location", absl::StrCat("http://", other.host(), "/x?sig=SECRET")}}, "", {}, {}};
  });
  LogIn(registry.host(), "user", "pass");
  const auto bytes = Pull(registry, oci::DescribeBytes(oci::kOciLayer, AsBytes("the blob")));
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  EXPECT_EQ(leaked, "clean");
}

TEST_F(RegistryTest, RedirectLoopsEnd) {
  fake::Registry registry([&](const ServerRequest& request) -> Answer {
    return ServerAnswer{302, {{"Location", request.path}}, "", {}, {}};
  });
  const auto status = Source(registry)->Resolve().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(status.message().find("too often"), std::string::npos);
}

TEST_F(RegistryTest, ErrorsShowNoSignedUrls) {
  fake::Registry registry([&](const ServerRequest& request) -> Answer {
    if (request.path == "/signed") return ServerAnswer{301, {{"Location", "ftp://x"}}, "", {}, {}};
    return ServerAnswer{302, {{"Location", "/signed?sig=SECRET"}}, "", {}, {}};
  });
  const auto status = Source(registry)->Resolve().status();
  EXPECT_FALSE(status.ok());
  EXPECT_EQ(status.message().find("SECRET"), std::string::npos) << status;
}

// A token service and a registry that wants its tokens; tokens wear out after `uses`.
class TokenTest : public RegistryTest {
 protected:
  TokenTest() : registry_([this](const ServerRequest& request) { return Guard(request); }) {}

  Answer Guard(const ServerRequest& request) {
    if (request.path == "/token") return Issue(request);
    const auto it = request.headers.find("authorization");
    if (it != request.headers.end() && it->second == absl::StrCat("Bearer t", tokens_) &&
        left_ > 0) {
      --left_;
      return std::nullopt;
    }
    return ServerAnswer{401,
                        {{"WWW-Authenticate",
                          absl::StrCat("Bearer realm=\"http://", registry_.host(),
                                       "/token\",service=\"svc\",scope=\"repository:a/b:pull\"")}},
                        "",
                        {},
                        {}};
  }
  ServerAnswer Issue(const ServerRequest& request) {
    asked_.push_back(request);
    if (token_status_ != 200) return {token_status_, {}, "", {}, {}};
    ++tokens_;
    left_ = uses_;
    return {200, {}, absl::StrCat("{\"token\":\"t", tokens_, "\"}"), {}, {}};
  }

  int tokens_ = 0;
  int uses_ = 100;
  int left_ = 0;
  int token_status_ = 200;
  std::vector<ServerRequest> asked_;
  fake::Registry registry_;
};

TEST_F(TokenTest, AnonymousTokensAreAskedForOnce) {
  const oci::Descriptor descriptor = registry_.AddBlob(oci::kOciLayer, "x");
  const auto source = Source(registry_);
  for (int i = 0; i < 3; ++i) {
    const auto bytes = source->ReadBlob(descriptor, 10);
    ASSERT_TRUE(bytes.ok()) << bytes.status();
  }
  ASSERT_EQ(asked_.size(), 1u);
  EXPECT_EQ(fake::QueryValue(asked_[0].query, "service"), "svc");
  EXPECT_EQ(fake::QueryValue(asked_[0].query, "scope"), "repository:a/b:pull");
  EXPECT_EQ(asked_[0].headers.count("authorization"), 0u);
}

TEST_F(TokenTest, CredentialsGoToTheTokenService) {
  LogIn(registry_.host(), "user", "pa:ss");
  EXPECT_TRUE(Pull(registry_, registry_.AddBlob(oci::kOciLayer, "x")).ok());
  EXPECT_EQ(asked_[0].headers.at("authorization"), "Basic " + absl::Base64Escape("user:pa:ss"));
}

TEST_F(TokenTest, LocalhostThatFellBackToHttpMayHaveATokenServiceByHttp) {
  options_.plain_http = false;
  LogIn(registry_.host(), "user", "pass");
  const auto bytes = Pull(registry_, registry_.AddBlob(oci::kOciLayer, "x"));
  EXPECT_TRUE(bytes.ok()) << bytes.status();
}

TEST_F(TokenTest, IdentityTokensAreExchanged) {
  WriteConfig(
      absl::StrCat("{\"auths\":{\"", registry_.host(), "\":{\"identitytoken\":\"idt+/=\"}}}"));
  EXPECT_TRUE(Pull(registry_, registry_.AddBlob(oci::kOciLayer, "x")).ok());
  EXPECT_EQ(asked_[0].method, "POST");
  EXPECT_EQ(fake::QueryValue(asked_[0].body, "refresh_token"), "idt+/=");
  EXPECT_EQ(fake::QueryValue(asked_[0].body, "grant_type"), "refresh_token");
}

TEST_F(TokenTest, ATokenThatWearsOutIsRenewed) {
  uses_ = 1;
  const oci::Descriptor descriptor = registry_.AddBlob(oci::kOciLayer, "x");
  const auto source = Source(registry_);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(source->ReadBlob(descriptor, 10).ok());
  EXPECT_EQ(asked_.size(), 3u);
}

TEST_F(TokenTest, ATokenThatNeverWorksIsDenied) {
  uses_ = 0;
  const auto status = Source(registry_)->Resolve().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_NE(status.message().find("docker login"), std::string::npos) << status;
}

TEST_F(TokenTest, RefusalSaysWhoWasRefusedAndNoPassword) {
  token_status_ = 401;
  LogIn(registry_.host(), "user", "SECRETPASS");
  const auto status = Source(registry_)->Resolve().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_NE(status.message().find("as user \"user\""), std::string::npos) << status;
  EXPECT_EQ(status.message().find("SECRETPASS"), std::string::npos);
  WriteConfig("{}");
  EXPECT_NE(Source(registry_)->Resolve().status().message().find("without credentials"),
            std::string::npos);
}

TEST_F(TokenTest, ATokenServiceThatIsDownIsTriedAgain) {
  token_status_ = 503;
  EXPECT_EQ(Source(registry_)->Resolve().status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(asked_.size(), 4u);
}

TEST_F(RegistryTest, BasicCredentialsAreSentAndRefusedOnce) {
  std::string accepted = "Basic " + absl::Base64Escape("user:pass");
  fake::Registry registry([&](const ServerRequest& request) -> Answer {
    const auto it = request.headers.find("authorization");
    if (it != request.headers.end() && it->second == accepted) return std::nullopt;
    return ServerAnswer{401, {{"WWW-Authenticate", "Basic realm=\"x\""}}, "", {}, {}};
  });
  const oci::Descriptor descriptor = registry.AddBlob(oci::kOciLayer, "x");
  EXPECT_EQ(Pull(registry, descriptor).status().code(), absl::StatusCode::kPermissionDenied);
  LogIn(registry.host(), "user", "pass");
  EXPECT_TRUE(Pull(registry, descriptor).ok());
  accepted = "nothing";
  EXPECT_EQ(Pull(registry, descriptor).status().code(), absl::StatusCode::kPermissionDenied);
}

TEST_F(RegistryTest, AnUnknownAuthenticationIsNamed) {
  fake::Registry registry([](const ServerRequest&) -> Answer {
    return ServerAnswer{401, {{"WWW-Authenticate", "Negotiate"}}, "", {}, {}};
  });
  const auto status = Source(registry)->Resolve().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_NE(status.message().find("negotiate"), std::string::npos);
}

class PushTest : public RegistryTest {
 protected:
  // Puts one image and names it.
  absl::Status Push(ImageDestination& destination) {
    fake::MemorySource memory;
    top_ = memory.AddImage({"layer one", "layer two"});
    memory.SetTop(top_);
    const Selection selection = *SelectImages(memory, {});
    const SourceImage& image = selection.images[0];
    for (const oci::Descriptor& layer : image.manifest.layers) {
      const auto stream = *memory.OpenBlob(layer);
      FLOE_RETURN_IF_ERROR(destination.PutBlobStream(layer, *stream));
    }
    FLOE_RETURN_IF_ERROR(destination.PutBlob(image.config_descriptor, image.config_bytes));
    FLOE_RETURN_IF_ERROR(destination.PutManifest(image.descriptor, image.manifest_bytes));
    return destination.Finish(top_);
  }

  oci::Descriptor top_;
};

TEST_F(PushTest, WhatIsPushedPullsBack) {
  fake::Registry registry;
  ASSERT_TRUE(Push(*Destination(registry)).ok());
  const auto source = Source(registry);
  const auto selection = SelectImages(*source, {});
  ASSERT_TRUE(selection.ok()) << selection.status();
  EXPECT_EQ(selection->top.digest, top_.digest);
  EXPECT_EQ(AsText(*source->ReadBlob(selection->images[0].manifest.layers[0], 99)), "layer one");
}

TEST_F(PushTest, TheNameAppearsLast) {
  fake::Registry registry;
  ASSERT_TRUE(Push(*Destination(registry)).ok());
  const auto log = registry.server().log();
  EXPECT_EQ(log.back(), "PUT /v2/a/b/manifests/t");
  EXPECT_EQ(CountOf(log, "PUT /v2/a/b/manifests/t"), 1u);
}

TEST_F(PushTest, BlobsThatAreThereAreNotSent) {
  fake::Registry registry;
  ASSERT_TRUE(Push(*Destination(registry)).ok());
  const size_t posts = CountOf(registry.server().log(), "POST");
  ASSERT_TRUE(Push(*Destination(registry)).ok());
  EXPECT_EQ(CountOf(registry.server().log(), "POST"), posts);
}

TEST_F(PushTest, BlobsOfTheSameRegistryAreMounted) {
  std::vector<std::string> mounts;
  fake::Registry registry([&](const ServerRequest& request) -> Answer {
    if (request.method == "HEAD") return ServerAnswer{404, {}, "", {}, {}};
    if (request.method == "POST") mounts.push_back(fake::QueryValue(request.query, "from"));
    return std::nullopt;
  });
  const oci::Descriptor blob = registry.AddBlob(oci::kOciLayer, "mounted");
  ASSERT_TRUE(Destination(registry, "a/b:t", "c/d")->PutBlob(blob, AsBytes("mounted")).ok());
  EXPECT_EQ(mounts, std::vector<std::string>{"c/d"});
  EXPECT_EQ(CountOf(registry.server().log(), "PUT"), 0u);
  const oci::Descriptor fresh = oci::DescribeBytes(oci::kOciLayer, AsBytes("new"));
  ASSERT_TRUE(Destination(registry, "a/b:t", "c/d")->PutBlob(fresh, AsBytes("new")).ok());
  EXPECT_EQ(CountOf(registry.server().log(), "PUT"), 1u);
}

TEST_F(PushTest, LongStreamsGoInPieces) {
  const std::string blob = BlobText((17 << 20) + 5);
  fake::Registry registry;
  const oci::Descriptor descriptor = oci::DescribeBytes(oci::kOciLayer, AsBytes(blob));
  oci::MemoryStream stream(Bytes(blob.begin(), blob.end()));
  const auto status = Destination(registry)->PutBlobStream(descriptor, stream);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_TRUE(registry.blobs[descriptor.digest] == blob);
  EXPECT_EQ(CountOf(registry.server().log(), "PATCH"), 3u);
}

// The registry fails in the middle of pieces: once before it took anything, once after it took all,
// once after it took a part.
TEST_F(PushTest, PiecesAreSentUntilTheRegistryHasThem) {
  const std::string blob = BlobText((20 << 20) + 5);
  int patches = 0;
  fake::Registry* self = nullptr;
  fake::Registry registry([&](const ServerRequest& request) -> Answer {
    if (request.method != "PATCH") return std::nullopt;
    const size_t taken[] = {0, request.body.size(), 12345};
    if (patches == 3) return std::nullopt;
    self->uploads[request.path] += request.body.substr(0, taken[patches++]);
    return ServerAnswer{502, {}, "", {}, {}};
  });
  self = &registry;
  const oci::Descriptor descriptor = oci::DescribeBytes(oci::kOciLayer, AsBytes(blob));
  oci::MemoryStream stream(Bytes(blob.begin(), blob.end()));
  const auto status = Destination(registry)->PutBlobStream(descriptor, stream);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_TRUE(registry.blobs[descriptor.digest] == blob);
}

TEST_F(PushTest, ALostUploadIsAnError) {
  fake::Registry* self = nullptr;
  fake::Registry registry([&](const ServerRequest& request) -> Answer {
    if (request.method != "PATCH" || request.headers.at("content-range")[0] == '0') {
      return std::nullopt;
    }
    self->uploads[request.path] = "";
    return ServerAnswer{500, {}, "", {}, {}};
  });
  self = &registry;
  const std::string blob = BlobText(9 << 20);
  oci::MemoryStream stream(Bytes(blob.begin(), blob.end()));
  const auto status = Destination(registry)->PutBlobStream(
      oci::DescribeBytes(oci::kOciLayer, AsBytes(blob)), stream);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(status.message().find("lost the upload"), std::string::npos) << status;
}

TEST_F(PushTest, AWrongStreamIsNeverCompleted) {
  fake::Registry registry;
  oci::MemoryStream stream(Bytes(10, 'x'));
  const auto status = Destination(registry)->PutBlobStream(
      oci::DescribeBytes(oci::kOciLayer, AsBytes("0123456789")), stream);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_TRUE(registry.uploads.empty());
  EXPECT_TRUE(registry.blobs.empty());
}

TEST_F(PushTest, AnUploadThatBreaksBeginsAnew) {
  int puts = 0;
  fake::Registry registry([&](const ServerRequest& request) -> Answer {
    if (request.method != "PUT" || puts++ > 1) return std::nullopt;
    return ServerAnswer{503, {}, "", {}, {}};
  });
  const auto status =
      Destination(registry)->PutBlob(oci::DescribeBytes("t", AsBytes("x")), AsBytes("x"));
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(CountOf(registry.server().log(), "POST"), 3u);
}

TEST_F(PushTest, RefusalsAreExplained) {
  fake::Registry registry([&](const ServerRequest& request) -> Answer {
    if (request.method != "POST") return std::nullopt;
    return ServerAnswer{
        403, {}, "{\"errors\":[{\"code\":\"DENIED\",\"message\":\"read only\"}]}", {}, {}};
  });
  const auto status = Push(*Destination(registry));
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_NE(status.message().find("DENIED read only"), std::string::npos) << status;
}

TEST_F(PushTest, ARegistryThatStoresSomethingElseIsNoticed) {
  fake::Registry registry([&](const ServerRequest& request) -> Answer {
    if (request.method != "PUT" || !absl::StrContains(request.path, "/manifests/")) {
      return std::nullopt;
    }
    return ServerAnswer{201, {{"Docker-Content-Digest", "sha256:other"}}, "", {}, {}};
  });
  EXPECT_EQ(Push(*Destination(registry)).code(), absl::StatusCode::kDataLoss);
}

TEST_F(PushTest, ADigestAsDestinationMustBeTheImages) {
  fake::Registry registry;
  const std::string other = "a/b@sha256:" + std::string(64, '0');
  EXPECT_EQ(Push(*Destination(registry, other)).code(), absl::StatusCode::kInvalidArgument);
  const std::string same = "a/b@" + top_.digest;
  EXPECT_TRUE(Push(*Destination(registry, same)).ok());
}

TEST_F(PushTest, FinishNeedsThePutManifest) {
  fake::Registry registry;
  EXPECT_EQ(
      Destination(registry)->Finish(oci::DescribeBytes(oci::kOciManifest, AsBytes("{}"))).code(),
      absl::StatusCode::kInternal);
}

class MirrorTest : public RegistryTest {
 protected:
  MirrorTest() : hosts_(*TempDir::Create()) { options_.hosts_dir = hosts_.path(); }
  void WriteHosts(const std::string& host, const std::string& toml) {
    const std::string directory = absl::StrCat(hosts_.path(), "/", host);
    ASSERT_TRUE(MakeDirectories(directory).ok());
    ASSERT_TRUE(WriteFileAtomically(directory + "/hosts.toml", AsBytes(toml), 0644, Replace::kYes,
                                    Durable::kNo)
                    .ok());
  }
  const TempDir hosts_;
};

TEST_F(MirrorTest, MirrorsComeFirstAndTheRegistryFillsIn) {
  std::string ns;
  fake::Registry mirror([&](const ServerRequest& request) -> Answer {
    ns = fake::QueryValue(request.query, "ns");
    EXPECT_EQ(request.headers.count("x-key"), 1u);
    return std::nullopt;
  });
  fake::Registry registry;
  const oci::Descriptor both = registry.AddBlob(oci::kOciLayer, "both");
  mirror.AddBlob(oci::kOciLayer, "both");
  const oci::Descriptor one = registry.AddBlob(oci::kOciLayer, "one");
  WriteHosts(registry.host(),
             absl::StrCat("[host.\"http://", mirror.host(), "\"]\n  capabilities = [\"pull\"]\n",
                          "[host.\"http://", mirror.host(), "\".header]\n  x-key = \"1\"\n"));
  EXPECT_TRUE(Pull(registry, both).ok());
  EXPECT_EQ(ns, registry.host());
  EXPECT_EQ(registry.server().log().size(), 0u);
  EXPECT_TRUE(Pull(registry, one).ok());
  EXPECT_EQ(mirror.server().log().size(), 2u);
  // It may not resolve, and nothing is pushed to it.
  (void)Source(registry)->Resolve();
  (void)Destination(registry)->HasBlob(both);
  EXPECT_EQ(mirror.server().log().size(), 2u);
}

TEST_F(MirrorTest, ADeadMirrorIsPassedOverAndNamedWhenAllFail) {
  std::string dead;
  {
    fake::Registry gone;
    dead = gone.host();
  }
  fake::Registry registry;
  WriteHosts(registry.host(), absl::StrCat("[host.\"http://", dead, "\"]\n"));
  EXPECT_TRUE(Pull(registry, registry.AddBlob(oci::kOciLayer, "x")).ok());
  const auto status = Source(registry)->Resolve().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(status.message().find(dead), std::string::npos) << status;
}

TEST_F(MirrorTest, PushNeedsAServerThatMay) {
  fake::Registry registry;
  WriteHosts(registry.host(), "capabilities = [\"pull\", \"resolve\"]\n");
  const auto destination = OpenRegistryDestination(absl::StrCat(registry.host(), "/a"), options_);
  EXPECT_EQ(destination.status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(MirrorTest, BrokenHostsTomlIsNamed) {
  fake::Registry registry;
  WriteHosts(registry.host(), "server = \n");
  const auto source = OpenRegistrySource(absl::StrCat(registry.host(), "/a"), options_);
  EXPECT_EQ(source.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(source.status().message().find("hosts.toml: line 1"), std::string::npos)
      << source.status();
}

TEST(OptionsTest, ContradictionsAreRefused) {
  registry::Options options;
  EXPECT_TRUE(options.Validate().ok());
  options.client_key = "k";
  EXPECT_FALSE(options.Validate().ok());
  options = {};
  options.plain_http = true;
  options.ca_file = "f";
  EXPECT_FALSE(options.Validate().ok());
  options = {};
  options.attempts = 0;
  EXPECT_FALSE(options.Validate().ok());
}

TEST(RangesTest, Parse) {
  EXPECT_EQ(registry::ParseContentRangeStart("bytes 5-9/10"), 5u);
  EXPECT_EQ(registry::ParseContentRangeStart("bytes */10"), std::nullopt);
  EXPECT_EQ(registry::ParseContentRangeStart("5-9"), std::nullopt);
  EXPECT_EQ(registry::ParseUploadRange("0-9"), 10u);
  EXPECT_EQ(registry::ParseUploadRange("bytes=0-9"), 10u);
  EXPECT_EQ(registry::ParseUploadRange("0-0"), 0u);
  EXPECT_EQ(registry::ParseUploadRange(""), 0u);
  EXPECT_EQ(registry::ParseUploadRange("5-9"), 0u);
}

}  // namespace
}  // namespace floe::converter
