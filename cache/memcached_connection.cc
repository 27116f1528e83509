// SPDX-License-Identifier: Apache-2.0
#include "cache/memcached_connection.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace floe::cache {
namespace {

constexpr size_t kPiecesAtOnce = 32;
// Then others have their turn.
constexpr size_t kBytesAtOnce = 4 << 20;

}  // namespace

void MemcachedRequest::Answer(absl::StatusOr<store::SealedBytes> result) {
  if (get) std::exchange(get, nullptr)(std::move(result));
  if (set) std::exchange(set, nullptr)(result.status());
}

MemcachedConnection::MemcachedConnection(std::string name, const net::SocketAddress& address,
                                         const MemcachedOptions& options, net::EventLoop& loop,
                                         Owner owner)
    : name_(std::move(name)),
      address_(address),
      options_(options),
      loop_(loop),
      owner_(std::move(owner)) {}

MemcachedConnection::~MemcachedConnection() = default;

bool MemcachedConnection::usable() const { return fd_.valid() || loop_.Now() >= retry_at_; }

absl::Status MemcachedConnection::Connect() {
  FLOE_ASSIGN_OR_RETURN(fd_, net::BeginConnect(address_));
  parser_ = MetaParser();
  connected_ = false;
  watches_writable_ = true;
  ++generation_;
  const std::weak_ptr<MemcachedConnection> weak = weak_from_this();
  FLOE_RETURN_IF_ERROR(loop_.Watch(fd_.get(), EPOLLIN | EPOLLOUT, [weak](uint32_t events) {
    if (const auto self = weak.lock()) self->BecomeReady(events);
  }));
  loop_.RunAt(loop_.Now() + options_.connect_timeout, [weak, generation = generation_] {
    const auto self = weak.lock();
    if (self && self->generation_ == generation && !self->connected_ && self->fd_.valid()) {
      self->Fail(absl::UnavailableError("no connection in time"));
    }
  });
  return absl::OkStatus();
}

void MemcachedConnection::Submit(std::shared_ptr<MemcachedRequest> request) {
  request->sent = loop_.Now();
  waiting_.push_back(request);
  Enqueue(request);
  if (request->deadline != kNoDeadline) {
    request->timeout = loop_.RunAt(request->deadline, [weak = weak_from_this(), request] {
      if (const auto self = weak.lock()) self->TimeOut(request);
    });
  }
  if (!fd_.valid()) {
    if (absl::Status begun = Connect(); !begun.ok()) return Fail(begun);
  }
  if (connected_) FlushSoon();
}

void MemcachedConnection::Enqueue(const std::shared_ptr<MemcachedRequest>& request) {
  out_.push_back({request->command, nullptr});
  if (request->value == nullptr) return;
  out_.push_back({"", request->value});
  out_.push_back({"\r\n", nullptr});
}

// Together with whatever else this round of the loop brings.
void MemcachedConnection::FlushSoon() {
  if (flush_posted_) return;
  flush_posted_ = true;
  loop_.Post([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    self->flush_posted_ = false;
    if (!self->connected_) return;
    if (absl::Status flushed = self->Flush(); !flushed.ok()) self->Fail(flushed);
  });
}

void MemcachedConnection::BecomeReady(uint32_t events) {
  absl::Status status;
  if (!connected_) {
    FinishConnect();
    if (!connected_) return;
  }
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) status = Receive();
  if (status.ok() && (events & EPOLLOUT) != 0) status = Flush();
  if (!status.ok()) Fail(status);
}

void MemcachedConnection::FinishConnect() {
  int error = 0;
  socklen_t length = sizeof error;
  getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &length);
  if (error != 0) return Fail(absl::UnavailableError(std::strerror(error)));
  connected_ = true;
  AskSettings();
}

void MemcachedConnection::AskSettings() {
  auto settings = std::make_shared<MemcachedRequest>();
  settings->kind = MemcachedRequest::Kind::kSettings;
  settings->command = "stats settings\r\n";
  waiting_.push_back(settings);
  Enqueue(settings);
}

absl::Status MemcachedConnection::Flush() {
  while (!out_.empty()) {
    std::array<iovec, kPiecesAtOnce> pieces;
    size_t count = 0;
    for (auto piece = out_.begin(); piece != out_.end() && count < pieces.size(); ++piece) {
      ByteView bytes = piece->bytes();
      if (count == 0) bytes = bytes.subspan(out_at_);
      pieces[count++] = {const_cast<uint8_t*>(bytes.data()), bytes.size()};
    }
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = count;
    const ssize_t sent = sendmsg(fd_.get(), &message, MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) break;
      return absl::UnavailableError(std::strerror(errno));
    }
    out_at_ += static_cast<size_t>(sent);
    while (!out_.empty() && out_at_ >= out_.front().bytes().size()) {
      out_at_ -= out_.front().bytes().size();
      out_.pop_front();
    }
  }
  const bool wants = !out_.empty();
  if (wants != watches_writable_) {
    watches_writable_ = wants;
    loop_.ChangeEvents(fd_.get(), wants ? EPOLLIN | EPOLLOUT : EPOLLIN);
  }
  return absl::OkStatus();
}

