// SPDX-License-Identifier: Apache-2.0
#include "keeper/protocol.h"

#include <algorithm>

#include "base/codec.h"

namespace floe::keeper {
namespace {

constexpr size_t kMaxTextBytes = 1024;

absl::Status Malformed(absl::string_view what) { return absl::InvalidArgumentError(what); }

std::string GetName(LittleEndianReader& reader) {
  const uint16_t length = reader.Get<uint16_t>();
  return std::string(AsText(reader.GetBytes(length)));
}

void PutName(LittleEndianWriter& writer, absl::string_view name) {
  writer.Put<uint16_t>(static_cast<uint16_t>(name.size()));
  writer.PutBytes(AsBytes(name));
}

Bytes Rest(LittleEndianReader& reader) {
  const ByteView rest = reader.GetBytes(reader.remaining());
  return Bytes(rest.begin(), rest.end());
}

}  // namespace

bool ValidSlotName(absl::string_view name) {
  return !name.empty() && name.size() <= kMaxSlotNameBytes &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '.' || c == '_' || c == '-';
         });
}

Bytes EncodeRequest(const KeeperRequest& request) {
  LittleEndianWriter writer;
  writer.Put<uint8_t>(kProtocolVersion);
  writer.Put<uint8_t>(static_cast<uint8_t>(request.op));
  writer.Put<uint16_t>(request.flags);
  PutName(writer, request.name);
  writer.PutBytes(request.blob);
  return writer.Take();
}

absl::StatusOr<KeeperRequest> DecodeRequest(ByteView bytes) {
  LittleEndianReader reader(bytes);
  const uint8_t version = reader.Get<uint8_t>();
  const uint8_t op = reader.Get<uint8_t>();
  KeeperRequest request;
  request.flags = reader.Get<uint16_t>();
  request.name = GetName(reader);
  request.blob = Rest(reader);
  if (!reader.ok()) return Malformed("malformed keeper request");
  if (version != kProtocolVersion) return Malformed("keeper request of another version");
  if (op > static_cast<uint8_t>(KeeperOp::kShutdown)) return Malformed("unknown keeper operation");
  if ((request.flags & ~kCreateOnlyFlag) != 0) return Malformed("unknown flag in keeper request");
  request.op = static_cast<KeeperOp>(op);
  return request;
}

Bytes EncodeReply(const KeeperReply& reply) {
  LittleEndianWriter writer;
  writer.Put<uint8_t>(kProtocolVersion);
  writer.Put<uint8_t>(static_cast<uint8_t>(reply.status.code()));
  PutName(writer, reply.status.message().substr(0, kMaxTextBytes));
  writer.PutBytes(reply.body);
  return writer.Take();
}

absl::StatusOr<KeeperReply> DecodeReply(ByteView bytes) {
  LittleEndianReader reader(bytes);
  const uint8_t version = reader.Get<uint8_t>();
  const uint8_t code = reader.Get<uint8_t>();
  const std::string text = GetName(reader);
  KeeperReply reply;
  reply.body = Rest(reader);
  if (!reader.ok() || version != kProtocolVersion) return Malformed("malformed keeper reply");
  reply.status = absl::Status(static_cast<absl::StatusCode>(code), text);
  return reply;
}

Bytes EncodeList(const std::vector<SlotInfo>& slots) {
  LittleEndianWriter writer;
  writer.Put<uint32_t>(static_cast<uint32_t>(slots.size()));
  for (const SlotInfo& slot : slots) {
    PutName(writer, slot.name);
    writer.Put<uint8_t>(static_cast<uint8_t>(slot.descriptors));
    writer.Put<uint32_t>(static_cast<uint32_t>(slot.blob_bytes));
  }
  return writer.Take();
}

absl::StatusOr<std::vector<SlotInfo>> DecodeList(ByteView body) {
  LittleEndianReader reader(body);
  std::vector<SlotInfo> slots;
  for (uint32_t left = reader.Get<uint32_t>(); left > 0 && reader.ok(); --left) {
    SlotInfo slot;
    slot.name = GetName(reader);
    slot.descriptors = reader.Get<uint8_t>();
    slot.blob_bytes = reader.Get<uint32_t>();
    slots.push_back(std::move(slot));
  }
  if (!reader.ok() || reader.remaining() != 0) return Malformed("malformed keeper list");
  return slots;
}

}  // namespace floe::keeper
