// SPDX-License-Identifier: Apache-2.0
#include "net/async_http.h"

#include <atomic>
#include <thread>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "test/fake/fake_server.h"

namespace floe::net {
namespace {

using fake::Server;
using fake::ServerAnswer;
using fake::ServerRequest;
using testing::HasSubstr;
using testing::Not;

std::shared_ptr<Bytes> BytesOf(absl::string_view text) {
  return std::make_shared<Bytes>(AsBytes(text).begin(), AsBytes(text).end());
}

class AsyncHttpTest : public testing::Test {
 protected:
  static AsyncHttpOptions Options() {
    AsyncHttpOptions options;
    options.stall_time = std::chrono::seconds(1);
    return options;
  }
  ServerAnswer Handle(const ServerRequest& request) {
    MutexLock lock(mutex_);
    requests_.push_back(request);
    ServerAnswer answer = answer_;
    if (answer.body == "echo") answer.body = request.body;
    return answer;
  }
  AsyncHttpRequest Request(const std::string& method = "GET", const std::string& path = "/a") {
    AsyncHttpRequest request;
    request.method = method;
    request.url = "http://" + server_.host() + path;
    return request;
  }
  absl::StatusOr<AsyncHttpAnswer> Send(AsyncHttpRequest request) {
    return SendAndWait(*http_, std::move(request));
  }
  void Answer(const ServerAnswer& answer) {
    MutexLock lock(mutex_);
    answer_ = answer;
  }
  ServerRequest Last() {
    MutexLock lock(mutex_);
    return requests_.back();
  }

  Mutex mutex_;
  std::vector<ServerRequest> requests_ FLOE_GUARDED_BY(mutex_);
  ServerAnswer answer_ FLOE_GUARDED_BY(mutex_);
  std::optional<ServerAnswer> early_;
  Server server_{[this](const ServerRequest& request) { return Handle(request); },
                 [this](const ServerRequest&) { return early_; }};
  std::unique_ptr<AsyncHttp> http_ = MakeAsyncHttp(Options());
};

TEST_F(AsyncHttpTest, CarriesMethodHeadersBodyAndAnswer) {
  Answer({201, {{"X-One", "1"}, {"x-one", "2"}}, "echo", {}, {}});
  AsyncHttpRequest request = Request("PUT", "/a/../b?c=d%20e");
  request.headers = {{"X-Empty", ""}, {"X-Two", "2"}};
  request.secret_headers.emplace_back(
      "Authorization", std::make_shared<const Secret>(Secret::Copy(AsBytes("hidden"))));
  request.body = BytesOf("0123456789");
  request.body_offset = 2;
  request.body_size = 5;
  const auto answer = Send(std::move(request));
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->status, 201);
  EXPECT_EQ(answer->Header("X-ONE"), "1");
  EXPECT_EQ(answer->Header("absent"), "");
  EXPECT_EQ(AsText(*answer->body), "23456");
  const ServerRequest seen = Last();
  EXPECT_EQ(seen.method, "PUT");
  EXPECT_EQ(seen.path, "/a/../b");
  EXPECT_EQ(seen.query, "c=d%20e");
  EXPECT_EQ(seen.headers.at("x-two"), "2");
  EXPECT_EQ(seen.headers.count("x-empty:"), 1u);  // a line without a value
  EXPECT_EQ(seen.headers.at("authorization"), "hidden");
  EXPECT_EQ(seen.headers.count("content-type"), 0u);
  EXPECT_EQ(seen.headers.count("expect"), 0u);
}

TEST_F(AsyncHttpTest, HeadDeleteAndEmptyBodies) {
  Answer({200, {{"Content-Length", "77"}}, "", {}, {}});
  EXPECT_EQ(Send(Request("HEAD"))->Header("content-length"), "77");
  Answer({204, {}, "", {}, {}});
  EXPECT_EQ(Send(Request("DELETE"))->status, 204);
  EXPECT_EQ(Last().method, "DELETE");
  EXPECT_EQ(Send(Request("PUT"))->status, 204);
  EXPECT_EQ(Last().headers.at("content-length"), "0");
}

TEST_F(AsyncHttpTest, ManyAtOnceAreAnsweredOnceEachOnKeptConnections) {
  Answer({200, {}, "echo", {}, {}});
  Mutex mutex;
  CondVar all;
  int answered = 0;
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 100; ++i) {
      AsyncHttpRequest request = Request("POST");
      const std::string text = absl::StrCat(round, "/", i, std::string(2000, 'x'));
      request.body = BytesOf(text);
      http_->Send(std::move(request), [&, text](absl::StatusOr<AsyncHttpAnswer> answer) {
        EXPECT_TRUE(answer.ok() && AsText(*answer->body) == text) << answer.status();
        MutexLock lock(mutex);
        ++answered;
        all.NotifyOne();
      });
    }
    MutexLock lock(mutex);
    while (answered < (round + 1) * 100) all.Wait(mutex);
  }
  EXPECT_EQ(answered, 500);
  EXPECT_LE(server_.connections(), 64);
}

