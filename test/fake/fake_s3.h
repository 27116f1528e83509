// SPDX-License-Identifier: Apache-2.0
// A server that speaks S3 on loopback, with one bucket in memory: signatures are checked, puts are
// conditional, faults are the test's.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "test/fake/fake_server.h"

namespace floe::fake {

class FakeS3 {
 public:
  static constexpr char kBucket[] = "bucket";
  static constexpr char kAccessKey[] = "AKIAFAKE";
  static constexpr char kSecretKey[] = "fake/secret+key";

  FakeS3();

  // "http://127.0.0.1:port"
  std::string endpoint() const { return "http://" + server_.host(); }
  // "s3://bucket[/prefix]?endpoint=..."
  std::string address(const std::string& prefix = "") const;
  Server& server() { return server_; }

  // Asked about every request before anything else (also before the body of one that asks first).
  using Fault = std::function<std::optional<ServerAnswer>(const ServerRequest&)>;
  void SetFault(Fault fault) FLOE_EXCLUDES(mutex_);
  // The next `count` requests of this method get `answer`.
  void FailNext(const std::string& method, int count, const ServerAnswer& answer);
  static ServerAnswer Error(int status, const std::string& code);

  // Whether puts are conditional (a server that is too old: false).
  void SetConditional(bool conditional) FLOE_EXCLUDES(mutex_);
  // Access keys that are good, with their secrets; the one above at first.
  void SetKeys(std::map<std::string, std::string> keys) FLOE_EXCLUDES(mutex_);

  std::map<std::string, std::string> objects() FLOE_EXCLUDES(mutex_);
  void PutObject(const std::string& key, const std::string& body) FLOE_EXCLUDES(mutex_);
  size_t uploads() FLOE_EXCLUDES(mutex_);  // begun, neither completed nor aborted
  // How many request bodies came in.
  int bodies() FLOE_EXCLUDES(mutex_);

 private:
  ServerAnswer Handle(const ServerRequest& request) FLOE_EXCLUDES(mutex_);
  std::optional<ServerAnswer> HandleEarly(const ServerRequest& request) FLOE_EXCLUDES(mutex_);
  std::optional<ServerAnswer> Refuse(const ServerRequest& request) FLOE_EXCLUDES(mutex_);
  ServerAnswer HandleBucket(const ServerRequest& request) FLOE_REQUIRES(mutex_);
  ServerAnswer HandleObject(const ServerRequest& request, const std::string& key)
      FLOE_REQUIRES(mutex_);
  ServerAnswer Put(const ServerRequest& request, const std::string& key) FLOE_REQUIRES(mutex_);
  ServerAnswer Get(const ServerRequest& request, const std::string& key) FLOE_REQUIRES(mutex_);
  ServerAnswer HandleUpload(const ServerRequest& request, const std::string& key)
      FLOE_REQUIRES(mutex_);
  bool IsPresent(const ServerRequest& request, const std::string& key) FLOE_REQUIRES(mutex_);

  Mutex mutex_;
  Fault fault_ FLOE_GUARDED_BY(mutex_);
  bool conditional_ FLOE_GUARDED_BY(mutex_) = true;
  std::map<std::string, std::string> keys_ FLOE_GUARDED_BY(mutex_){{kAccessKey, kSecretKey}};
  std::map<std::string, std::string> objects_ FLOE_GUARDED_BY(mutex_);
  std::map<std::string, std::map<int, std::string>> uploads_ FLOE_GUARDED_BY(mutex_);
  int next_upload_ FLOE_GUARDED_BY(mutex_) = 1;
  int bodies_ FLOE_GUARDED_BY(mutex_) = 0;
  Server server_;  // last: it calls into the rest
};

}  // namespace floe::fake
