// SPDX-License-Identifier: Apache-2.0
#include "mount/tiny_fuse.h"

#include <linux/fuse.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace floe::mount {
namespace {

constexpr uint32_t kMinorVersion = 31;
constexpr uint32_t kMaxReadBytes = 1 << 20;
constexpr size_t kBufferBytes = 128 << 10;  // requests are headers and names only
constexpr uint64_t kSecondsValid = 3600;
constexpr int kNoAnswer = 1;

template <typename T>
void Append(Bytes& payload, const T& value) {
  const ByteView bytes(reinterpret_cast<const uint8_t*>(&value), sizeof value);
  payload.insert(payload.end(), bytes.begin(), bytes.end());
}

struct fuse_attr Attributes(uint64_t inode, uint64_t size) {
  struct fuse_attr attributes = {};
  attributes.ino = inode;
  attributes.mode = inode == FUSE_ROOT_ID ? S_IFDIR | 0500 : S_IFREG | 0400;
  attributes.nlink = 1;
  attributes.size = size;
  attributes.blocks = (size + 511) / 512;
  attributes.blksize = 4096;
  return attributes;
}

}  // namespace

struct TinyFuse::Request {
  struct fuse_in_header header = {};
  ByteView body;

  template <typename T>
  T Body() const {
    T value = {};
    std::memcpy(&value, body.data(), std::min(sizeof value, body.size()));
    return value;
  }
};

void TinyFuse::Add(const std::string& name, TinyFile file) {
  MutexLock lock(mutex_);
  names_[name] = file.inode;
  files_[file.inode] = std::move(file);
}

absl::Status TinyFuse::Remove(const std::string& name) {
  MutexLock lock(mutex_);
  if (names_.erase(name) == 0) return absl::NotFoundError(name);
  return absl::OkStatus();
}

uint64_t TinyFuse::open_count() const {
  MutexLock lock(mutex_);
  return open_count_;
}

int TinyFuse::Init(const Request& request, Bytes& payload) {
  const auto in = request.Body<struct fuse_init_in>();
  struct fuse_init_out out = {};
  out.major = FUSE_KERNEL_VERSION;
  out.minor = std::min(kMinorVersion, in.minor);
  out.max_readahead = in.max_readahead;
  out.flags = in.flags & (FUSE_ASYNC_READ | FUSE_MAX_PAGES | FUSE_PARALLEL_DIROPS);
  out.max_background = 1024;
  out.congestion_threshold = 1024;
  out.max_write = 4096;
  out.time_gran = 1;
  out.max_pages = kMaxReadBytes / 4096;
  Append(payload, out);
  return 0;
}

int TinyFuse::Lookup(const Request& request, Bytes& payload) {
  const absl::string_view text = AsText(request.body);
  MutexLock lock(mutex_);
  const auto name = names_.find(std::string(text.substr(0, text.find('\0'))));
  if (request.header.nodeid != FUSE_ROOT_ID || name == names_.end()) return -ENOENT;
  struct fuse_entry_out out = {};
  out.nodeid = name->second;
  out.entry_valid = out.attr_valid = kSecondsValid;
  out.attr = Attributes(name->second, files_[name->second].size);
  Append(payload, out);
  return 0;
}

int TinyFuse::GetAttr(const Request& request, Bytes& payload) {
  MutexLock lock(mutex_);
  const auto file = files_.find(request.header.nodeid);
  if (request.header.nodeid != FUSE_ROOT_ID && file == files_.end()) return -ESTALE;
  struct fuse_attr_out out = {};
  out.attr_valid = kSecondsValid;
  out.attr = Attributes(request.header.nodeid, file == files_.end() ? 0 : file->second.size);
  Append(payload, out);
  return 0;
}

int TinyFuse::Open(const Request& request, Bytes& payload) {
  MutexLock lock(mutex_);
  if (files_.count(request.header.nodeid) == 0) return -ESTALE;
  ++open_count_;
  struct fuse_open_out out = {};
  out.open_flags = FOPEN_DIRECT_IO;
  Append(payload, out);
  return 0;
}

int TinyFuse::Read(const Request& request, Bytes& payload) {
  const auto in = request.Body<struct fuse_read_in>();
  TinyFile file;
  {
    MutexLock lock(mutex_);
    const auto found = files_.find(request.header.nodeid);
    if (found == files_.end()) return -ESTALE;
    file = found->second;
  }
  if (in.offset >= file.size) return 0;
  payload.resize(std::min<uint64_t>({in.size, file.size - in.offset, kMaxReadBytes}));
  const int n = file.read(in.offset, payload);
  payload.resize(n < 0 ? 0 : static_cast<size_t>(n));
  return std::min(n, 0);
}

int TinyFuse::Answer(const Request& request, Bytes& payload) {
  switch (request.header.opcode) {
    case FUSE_INIT:
      return Init(request, payload);
    case FUSE_LOOKUP:
      return Lookup(request, payload);
    case FUSE_GETATTR:
      return GetAttr(request, payload);
    case FUSE_OPEN:
      return Open(request, payload);
    case FUSE_READ:
      return Read(request, payload);
    case FUSE_RELEASE: {
      MutexLock lock(mutex_);
      --open_count_;
      return 0;
    }
    case FUSE_STATFS:
      payload.resize(sizeof(struct fuse_statfs_out));
      return 0;
    case FUSE_FORGET:
    case FUSE_BATCH_FORGET:
    case FUSE_INTERRUPT:  // every read here ends at once
      return kNoAnswer;
    default:
      return -ENOSYS;
  }
}

absl::Status TinyFuse::Serve(int device, int stop) {
  Bytes buffer(kBufferBytes);
  while (true) {
    struct pollfd ready[2] = {{device, POLLIN, 0}, {stop, POLLIN, 0}};
    if (poll(ready, 2, -1) < 0 && errno != EINTR) return ErrnoStatus(errno, "poll");
    if (ready[1].revents != 0) return absl::OkStatus();
    const ssize_t n = read(device, buffer.data(), buffer.size());
    if (n < 0 && errno == ENODEV) return absl::OkStatus();  // unmounted or aborted
    if (n < 0 && (errno == EINTR || errno == EAGAIN || errno == ENOENT)) continue;
    if (n < 0) return ErrnoStatus(errno, "read /dev/fuse");
    Request request;
    std::memcpy(&request.header, buffer.data(), sizeof request.header);
    request.body = ByteView(buffer).subspan(sizeof request.header,
                                            static_cast<size_t>(n) - sizeof request.header);
    Bytes payload;
    const int error = Answer(request, payload);
    if (error == kNoAnswer) continue;
    if (error != 0) payload.clear();
    const struct fuse_out_header header = {
        static_cast<uint32_t>(sizeof(struct fuse_out_header) + payload.size()), error,
        request.header.unique};
    Bytes reply;
    Append(reply, header);
    reply.insert(reply.end(), payload.begin(), payload.end());
    // ENOENT: the kernel no longer waits for this answer.
    (void)!write(device, reply.data(), reply.size());
  }
}

}  // namespace floe::mount
