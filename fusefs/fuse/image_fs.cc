// SPDX-License-Identifier: Apache-2.0
#include "fusefs/fuse/image_fs.h"

#include <fcntl.h>
#include <linux/fuse.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "fusefs/fuse/errno_table.h"
#include "fusefs/fuse/init_exchange.h"

namespace floe::fusefs {
namespace {

constexpr uint64_t kResendBit = uint64_t{1} << 63;  // FUSE_UNIQUE_RESEND
// Nothing about a file ever changes; names are looked up each time, they may go and come back.
constexpr uint64_t kAttrSeconds = 24 * 3600;
constexpr size_t kMaxReadBytes = 4 << 20;  // the kernel asks for at most 1 MiB

template <typename T>
std::optional<T> Parse(ByteView body) {
  T in;
  if (body.size() < sizeof in) return std::nullopt;
  std::memcpy(&in, body.data(), sizeof in);
  return in;
}

struct fuse_attr DirectoryAttr() {
  struct fuse_attr attr = {};
  attr.ino = FUSE_ROOT_ID;
  attr.mode = S_IFDIR | 0500;
  attr.nlink = 2;
  attr.blksize = 4096;
  return attr;
}

struct fuse_attr FileAttr(const ServedImage& image) {
  struct fuse_attr attr = {};
  attr.ino = image.inode;
  attr.mode = S_IFREG | 0400;
  attr.nlink = 1;
  attr.size = image.size();
  attr.blocks = image.size() / 512;
  attr.blksize = 4096;
  return attr;
}

// One buffer of zeros for all gaps of all images.
const Bytes& Zeros() {
  static const Bytes zeros(1 << 20);
  return zeros;
}

void AppendParts(const Piece& piece, std::vector<struct iovec>& parts) {
  if (piece.chunk) {
    parts.push_back({const_cast<uint8_t*>(piece.chunk->data() + piece.offset), piece.length});
    return;
  }
  for (size_t left = piece.length; left > 0;) {
    const size_t some = std::min(left, Zeros().size());
    parts.push_back({const_cast<uint8_t*>(Zeros().data()), some});
    left -= some;
  }
}

// What asks for a change: refused as a read-only file system does, not as an unknown operation.
bool WouldChange(uint32_t opcode) {
  switch (opcode) {
    case FUSE_SETATTR:
    case FUSE_SYMLINK:
    case FUSE_MKNOD:
    case FUSE_MKDIR:
    case FUSE_UNLINK:
    case FUSE_RMDIR:
    case FUSE_RENAME:
    case FUSE_RENAME2:
    case FUSE_LINK:
    case FUSE_WRITE:
    case FUSE_CREATE:
    case FUSE_SETXATTR:
    case FUSE_REMOVEXATTR:
    case FUSE_FALLOCATE:
      return true;
    default:
      return false;
  }
}

}  // namespace

ImageFs::ImageFs(ImageCatalog& catalog, Executor& blocking, Clock& clock, Metrics& metrics,
                 SaveInit save_init, ImageFsOptions options)
    : catalog_(catalog),
      blocking_(blocking),
      clock_(clock),
      metrics_(metrics),
      save_init_(std::move(save_init)),
      options_(options),
      read_bytes_(metrics.GetCounter("floe_fuse_read_bytes_total", "Bytes given to the kernel")),
      read_seconds_(metrics.GetHistogram("floe_fuse_read_seconds", "Time from read to reply")),
      interrupted_(metrics.GetCounter("floe_fuse_unwanted_replies_total",
                                      "Replies that nobody waited for any more")) {}

void ImageFs::Handle(const FuseRequest& request, std::shared_ptr<Call> call) {
  switch (request.opcode) {
    case FUSE_INIT:
      return Init(request, std::move(call));
    case FUSE_LOOKUP:
      return Lookup(request, *call);
    case FUSE_GETATTR:
      return GetAttr(request, *call);
    case FUSE_OPEN:
      return Open(request, std::move(call));
    case FUSE_RELEASE:
      return Release(request, std::move(call));
    case FUSE_READ:
      return Read(request, std::move(call));
    case FUSE_READDIR:
      return ReadDirectory(request, *call);
    case FUSE_STATFS:
      return StatFs(*call);
    case FUSE_OPENDIR:
      call->Struct(fuse_open_out{});
      return;
    case FUSE_RELEASEDIR:
    case FUSE_ACCESS:
    case FUSE_DESTROY:
      call->Ok();
      return;
    case FUSE_FORGET:  // inode numbers do not depend on lookups, so nothing is counted
    case FUSE_BATCH_FORGET:
      return;
    default:
      call->Error(WouldChange(request.opcode) ? EROFS : ENOSYS);
      return;
  }
}

void ImageFs::Init(const FuseRequest& request, std::shared_ptr<Call> call) {
  auto reply = MakeInitReply(request.whole);
  if (!reply.ok()) {
    Log(LogLevel::kError, "FUSE connection refused", {{"reason", reply.status().message()}});
    call->Error(EPROTO);
    return;
  }
  // Saved before it is given: what the kernel was promised must never be unknown to a successor.
  blocking_.Run([this, call = std::move(call), reply = *std::move(reply),
                 whole = Bytes(request.whole.begin(), request.whole.end())] {
    if (const absl::Status saved = save_init_(whole, reply); !saved.ok()) {
      Log(LogLevel::kError, "FUSE connection refused", {{"reason", saved.message()}});
      call->Error(EIO);
      return;
    }
    call->Data(ByteView(reply).subspan(sizeof(fuse_out_header)));
  });
}

void ImageFs::Lookup(const FuseRequest& request, Call& call) {
  const auto end = std::find(request.body.begin(), request.body.end(), 0);
  const std::string name(request.body.begin(), end);
  const auto image = request.node == FUSE_ROOT_ID ? catalog_.ByName(name) : nullptr;
  if (!image) {
    call.Error(ENOENT);
    return;
  }
  struct fuse_entry_out out = {};
  out.nodeid = image->inode;
  out.attr_valid = kAttrSeconds;
  out.attr = FileAttr(*image);
  call.Struct(out);
}

void ImageFs::GetAttr(const FuseRequest& request, Call& call) {
  struct fuse_attr_out out = {};
  out.attr_valid = kAttrSeconds;
  if (request.node == FUSE_ROOT_ID) {
    out.attr = DirectoryAttr();
  } else if (const auto image = catalog_.ByInode(request.node)) {
    out.attr = FileAttr(*image);
  } else {
    call.Error(ESTALE);
    return;
  }
  call.Struct(out);
}

void ImageFs::Open(const FuseRequest& request, std::shared_ptr<Call> call) {
  const auto in = Parse<fuse_open_in>(request.body);
  if (!in) {
    call->Error(EINVAL);
    return;
  }
  if ((in->flags & O_ACCMODE) != O_RDONLY) {
    call->Error(EROFS);
    return;
  }
  // The handle is the request's own number, so that one resent after a restart is the same open.
  const uint64_t handle = request.unique & ~kResendBit;
  blocking_.Run([this, node = request.node, handle, call = std::move(call)] {
    if (const absl::Status opened = catalog_.Opened(node, handle); !opened.ok()) {
      call->Error(absl::IsNotFound(opened) ? ESTALE : ErrnoOf(opened));
      return;
    }
    struct fuse_open_out out = {};
    out.fh = handle;
    // Direct: EROFS above caches what it reads; a second cache here would hold everything twice.
    out.open_flags = FOPEN_DIRECT_IO | FOPEN_NOFLUSH;
    if (!call->Struct(out)) catalog_.Released(node, handle);
  });
}

void ImageFs::Release(const FuseRequest& request, std::shared_ptr<Call> call) {
  const auto in = Parse<fuse_release_in>(request.body);
  if (!in) {
    call->Error(EINVAL);
    return;
  }
  blocking_.Run([this, node = request.node, handle = in->fh, call = std::move(call)] {
    catalog_.Released(node, handle);
    call->Ok();
  });
}

void ImageFs::Read(const FuseRequest& request, std::shared_ptr<Call> call) {
  const auto in = Parse<fuse_read_in>(request.body);
  const auto image = catalog_.ByInode(request.node);
  if (!in || in->size > kMaxReadBytes) {
    call->Error(EINVAL);
    return;
  }
  if (!image) {
    call->Error(request.node == FUSE_ROOT_ID ? EISDIR : ESTALE);
    return;
  }
  const uint64_t size = image->size();
  const uint64_t offset = std::min<uint64_t>(in->offset, size);
  const size_t length = std::min<uint64_t>(in->size, size - offset);
  const SteadyTime begun = clock_.Now();
  store::RequestOptions options;
  options.deadline = begun + options_.read_deadline;
  const bool starting = !image->restored && begun - image->opened_at < options_.start_phase;
  options.request_class = starting ? store::RequestClass::kStart : store::RequestClass::kRunning;
  image->reader->Read(offset, length, options,
                      [this, image, call, begun](absl::StatusOr<std::vector<Piece>> pieces) {
                        Finish(*image, *call, begun, std::move(pieces));
                      });
}

void ImageFs::Finish(const ServedImage& image, Call& call, SteadyTime begun,
                     absl::StatusOr<std::vector<Piece>> pieces) {
  if (!pieces.ok()) {
    if (call.Error(ErrnoOf(pieces.status()))) ReportFailure(image, pieces.status());
    return;
  }
  std::vector<struct iovec> parts;
  size_t length = 0;
  for (const Piece& piece : *pieces) {
    AppendParts(piece, parts);
    length += piece.length;
  }
  if (!call.Data(parts)) {
    interrupted_.Add();
    return;
  }
  read_bytes_.Add(static_cast<double>(length));
  read_seconds_.Observe(std::chrono::duration<double>(clock_.Now() - begun).count());
}

// A broken image is read thousands of times a second: one line a second tells enough.
void ImageFs::ReportFailure(const ServedImage& image, const absl::Status& status) {
  metrics_
      .GetCounter("floe_fuse_read_errors_total", "Reads answered with an error",
                  {{"reason", absl::StatusCodeToString(status.code())}})
      .Add();
  const SteadyTime now = clock_.Now();
  uint64_t unreported = 0;
  {
    MutexLock lock(mutex_);
    if (now - last_report_ < std::chrono::seconds(1)) {
      ++unreported_;
      return;
    }
    last_report_ = now;
    unreported = std::exchange(unreported_, 0);
  }
  Log(LogLevel::kError, "read failed",
      {{"image", image.label},
       {"name", image.name},
       {"reason", status.message()},
       {"unreported", unreported}});
}

void ImageFs::ReadDirectory(const FuseRequest& request, Call& call) {
  const auto in = Parse<fuse_read_in>(request.body);
  if (!in || request.node != FUSE_ROOT_ID) {
    call.Error(ENOTDIR);
    return;
  }
  struct Entry {
    uint64_t inode;
    uint32_t type;
    std::string name;
  };
  std::vector<Entry> entries = {{FUSE_ROOT_ID, S_IFDIR >> 12, "."},
                                {FUSE_ROOT_ID, S_IFDIR >> 12, ".."}};
  for (const auto& image : catalog_.List()) {
    entries.push_back({image->inode, S_IFREG >> 12, image->name});
  }
  const size_t room = std::min<size_t>(in->size, 256 << 10);
  Bytes listing;
  for (size_t i = in->offset; i < entries.size(); ++i) {
    const Entry& entry = entries[i];
    struct fuse_dirent dirent = {};
    const size_t length = FUSE_NAME_OFFSET + entry.name.size();
    const size_t padded = FUSE_DIRENT_ALIGN(length);
    if (listing.size() + padded > room) break;
    dirent.ino = entry.inode;
    dirent.off = i + 1;
    dirent.namelen = static_cast<uint32_t>(entry.name.size());
    dirent.type = entry.type;
    const size_t at = listing.size();
    listing.resize(at + padded);
    std::memcpy(listing.data() + at, &dirent, FUSE_NAME_OFFSET);
    std::memcpy(listing.data() + at + FUSE_NAME_OFFSET, entry.name.data(), entry.name.size());
  }
  call.Data(listing);
}

void ImageFs::StatFs(Call& call) {
  struct fuse_statfs_out out = {};
  out.st.bsize = 4096;
  out.st.frsize = 4096;
  out.st.namelen = 255;
  call.Struct(out);
}

}  // namespace floe::fusefs
