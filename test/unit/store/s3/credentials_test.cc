// SPDX-License-Identifier: Apache-2.0
#include "store/s3/credentials.h"

#include <atomic>
#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "store/blocking.h"
#include "test/unit/store/s3/s3_sample.h"

namespace floe::store {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// Hands out "key1", "key2", ..., each good for `life` from the clock's now.
class CountingSource : public CredentialsSource {
 public:
  CountingSource(Clock& clock, std::chrono::seconds life, std::atomic<int>& fetches,
                 std::atomic<bool>& fails)
      : clock_(clock), life_(life), fetches_(fetches), fails_(fails) {}

  absl::StatusOr<S3Credentials> Fetch() override {
    const int number = ++fetches_;
    if (fails_) return absl::UnavailableError("no");
    S3Credentials credentials;
    credentials.access_key_id = absl::StrCat("key", number);
    credentials.secret_access_key = Secret(4);
    if (life_.count() > 0) credentials.expires = clock_.WallNow() + life_;
    return credentials;
  }

 private:
  Clock& clock_;
  const std::chrono::seconds life_;
  std::atomic<int>& fetches_;
  std::atomic<bool>& fails_;
};

class CredentialsCacheTest : public testing::Test {
 protected:
  void Make(std::chrono::seconds life) {
    cache_ = std::make_unique<CredentialsCache>(
        std::make_unique<CountingSource>(clock_, life, fetches_, fails_), clock_);
  }
  absl::StatusOr<S3CredentialsPtr> Get() {
    using Answer = absl::StatusOr<S3CredentialsPtr>;
    return WaitFor<Answer>([&](std::function<void(Answer)> done) { cache_->Get(done); });
  }
  std::string Key() {
    auto credentials = Get();
    return credentials.ok() ? (*credentials)->access_key_id : credentials.status().ToString();
  }
  void WaitForFetches(int count) {
    while (fetches_ < count) std::this_thread::yield();
  }
  // After an early refresh the new ones come without waiting, some time.
  void WaitForKey(const std::string& key) {
    while (Key() != key) std::this_thread::yield();
  }

  FakeClock clock_;
  std::atomic<int> fetches_{0};
  std::atomic<bool> fails_{false};
  std::unique_ptr<CredentialsCache> cache_;
};

TEST_F(CredentialsCacheTest, WhatDoesNotExpireIsFetchedOnce) {
  Make(std::chrono::seconds(0));
  EXPECT_EQ(Key(), "key1");
  clock_.Advance(std::chrono::hours(1000));
  EXPECT_EQ(Key(), "key1");
  EXPECT_EQ(fetches_, 1);
}

TEST_F(CredentialsCacheTest, ManyWhoWaitCauseOneFetch) {
  Make(std::chrono::seconds(3600));
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) threads.emplace_back([&] { EXPECT_EQ(Key(), "key1"); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(fetches_, 1);
}

TEST_F(CredentialsCacheTest, FetchedAgainBeforeTheyExpireWithoutAWait) {
  Make(std::chrono::seconds(3600));
  EXPECT_EQ(Key(), "key1");
  clock_.Advance(std::chrono::seconds(3200));
  EXPECT_EQ(Key(), "key1");
  EXPECT_EQ(fetches_, 1);
  clock_.Advance(std::chrono::seconds(150));  // 250 s are left
  EXPECT_EQ(Key(), "key1");                   // still good, but that caused a fetch
  WaitForKey("key2");
  EXPECT_EQ(fetches_, 2);
}

TEST_F(CredentialsCacheTest, WhatIsOverIsNotGivenOut) {
  Make(std::chrono::seconds(3600));
  EXPECT_EQ(Key(), "key1");
  clock_.Advance(std::chrono::seconds(3595));
  EXPECT_EQ(Key(), "key2");
}

TEST_F(CredentialsCacheTest, AFailedEarlyFetchLeavesTheOldOnes) {
  Make(std::chrono::seconds(3600));
  EXPECT_EQ(Key(), "key1");
  fails_ = true;
  clock_.Advance(std::chrono::seconds(3400));
  EXPECT_EQ(Key(), "key1");
  WaitForFetches(2);
  EXPECT_EQ(Key(), "key1");
  clock_.Advance(std::chrono::seconds(195));
  EXPECT_TRUE(absl::IsUnavailable(Get().status()));
  fails_ = false;
  EXPECT_THAT(Key(), HasSubstr("key"));
}

TEST_F(CredentialsCacheTest, WhatWasRefusedIsFetchedAgainOnce) {
  Make(std::chrono::seconds(3600));
  const S3CredentialsPtr first = *Get();
  cache_->Refused(first);
  cache_->Refused(first);
  EXPECT_EQ(Key(), "key2");
  cache_->Refused(first);  // late news of the old ones
  EXPECT_EQ(Key(), "key2");
  EXPECT_EQ(fetches_, 2);
}

class RefreshTest : public FakeS3Test {
 protected:
  // A file with these keys, where the store looks.
  void WriteKeys(const std::string& id, const std::string& secret) {
    ASSERT_TRUE(WriteFileAtomically(file_,
                                    AsBytes(absl::StrCat("[default]\naws_access_key_id = ", id,
                                                         "\naws_secret_access_key=", secret, "\n")),
                                    0600, Replace::kYes, Durable::kNo)
                    .ok());
  }

  const TempDir dir_ = *TempDir::Create();
  const std::string file_ = dir_.path() + "/credentials";
};

TEST_F(RefreshTest, ExpiredKeysAreReadAgainAndNoReaderNotices) {
  WriteKeys("old", "old-secret");
  s3_.SetKeys({{"old", "old-secret"}});
  OpenS3Options options = FakeS3Options();
  options.places.environment = FixedEnvironment({{"AWS_SHARED_CREDENTIALS_FILE", file_}});
  store_ = Open(s3_.address(), options);
  ASSERT_TRUE(Put("a", "x").ok());
  WriteKeys("new", "new-secret");
  s3_.SetKeys({{"new", "new-secret"}});
  EXPECT_EQ(*Get("a"), "x");
  EXPECT_EQ(Requests("GET /bucket/a"), 2);
  EXPECT_EQ(*Get("a"), "x");
  EXPECT_EQ(Requests("GET /bucket/a"), 3);
}

TEST_F(RefreshTest, ExpiredKeysThatNobodyRenewedSaySo) {
  WriteKeys("old", "old-secret");
  s3_.SetKeys({});
  OpenS3Options options = FakeS3Options();
  options.places.environment = FixedEnvironment({{"AWS_SHARED_CREDENTIALS_FILE", file_}});
  store_ = Open(s3_.address(), options);
  const absl::Status status = Get("a").status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("renew the credentials"));
  EXPECT_EQ(Requests("GET /bucket/a"), 2);
}

TEST_F(RefreshTest, WithoutCredentialsEveryPlaceIsNamed) {
  OpenS3Options options = FakeS3Options();
  options.places.environment = FixedEnvironment({{"AWS_EC2_METADATA_DISABLED", "true"}});
  options.places.fallback_file = dir_.path() + "/none";
  store_ = Open(s3_.address(), options);
  const absl::Status status = Get("a").status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("AWS_ACCESS_KEY_ID"), HasSubstr("AWS_WEB_IDENTITY_TOKEN_FILE"),
                    HasSubstr(options.places.fallback_file), HasSubstr("doc/s3.md")));
  EXPECT_TRUE(s3_.server().log().empty());
}

}  // namespace
}  // namespace floe::store
