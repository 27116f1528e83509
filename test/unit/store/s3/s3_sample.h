// SPDX-License-Identifier: Apache-2.0
// An S3ObjectStore on a fake server.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "store/s3/open_s3.h"
#include "test/fake/fake_s3.h"

namespace floe::store {

inline Environment FixedEnvironment(std::map<std::string, std::string> values) {
  return [values = std::move(values)](const char* name) {
    const auto at = values.find(name);
    return at == values.end() ? std::string() : at->second;
  };
}

// Small limits, so that small objects show what large ones do; short patience.
inline OpenS3Options FakeS3Options() {
  OpenS3Options options;
  options.places.environment =
      FixedEnvironment({{"AWS_ACCESS_KEY_ID", fake::FakeS3::kAccessKey},
                        {"AWS_SECRET_ACCESS_KEY", fake::FakeS3::kSecretKey}});
  options.http.stall_time = std::chrono::seconds(1);
  options.objects.range_bytes = 1000;
  options.objects.part_bytes = 5000;
  options.objects.ask_first_bytes = 100;
  return options;
}

inline SealedBytes BytesOfText(absl::string_view text) {
  return std::make_shared<Bytes>(AsBytes(text).begin(), AsBytes(text).end());
}

class FakeS3Test : public testing::Test {
 protected:
  static std::shared_ptr<S3ObjectStore> Open(const std::string& address,
                                             const OpenS3Options& options = FakeS3Options()) {
    return *OpenS3(*ParseS3Address(address), options);
  }
  absl::StatusOr<PutResult> Put(const std::string& name, absl::string_view text) {
    return PutObject(*store_, name, BytesOfText(text), PutDurability::kAtOnce);
  }
  absl::StatusOr<std::string> Get(const std::string& name, uint64_t max_bytes = 900) {
    auto bytes = GetObject(*store_, name, max_bytes);
    if (!bytes.ok()) return bytes.status();
    return std::string(AsText(**bytes));
  }
  // "PUT /bucket/a" so often.
  int Requests(const std::string& line) {
    const std::vector<std::string> log = s3_.server().log();
    return static_cast<int>(std::count(log.begin(), log.end(), line));
  }

  fake::FakeS3 s3_;
  std::shared_ptr<S3ObjectStore> store_ = Open(s3_.address("p/q"));
};

}  // namespace floe::store