TEST_F(AsyncHttpTest, AsksBeforeItSends) {
  Answer({200, {}, "echo", {}, {}});
  AsyncHttpRequest request = Request("PUT");
  request.body = BytesOf(std::string(100'000, 'b'));
  request.expect_continue = true;
  auto answer = Send(request);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_TRUE(answer->continued);
  EXPECT_EQ(answer->body->size(), 100'000u);
  early_ = ServerAnswer{412, {}, "no need", {}, {}};
  answer = Send(request);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->status, 412);
  EXPECT_FALSE(answer->continued);
  EXPECT_EQ(AsText(*answer->body), "no need");
}

TEST_F(AsyncHttpTest, AnswersHaveABound) {
  Answer({200, {}, std::string(1000, 'x'), {}, {}});
  AsyncHttpRequest request = Request();
  request.max_answer_bytes = 1000;
  EXPECT_EQ(Send(request)->body->size(), 1000u);
  request.max_answer_bytes = 999;
  const absl::Status status = Send(request).status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  // Of what is no success the beginning is enough.
  Answer({500, {}, std::string(100'000, 'e'), {}, {}});
  EXPECT_EQ(Send(request)->body->size(), size_t{64} << 10);
}

TEST_F(AsyncHttpTest, WhatBreaksOrStallsIsUnavailable) {
  ServerAnswer answer{200, {}, std::string(1000, 'x'), 10, {}};
  Answer(answer);
  EXPECT_TRUE(absl::IsUnavailable(Send(Request()).status()));
  answer.reset = true;
  Answer(answer);
  EXPECT_TRUE(absl::IsUnavailable(Send(Request()).status()));
  Answer({200, {}, "x", {}, 0});
  EXPECT_TRUE(absl::IsUnavailable(Send(Request()).status()));
  ServerAnswer slow{200, {}, std::string(1000, 'x'), {}, {}};
  slow.drip = 50;
  Answer(slow);
  EXPECT_TRUE(absl::IsUnavailable(Send(Request()).status()));
  AsyncHttpRequest nobody;
  nobody.url = "http://127.0.0.1:1/secret-path?token=hidden";
  const absl::Status status = Send(nobody).status();
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_THAT(std::string(status.message()), Not(HasSubstr("hidden")));
}

TEST_F(AsyncHttpTest, DeadlinesAndCancellationEndWhatHangs) {
  Answer({200, {}, "x", {}, 0});
  AsyncHttpRequest request = Request();
  request.deadline = Clock::Real().Now() + std::chrono::milliseconds(30);
  EXPECT_TRUE(absl::IsDeadlineExceeded(Send(request).status()));
  request.deadline = Clock::Real().Now();
  EXPECT_TRUE(absl::IsDeadlineExceeded(Send(request).status()));
  request.deadline = kNoDeadline;
  CancelSource source;
  request.cancel = source.token();
  std::thread canceller([&] {
    while (server_.log().size() < 2) std::this_thread::yield();
    source.Cancel();
  });
  EXPECT_TRUE(absl::IsCancelled(Send(request).status()));
  canceller.join();
  EXPECT_TRUE(absl::IsCancelled(Send(request).status()));
}

TEST_F(AsyncHttpTest, TheEndAnswersWhatIsUnderWay) {
  Answer({200, {}, "x", {}, 0});
  std::atomic<int> cancelled{0};
  for (int i = 0; i < 100; ++i) {  // more than there are connections
    http_->Send(Request(), [&](absl::StatusOr<AsyncHttpAnswer> answer) {
      if (absl::IsCancelled(answer.status())) ++cancelled;
    });
  }
  while (server_.log().empty()) std::this_thread::yield();
  http_.reset();
  EXPECT_EQ(cancelled, 100);
}

TEST_F(AsyncHttpTest, MalformedRequestsAreRefused) {
  AsyncHttpRequest request = Request();
  request.headers = {{"X", "a\r\nHost: evil"}};
  EXPECT_TRUE(absl::IsInvalidArgument(Send(request).status()));
  request.headers = {{"X: y\n", "a"}};
  EXPECT_TRUE(absl::IsInvalidArgument(Send(request).status()));
  request.headers.clear();
  request.secret_headers.emplace_back(
      "X", std::make_shared<const Secret>(Secret::Copy(AsBytes("hidden\n"))));
  const absl::Status status = Send(request).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()), Not(HasSubstr("hidden")));
  AsyncHttpRequest odd;
  for (const char* url : {"", "file:///etc/passwd", "http://"}) {
    odd.url = url;
    EXPECT_TRUE(absl::IsInvalidArgument(Send(odd).status())) << url;
  }
}

TEST_F(AsyncHttpTest, RedirectsAreAnswers) {
  Answer({307, {{"Location", "http://127.0.0.1:1/"}}, "", {}, {}});
  EXPECT_EQ(Send(Request())->status, 307);
}

}  // namespace
}  // namespace floe::net
