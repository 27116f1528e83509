// SPDX-License-Identifier: Apache-2.0
// One pipelined connection to a memcached: requests go out in order, answers come back in order.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "cache/meta_parser.h"
#include "cache/shard_server.h"
#include "net/event_loop.h"
#include "net/socket_address.h"

namespace floe::cache {

struct MemcachedOptions {
  size_t connections = 2;               // to one server; opened when needed
  size_t max_outstanding = 1024;        // requests without an answer from the server
  size_t max_pending_bytes = 32 << 20;  // of values on their way to the server
  std::chrono::milliseconds connect_timeout{1000};
  // A connection whose oldest request is without an answer for so long is given up.
  std::chrono::milliseconds stall{2000};
  std::chrono::milliseconds first_backoff{50};  // after a failure; doubles
  std::chrono::milliseconds longest_backoff{2000};
};

// One command and who waits for its answer.
struct MemcachedRequest {
  enum class Kind { kGet, kSet, kSettings };

  Kind kind = Kind::kGet;
  std::string command;       // its line
  store::SealedBytes value;  // kSet
  SteadyTime deadline = kNoDeadline;
  ShardServer::GetCallback get;  // empty once called
  ShardServer::SetCallback set;
  SteadyTime sent{};
  Timer::Id timeout = 0;

  // Calls whoever waits, once.
  void Answer(absl::StatusOr<store::SealedBytes> result);
};

// Used on the loop's thread only. Held by a shared_ptr. Close before the last one goes.
class MemcachedConnection : public std::enable_shared_from_this<MemcachedConnection> {
 public:
  // `ended`: the server answered the request, or never will. `told`: its item_size_max.
  struct Owner {
    std::function<void(const MemcachedRequest&)> ended;
    std::function<void(size_t)> told;
  };

  MemcachedConnection(std::string name, const net::SocketAddress& address,
                      const MemcachedOptions& options, net::EventLoop& loop, Owner owner);
  ~MemcachedConnection();

  // False for a while after a failure.
  bool usable() const;
  // Answered at its deadline at the latest. Connects if need be.
  void Submit(std::shared_ptr<MemcachedRequest> request);
  size_t outstanding() const { return waiting_.size(); }
  // Everything under way is answered with `status`.
  void Close(const absl::Status& status);

 private:
  struct Piece {
    std::string text;          // either this
    store::SealedBytes value;  // or this
    ByteView bytes() const { return value != nullptr ? ByteView(*value) : AsBytes(text); }
  };

  absl::Status Connect();
  void BecomeReady(uint32_t events);
  void FinishConnect();
  void AskSettings();
  void Enqueue(const std::shared_ptr<MemcachedRequest>& request);
  void FlushSoon();
  absl::Status Flush();
  absl::Status Receive();
  absl::Status Handle(MetaReply reply);
  absl::Status HandleGet(MemcachedRequest& request, MetaReply reply);
  absl::Status HandleSet(MemcachedRequest& request, const MetaReply& reply);
  void TimeOut(const std::shared_ptr<MemcachedRequest>& request);
  void Fail(const absl::Status& status);

  const std::string name_;
  const net::SocketAddress address_;
  const MemcachedOptions options_;
  net::EventLoop& loop_;
  const Owner owner_;

  UniqueFd fd_;
  bool connected_ = false;
  bool watches_writable_ = false;
  bool flush_posted_ = false;
  uint64_t generation_ = 0;  // of the descriptor, for timers that outlive it
  SteadyTime retry_at_{};
  std::chrono::milliseconds backoff_{0};
  std::deque<std::shared_ptr<MemcachedRequest>> waiting_;  // sent or to be sent, oldest first
  std::deque<Piece> out_;
  size_t out_at_ = 0;  // bytes of the first piece that are sent
  MetaParser parser_;
};

}  // namespace floe::cache
