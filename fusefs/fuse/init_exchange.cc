// SPDX-License-Identifier: Apache-2.0
#include "fusefs/fuse/init_exchange.h"

#include <linux/fuse.h>

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "base/codec.h"

namespace floe::fusefs {
namespace {

constexpr uint32_t kOurMinor = 36;  // what this file speaks; the kernel adapts downward
constexpr uint32_t kOldestMinor = 31;
constexpr uint32_t kSlotVersion = 1;
// A stuck image may hold this many reads before it delays another one (with the kernel's default of
// 12, forty readers stuck on one image delayed a healthy one by 17 s).
constexpr uint16_t kMaxBackground = 4096;
constexpr uint16_t kMaxPages = 256;  // 1 MiB a read

// Reads may be answered in any order, in large pieces, and lookups run in parallel. Nothing that
// changes who caches what: no writeback, no splice, no passthrough, no io_uring.
constexpr uint32_t kWantedFlags =
    FUSE_ASYNC_READ | FUSE_ASYNC_DIO | FUSE_PARALLEL_DIROPS | FUSE_MAX_PAGES;

constexpr size_t kLeastInitBytes = 16;  // major, minor, max_readahead, flags

}  // namespace

absl::StatusOr<Bytes> MakeInitReply(ByteView request) {
  struct fuse_in_header header;
  struct fuse_init_in init = {};
  if (request.size() < sizeof header + kLeastInitBytes) {
    return absl::InvalidArgumentError("FUSE INIT request is too short");
  }
  std::memcpy(&header, request.data(), sizeof header);
  const ByteView body = request.subspan(sizeof header);
  std::memcpy(&init, body.data(), std::min(body.size(), sizeof init));
  if (header.opcode != FUSE_INIT) return absl::InvalidArgumentError("not a FUSE INIT request");
  if (init.major != FUSE_KERNEL_VERSION || init.minor < kOldestMinor) {
    return absl::FailedPreconditionError(
        absl::StrCat("the kernel speaks FUSE ", init.major, ".", init.minor,
                     ", floe needs 7.31 or later: use Linux 5.4 or later"));
  }
  struct fuse_init_out out = {};
  out.major = FUSE_KERNEL_VERSION;
  out.minor = std::min(init.minor, kOurMinor);
  out.max_readahead = init.max_readahead;
  out.flags = init.flags & kWantedFlags;
  out.max_background = kMaxBackground;
  out.congestion_threshold = kMaxBackground;
  out.max_write = 4096;  // nothing is ever written
  out.time_gran = 1;
  out.max_pages = kMaxPages;
  struct fuse_out_header reply = {};
  reply.len = sizeof reply + sizeof out;
  reply.unique = header.unique;
  Bytes message(reply.len);
  std::memcpy(message.data(), &reply, sizeof reply);
  std::memcpy(message.data() + sizeof reply, &out, sizeof out);
  return message;
}

Bytes EncodeInitExchange(const InitExchange& exchange) {
  LittleEndianWriter writer;
  writer.Put<uint32_t>(kSlotVersion);
  writer.Put<uint32_t>(static_cast<uint32_t>(exchange.request.size()));
  writer.PutBytes(exchange.request);
  writer.Put<uint32_t>(static_cast<uint32_t>(exchange.reply.size()));
  writer.PutBytes(exchange.reply);
  return writer.Take();
}

absl::StatusOr<InitExchange> DecodeInitExchange(ByteView slot) {
  LittleEndianReader reader(slot);
  const uint32_t version = reader.Get<uint32_t>();
  const ByteView request = reader.GetBytes(reader.Get<uint32_t>());
  const ByteView reply = reader.GetBytes(reader.Get<uint32_t>());
  if (!reader.ok() || reader.remaining() != 0 || version != kSlotVersion) {
    return absl::FailedPreconditionError(
        "the saved FUSE INIT exchange is not of this version of floe-fusefs");
  }
  return InitExchange{Bytes(request.begin(), request.end()), Bytes(reply.begin(), reply.end())};
}

absl::Status CheckTakeover(const InitExchange& saved) {
  auto reply = MakeInitReply(saved.request);
  if (reply.ok() && *reply == saved.reply) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "floe-fusefs ", FLOE_VERSION,
      " would serve the FUSE connection otherwise than the version that began it",
      reply.ok() ? "" : " (", reply.ok() ? "" : reply.status().message(), reply.ok() ? "" : ")",
      ": start that version again, or stop all lazy containers and restart floe"));
}

}  // namespace floe::fusefs
