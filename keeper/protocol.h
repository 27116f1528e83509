// SPDX-License-Identifier: Apache-2.0
// What is said to floe-keeper: one request and one reply a message on a SOCK_SEQPACKET unix socket
// (base/unix_socket.h), descriptors beside the message. Numbers are little-endian.
//
//   REQUEST = version:u8=1 op:u8 flags:u16 name-length:u16 name blob
//   REPLY   = version:u8=1 code:u8 text-length:u16 text body
//   LIST    = n:u32 n x {name-length:u16 name descriptors:u8 blob-length:u32}
//
// op is a KeeperOp, code an absl::StatusCode; the body of get is the blob, of list a LIST.
//
// A slot is a name, a small blob and at most kMaxSlotDescriptors descriptors. The keeper never
// looks into a blob; whoever owns a name owns its meaning:
//
//   fuse.dev      mount/    descriptor 0: /dev/fuse of the one FUSE connection; blob empty
//   fuse.mount    mount/    descriptor 0: its detached mount (fsmount); blob: FuseMount::id
//   fuse.init     fusefs/   blob: saved INIT request and reply (fusefs/fuse/init_exchange.h)
//   inode.next    fusefs/   blob: u64, the next inode number never used before
//   image.<name>  fusefs/   descriptor 0: manifest, 1: file key (sealed memfd);
//                           blob: fusefs/daemon/image_record.h
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"

namespace floe::keeper {

inline constexpr uint8_t kProtocolVersion = 1;
inline constexpr size_t kMaxSlots = 8192;
inline constexpr size_t kMaxSlotNameBytes = 128;
inline constexpr size_t kMaxSlotBlobBytes = 64 << 10;
inline constexpr size_t kMaxSlotDescriptors = 4;
inline constexpr size_t kMaxTotalBlobBytes = 16 << 20;

inline constexpr char kFuseDeviceSlot[] = "fuse.dev";
inline constexpr char kFuseMountSlot[] = "fuse.mount";
inline constexpr char kFuseInitSlot[] = "fuse.init";
inline constexpr char kNextInodeSlot[] = "inode.next";
inline constexpr char kImageSlotPrefix[] = "image.";

enum class KeeperOp : uint8_t {
  kHello = 0,     // an empty answer
  kPut = 1,       // name, blob, descriptors; flag kCreateOnlyFlag
  kGet = 2,       // name
  kDelete = 3,    // name
  kList = 4,      // name = prefix; blob = the last name of the page before, or empty
  kShutdown = 5,  // closes everything and exits
};
inline constexpr uint16_t kCreateOnlyFlag = 1;  // ALREADY_EXISTS rather than replace

struct KeeperRequest {
  KeeperOp op = KeeperOp::kHello;
  uint16_t flags = 0;
  std::string name;
  Bytes blob;
};
struct KeeperReply {
  absl::Status status;
  Bytes body;
};

struct SlotInfo {
  std::string name;
  size_t descriptors = 0;
  size_t blob_bytes = 0;
};

// A slot name is 1..kMaxSlotNameBytes characters of [A-Za-z0-9._-].
bool ValidSlotName(absl::string_view name);

// Encoders never fail on what the limits above allow. Decoders accept any bytes and answer
// INVALID_ARGUMENT for what they do not understand.
Bytes EncodeRequest(const KeeperRequest& request);
absl::StatusOr<KeeperRequest> DecodeRequest(ByteView bytes);
Bytes EncodeReply(const KeeperReply& reply);
absl::StatusOr<KeeperReply> DecodeReply(ByteView bytes);
Bytes EncodeList(const std::vector<SlotInfo>& slots);
absl::StatusOr<std::vector<SlotInfo>> DecodeList(ByteView body);

}  // namespace floe::keeper
