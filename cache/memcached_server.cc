// SPDX-License-Identifier: Apache-2.0
#include "cache/memcached_server.h"

#include <algorithm>
#include <atomic>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace floe::cache {
namespace {

// What memcached adds to a value within item_size_max: header, key, suffix; generous.
constexpr size_t kItemOverhead = 512;
constexpr size_t kDefaultItemSizeMax = size_t{1} << 20;
// memcached takes larger numbers for points in time.
constexpr int64_t kLongestTtl = int64_t{30} * 24 * 3600;

}  // namespace

class MemcachedServer::Pool : public std::enable_shared_from_this<Pool> {
 public:
  Pool(std::string name, const net::SocketAddress& address, const MemcachedOptions& options,
       net::EventLoop& loop)
      : name_(std::move(name)), address_(address), options_(options), loop_(loop) {}

  // Any thread: false when there is too much under way. Counted until Ended.
  bool Begin(const MemcachedRequest& request) {
    const size_t bytes = BytesOf(request);
    const bool many = outstanding_.fetch_add(1) >= options_.max_outstanding;
    const bool much = pending_bytes_.fetch_add(bytes) > options_.max_pending_bytes && bytes > 0;
    if (many || much) {
      Undo(bytes);
      return false;
    }
    return true;
  }

  // The rest on the loop's thread.
  void Submit(const std::shared_ptr<MemcachedRequest>& request) {
    MemcachedConnection* best = closed_ ? nullptr : Choose();
    if (best != nullptr) return best->Submit(request);
    request->Answer(absl::UnavailableError(absl::StrCat(
        "cache server ", name_, closed_ ? ": closed" : ": not tried again for a moment")));
    Ended(*request);
  }
  void Close() {
    closed_ = true;
    for (const auto& connection : connections_) {
      connection->Close(absl::UnavailableError(absl::StrCat("cache server ", name_, ": closed")));
    }
  }
  size_t item_size_max() const { return item_size_max_; }

 private:
  static size_t BytesOf(const MemcachedRequest& request) {
    return request.value != nullptr ? request.value->size() : 0;
  }
  void Undo(size_t bytes) {
    outstanding_.fetch_sub(1);
    pending_bytes_.fetch_sub(bytes);
  }
  void Ended(const MemcachedRequest& request) { Undo(BytesOf(request)); }

  // The one with the least under way, a new one if all have something.
  MemcachedConnection* Choose() {
    MemcachedConnection* best = nullptr;
    for (const auto& connection : connections_) {
      if (!connection->usable()) continue;
      if (best == nullptr || connection->outstanding() < best->outstanding()) {
        best = connection.get();
      }
    }
    const bool all_busy = best != nullptr ? best->outstanding() > 0 : connections_.empty();
    if (!all_busy || connections_.size() >= options_.connections) return best;
    const std::weak_ptr<Pool> weak = weak_from_this();
    connections_.push_back(std::make_shared<MemcachedConnection>(
        name_, address_, options_, loop_,
        MemcachedConnection::Owner{[weak](const MemcachedRequest& request) {
                                     if (const auto self = weak.lock()) self->Ended(request);
                                   },
                                   [weak](size_t size) {
                                     if (const auto self = weak.lock()) self->item_size_max_ = size;
                                   }}));
    return connections_.back().get();
  }

  const std::string name_;
  const net::SocketAddress address_;
  const MemcachedOptions options_;
  net::EventLoop& loop_;
  std::atomic<size_t> outstanding_{0};
  std::atomic<size_t> pending_bytes_{0};
  std::atomic<size_t> item_size_max_{kDefaultItemSizeMax};
  bool closed_ = false;
  std::vector<std::shared_ptr<MemcachedConnection>> connections_;
};

MemcachedServer::MemcachedServer(std::string name, const net::SocketAddress& address,
                                 const MemcachedOptions& options, net::EventLoop& loop)
    : name_(std::move(name)),
      loop_(loop),
      pool_(std::make_shared<Pool>(name_, address, options, loop)) {}

MemcachedServer::~MemcachedServer() {
  // The last reference may be that of a request, which is being answered on the loop right now.
  if (loop_.InLoop()) {
    loop_.Post([pool = pool_] { pool->Close(); });
    return;
  }
  Mutex mutex;
  CondVar closed;
  bool done = false;
  loop_.Post([&] {
    pool_->Close();
    MutexLock lock(mutex);
    done = true;
    closed.NotifyOne();
  });
  MutexLock lock(mutex);
  while (!done) closed.Wait(mutex);
}

size_t MemcachedServer::MaxValueBytes() const {
  const size_t size = pool_->item_size_max();
  return std::min(MetaParser::kMaxValue, size > kItemOverhead ? size - kItemOverhead : 0);
}

void MemcachedServer::Submit(std::shared_ptr<MemcachedRequest> request) {
  if (!pool_->Begin(*request)) {
    return request->Answer(
        absl::UnavailableError(absl::StrCat("cache server ", name_, ": too much is under way")));
  }
  loop_.Post([pool = pool_, request = std::move(request)] { pool->Submit(request); });
}

void MemcachedServer::Get(const std::string& key, SteadyTime deadline, GetCallback done) {
  auto request = std::make_shared<MemcachedRequest>();
  request->command = absl::StrCat("mg ", key, " v\r\n");
  request->deadline = deadline;
  request->get = std::move(done);
  Submit(std::move(request));
}

void MemcachedServer::Set(const std::string& key, store::SealedBytes bytes, SetMode mode,
                          std::chrono::seconds ttl, SteadyTime deadline, SetCallback done) {
  auto request = std::make_shared<MemcachedRequest>();
  request->kind = MemcachedRequest::Kind::kSet;
  const int64_t seconds = std::min<int64_t>(ttl.count(), kLongestTtl);
  request->command = absl::StrCat("ms ", key, " ", bytes->size(), " T", seconds,
                                  mode == SetMode::kAdd ? " ME\r\n" : "\r\n");
  request->value = std::move(bytes);
  request->deadline = deadline;
  request->set = std::move(done);
  Submit(std::move(request));
}

}  // namespace floe::cache
