// SPDX-License-Identifier: Apache-2.0
// link: PkgConfig::fuse3
// A read-only view of a folder that counts what is read through it: the tests' judge of how many
// bytes a node fetched from a folder store. It shares no code with floe. Files are opened with
// direct I/O, so that every read of a reader arrives here and none is answered by the page cache.
//
//   counting_fs FOLDER MOUNTPOINT COUNTERS [FUSE OPTIONS]
//
// COUNTERS is a file of three little-endian 64-bit numbers, always current (it is mapped): bytes
// read, reads, opens.
#define FUSE_USE_VERSION 35
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <vector>

namespace {

struct Counters {
  std::atomic<uint64_t> bytes;
  std::atomic<uint64_t> reads;
  std::atomic<uint64_t> opens;
  std::atomic<uint64_t> hold;
};
static_assert(sizeof(Counters) == 32);

std::string root;
Counters* counters = nullptr;

std::string Below(const char* path) { return root + path; }

int Result(int64_t value) { return value < 0 ? -errno : static_cast<int>(value); }

int GetAttributes(const char* path, struct stat* out, fuse_file_info*) {
  return Result(lstat(Below(path).c_str(), out));
}

int ReadLink(const char* path, char* out, size_t size) {
  const ssize_t length = readlink(Below(path).c_str(), out, size - 1);
  if (length < 0) return -errno;
  out[length] = 0;
  return 0;
}

int ReadDirectory(const char* path, void* out, fuse_fill_dir_t fill, off_t, fuse_file_info*,
                  fuse_readdir_flags) {
  DIR* dir = opendir(Below(path).c_str());
  if (dir == nullptr) return -errno;
  while (const dirent* entry = readdir(dir)) {
    if (fill(out, entry->d_name, nullptr, 0, static_cast<fuse_fill_dir_flags>(0)) != 0) break;
  }
  closedir(dir);
  return 0;
}

int Open(const char* path, fuse_file_info* info) {
  const int fd = open(Below(path).c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -errno;
  info->fh = static_cast<uint64_t>(fd);
  info->direct_io = 1;
  counters->opens++;
  return 0;
}

int Read(const char*, char* out, size_t size, off_t offset, fuse_file_info* info) {
  while (counters->hold != 0) usleep(1000);
  const ssize_t length = pread(static_cast<int>(info->fh), out, size, offset);
  if (length < 0) return -errno;
  counters->bytes += static_cast<uint64_t>(length);
  counters->reads++;
  return static_cast<int>(length);
}

int Release(const char*, fuse_file_info* info) { return Result(close(static_cast<int>(info->fh))); }

int FileSystem(const char* path, struct statvfs* out) {
  return Result(statvfs(Below(path).c_str(), out));
}

bool MapCounters(const char* path) {
  const int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0 || ftruncate(fd, sizeof(Counters)) != 0) return false;
  void* map = mmap(nullptr, sizeof(Counters), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (map == MAP_FAILED) return false;
  counters = static_cast<Counters*>(map);
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    fprintf(stderr, "usage: counting_fs FOLDER MOUNTPOINT COUNTERS [FUSE OPTIONS]\n");
    return 2;
  }
  root = argv[1];
  if (!MapCounters(argv[3])) {
    perror(argv[3]);
    return 1;
  }
  fuse_operations operations = {};
  operations.getattr = GetAttributes;
  operations.readlink = ReadLink;
  operations.readdir = ReadDirectory;
  operations.open = Open;
  operations.read = Read;
  operations.release = Release;
  operations.statfs = FileSystem;
  std::vector<char*> arguments = {argv[0], argv[2]};
  arguments.insert(arguments.end(), argv + 4, argv + argc);
  return fuse_main(static_cast<int>(arguments.size()), arguments.data(), &operations, nullptr);
}
