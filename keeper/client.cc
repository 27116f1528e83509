// SPDX-License-Identifier: Apache-2.0
#include "keeper/client.h"

#include "absl/strings/str_cat.h"
#include "base/unix_socket.h"

namespace floe::keeper {
namespace {

constexpr std::chrono::seconds kPatience(10);

}  // namespace

absl::StatusOr<std::unique_ptr<KeeperClient>> KeeperClient::Connect(const std::string& path) {
  auto socket = ConnectUnix(path);
  if (!socket.ok()) {
    return Annotate(socket.status(), "floe-keeper (started by floe-snapshotter and floe mount)");
  }
  return std::make_unique<KeeperClient>(*std::move(socket));
}

absl::StatusOr<Slot> KeeperClient::Call(const KeeperRequest& request,
                                        const std::vector<int>& descriptors) {
  MutexLock lock(mutex_);
  if (!socket_) return absl::UnavailableError("floe-keeper: the connection was lost");
  const SteadyTime deadline = Clock::Real().Now() + kPatience;
  absl::Status sent = SendMessage(socket_.get(), EncodeRequest(request), descriptors, deadline);
  absl::StatusOr<Message> message =
      sent.ok() ? ReceiveMessage(socket_.get(), deadline) : absl::StatusOr<Message>(sent);
  if (!message.ok()) {
    // A late answer must not be taken for the next one.
    socket_.Reset();
    return Annotate(message.status(), "floe-keeper");
  }
  FLOE_ASSIGN_OR_RETURN(KeeperReply reply, DecodeReply(message->bytes));
  FLOE_RETURN_IF_ERROR(
      Annotate(reply.status, absl::StrCat("floe-keeper slot \"", request.name, "\"")));
  return Slot{std::move(reply.body), std::move(message->descriptors)};
}

void KeeperClient::Replace(UniqueFd socket) {
  MutexLock lock(mutex_);
  socket_ = std::move(socket);
}

absl::Status KeeperClient::Hello() { return Call({KeeperOp::kHello, 0, "", {}}, {}).status(); }

absl::Status KeeperClient::Put(const std::string& name, ByteView blob,
                               const std::vector<int>& descriptors, PutMode mode) {
  if (!ValidSlotName(name) || blob.size() > kMaxSlotBlobBytes) {
    return absl::InvalidArgumentError(absl::StrCat("keeper slot \"", name, "\" of ", blob.size(),
                                                   " bytes: bad name or too long"));
  }
  KeeperRequest request{KeeperOp::kPut, 0, name, Bytes(blob.begin(), blob.end())};
  if (mode == PutMode::kCreateOnly) request.flags = kCreateOnlyFlag;
  return Call(request, descriptors).status();
}

absl::StatusOr<Slot> KeeperClient::Get(const std::string& name) {
  return Call({KeeperOp::kGet, 0, name, {}}, {});
}

absl::Status KeeperClient::Delete(const std::string& name) {
  return Call({KeeperOp::kDelete, 0, name, {}}, {}).status();
}

absl::StatusOr<std::vector<SlotInfo>> KeeperClient::List(const std::string& prefix) {
  std::vector<SlotInfo> all;
  while (true) {
    KeeperRequest request{KeeperOp::kList, 0, prefix, {}};
    if (!all.empty()) {
      const ByteView last = AsBytes(all.back().name);
      request.blob.assign(last.begin(), last.end());
    }
    FLOE_ASSIGN_OR_RETURN(const Slot reply, Call(request, {}));
    FLOE_ASSIGN_OR_RETURN(std::vector<SlotInfo> page, DecodeList(reply.blob));
    if (page.empty()) return all;
    for (SlotInfo& slot : page) all.push_back(std::move(slot));
  }
}

absl::Status KeeperClient::Shutdown() {
  return Call({KeeperOp::kShutdown, 0, "", {}}, {}).status();
}

}  // namespace floe::keeper
