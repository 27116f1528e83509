// SPDX-License-Identifier: Apache-2.0
#include "keeper/server.h"

#include <fcntl.h>
#include <poll.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/log.h"

namespace floe::keeper {

absl::StatusOr<Server> Server::Listen(const ServerOptions& options) {
  // Anyone may connect where the directory lets them; Allowed() decides.
  FLOE_ASSIGN_OR_RETURN(UniqueFd listener, ListenUnix(options.socket, 0666));
  fcntl(listener.get(), F_SETFL, O_NONBLOCK);
  return Server(options, std::move(listener));
}

bool Server::Allowed(int client) const {
  const auto peer = PeerOf(client);
  if (!peer.ok()) return false;
  return peer->uid == 0 || std::count(options_.allowed.begin(), options_.allowed.end(), peer->uid);
}

void Server::Accept() {
  auto client = AcceptUnix(listener_.get());
  if (!client.ok()) return;
  if (!Allowed(client->get()) || clients_.size() >= options_.max_connections) {
    const KeeperReply refusal{
        absl::PermissionDeniedError("floe-keeper serves root and floe-fusefs"), {}};
    (void)SendMessage(client->get(), EncodeReply(refusal), {}, Clock::Real().Now());
    return;
  }
  fcntl(client->get(), F_SETFL, O_NONBLOCK);
  clients_.push_back(*std::move(client));
}

bool Server::Serve(int client) {
  auto message = ReceiveMessage(client, Clock::Real().Now());
  if (absl::IsDeadlineExceeded(message.status())) return true;
  if (!message.ok()) return false;
  std::vector<int> descriptors;
  KeeperReply reply;
  auto request = DecodeRequest(message->bytes);
  if (!request.ok()) {
    reply.status = request.status();
  } else if (request->op == KeeperOp::kShutdown) {
    shutdown_ = true;
  } else {
    reply = table_.Handle(*request, std::move(message->descriptors), descriptors);
  }
  // A peer that does not read its answers is dropped rather than waited for.
  return SendMessage(client, EncodeReply(reply), descriptors, Clock::Real().Now()).ok();
}

absl::Status Server::Run(int stop) {
  bool stop_asked = false;
  while (!shutdown_ && !(stop_asked && !table_.HoldsFuse())) {
    std::vector<struct pollfd> polled = {{listener_.get(), POLLIN, 0},
                                         {stop_asked ? -1 : stop, POLLIN, 0}};
    for (const UniqueFd& client : clients_) polled.push_back({client.get(), POLLIN, 0});
    if (poll(polled.data(), polled.size(), -1) < 0) {
      if (errno == EINTR) continue;
      return ErrnoStatus(errno, "poll");
    }
    for (size_t i = 2; i < polled.size() && !shutdown_; ++i) {
      if (polled[i].revents != 0 && !Serve(polled[i].fd)) clients_[i - 2].Reset();
    }
    std::erase_if(clients_, [](const UniqueFd& client) { return !client.valid(); });
    if ((polled[0].revents & POLLIN) != 0) Accept();
    if ((polled[1].revents & POLLIN) != 0) {
      stop_asked = true;
      Log(LogLevel::kInfo, "asked to end; staying while a /dev/fuse descriptor is held");
    }
  }
  unlink(options_.socket.c_str());
  return absl::OkStatus();
}

}  // namespace floe::keeper