absl::Status MemcachedConnection::Receive() {
  size_t taken = 0;
  while (taken < kBytesAtOnce) {
    const std::array<MutableByteView, 2> spaces = parser_.Spaces();
    const std::array<iovec, 2> pieces = {iovec{spaces[0].data(), spaces[0].size()},
                                         iovec{spaces[1].data(), spaces[1].size()}};
    const ssize_t got = readv(fd_.get(), pieces.data(), pieces.size());
    if (got == 0) return absl::UnavailableError("the server closed the connection");
    if (got < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) return absl::OkStatus();
      return absl::UnavailableError(std::strerror(errno));
    }
    taken += static_cast<size_t>(got);
    parser_.Took(static_cast<size_t>(got));
    while (true) {
      FLOE_ASSIGN_OR_RETURN(std::optional<MetaReply> reply, parser_.Next());
      if (!reply) break;
      FLOE_RETURN_IF_ERROR(Handle(*std::move(reply)));
    }
    // Less than there was room for: the socket is empty.
    if (static_cast<size_t>(got) < spaces[0].size() + spaces[1].size()) return absl::OkStatus();
  }
  return absl::OkStatus();
}

absl::Status MemcachedConnection::Handle(MetaReply reply) {
  if (waiting_.empty()) return absl::DataLossError("answered what nobody asked");
  const std::shared_ptr<MemcachedRequest> request = waiting_.front();
  const bool server_error =
      reply.kind == MetaReply::Kind::kError && absl::StartsWith(reply.text, "SERVER_ERROR");
  if (request->kind == MemcachedRequest::Kind::kSettings) {
    size_t size = 0;
    if (reply.kind == MetaReply::Kind::kStat) {
      if (absl::StartsWith(reply.text, "item_size_max ") &&
          absl::SimpleAtoi(reply.text.substr(14), &size)) {
        owner_.told(size);
      }
      return absl::OkStatus();
    }
    // A proxy may not know the question.
    if (reply.kind != MetaReply::Kind::kEnd && reply.kind != MetaReply::Kind::kError) {
      return absl::DataLossError("answered out of step");
    }
    waiting_.pop_front();
    return absl::OkStatus();
  }
  if (reply.kind == MetaReply::Kind::kError && !server_error) {
    return absl::UnavailableError(
        absl::StrCat("\"", reply.text, "\"; does it know meta commands (memcached 1.6 or later)?"));
  }
  FLOE_RETURN_IF_ERROR(request->kind == MemcachedRequest::Kind::kGet
                           ? HandleGet(*request, std::move(reply))
                           : HandleSet(*request, reply));
  backoff_ = std::chrono::milliseconds(0);
  waiting_.pop_front();
  loop_.Cancel(request->timeout);
  owner_.ended(*request);
  return absl::OkStatus();
}

absl::Status MemcachedConnection::HandleGet(MemcachedRequest& request, MetaReply reply) {
  switch (reply.kind) {
    case MetaReply::Kind::kValue:
      request.Answer(std::move(reply.value));
      return absl::OkStatus();
    case MetaReply::Kind::kMiss:
      request.Answer(absl::NotFoundError(absl::StrCat("cache server ", name_, ": no such shard")));
      return absl::OkStatus();
    case MetaReply::Kind::kError:
      request.Answer(
          absl::UnavailableError(absl::StrCat("cache server ", name_, ": ", reply.text)));
      return absl::OkStatus();
    default:
      return absl::DataLossError("answered out of step");
  }
}

absl::Status MemcachedConnection::HandleSet(MemcachedRequest& request, const MetaReply& reply) {
  const std::string who = absl::StrCat("cache server ", name_, ": ");
  switch (reply.kind) {
    case MetaReply::Kind::kStored:
      request.Answer(store::SealedBytes());
      return absl::OkStatus();
    case MetaReply::Kind::kNotStored:
      request.Answer(absl::AlreadyExistsError(absl::StrCat(who, "there already")));
      return absl::OkStatus();
    case MetaReply::Kind::kError:
      if (absl::StrContains(reply.text, "too large") ||
          absl::StrContains(reply.text, "out of memory")) {
        request.Answer(absl::ResourceExhaustedError(
            absl::StrCat(who, reply.text, "; give it a larger -I or -m")));
      } else {
        request.Answer(absl::UnavailableError(absl::StrCat(who, reply.text)));
      }
      return absl::OkStatus();
    default:
      return absl::DataLossError("answered out of step");
  }
}

void MemcachedConnection::TimeOut(const std::shared_ptr<MemcachedRequest>& request) {
  request->Answer(
      absl::DeadlineExceededError(absl::StrCat("cache server ", name_, ": no answer in time")));
  // Its answer is drained when it comes. Does it never, the connection is of no use.
  const SteadyTime last = std::max(request->sent + options_.stall, loop_.Now());
  loop_.RunAt(last, [weak = weak_from_this(), request] {
    const auto self = weak.lock();
    if (!self) return;
    const auto& waiting = self->waiting_;
    if (std::find(waiting.begin(), waiting.end(), request) != waiting.end()) {
      self->Fail(absl::UnavailableError("it does not answer any more"));
    }
  });
}

void MemcachedConnection::Fail(const absl::Status& status) {
  const bool idle = waiting_.empty();
  Close(Annotate(absl::UnavailableError(status.message()), absl::StrCat("cache server ", name_)));
  // A server may close what nobody uses.
  if (idle) return;
  backoff_ = backoff_.count() == 0 ? options_.first_backoff
                                   : std::min(2 * backoff_, options_.longest_backoff);
  retry_at_ = loop_.Now() + backoff_;
}

void MemcachedConnection::Close(const absl::Status& status) {
  if (fd_.valid()) loop_.Unwatch(fd_.get());
  fd_.Reset();
  connected_ = false;
  out_.clear();
  out_at_ = 0;
  std::deque<std::shared_ptr<MemcachedRequest>> waiting;
  waiting.swap(waiting_);
  for (const auto& request : waiting) {
    loop_.Cancel(request->timeout);
    request->Answer(status);
    if (request->kind != MemcachedRequest::Kind::kSettings) owner_.ended(*request);
  }
}

}  // namespace floe::cache
