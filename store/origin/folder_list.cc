// SPDX-License-Identifier: Apache-2.0
// Listing a folder's objects in the order of their whole names, as S3 does.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "store/origin/folder_files.h"

namespace floe::store {
namespace {

struct Entry {
  std::string key;  // the name; of a directory with '/' at its end, which is its place in the order
  uint64_t size = 0;
};

class Walk {
 public:
  Walk(int folder, const std::string& path, const std::string& from, size_t limit)
      : folder_(folder), path_(path), from_(from), limit_(limit) {}

  // Adds what is under `directory` ("" or "a/b/"). Stops when the page is full.
  absl::Status Visit(const std::string& directory) {
    FLOE_ASSIGN_OR_RETURN(const std::vector<Entry> entries, Read(directory));
    for (const Entry& entry : entries) {
      if (full_) break;
      const std::string name = absl::StrCat(directory, entry.key);
      if (entry.key.back() == '/') {
        // All names below are smaller than `from_` unless it is one of them.
        if (name < from_ && !absl::StartsWith(from_, name)) continue;
        FLOE_RETURN_IF_ERROR(Visit(name));
      } else if (name > from_) {
        Add({name, entry.size});
      }
    }
    return absl::OkStatus();
  }

  ObjectPage Take() { return std::move(page_); }

 private:
  void Add(ObjectInfo object) {
    if (page_.objects.size() < limit_) {
      page_.objects.push_back(std::move(object));
    } else {
      full_ = true;
      page_.next = page_.objects.back().name;
    }
  }

  absl::StatusOr<std::vector<Entry>> Read(const std::string& directory) {
    const std::string what = absl::StrCat("list ", path_, "/", directory);
    const std::string opened = directory.empty() ? "." : directory;
    const int fd = openat(folder_, opened.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) return std::vector<Entry>();
    if (fd < 0) return ErrnoStatus(errno, what);
    const std::unique_ptr<DIR, int (*)(DIR*)> stream(fdopendir(fd), closedir);
    std::vector<Entry> entries;
    while (true) {
      errno = 0;
      const dirent* found = readdir(stream.get());
      if (found == nullptr) break;
      if (found->d_name[0] == '.') continue;  // temporary files
      struct stat st;
      if (fstatat(fd, found->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0) continue;  // gone meanwhile
      if (S_ISDIR(st.st_mode)) entries.push_back({absl::StrCat(found->d_name, "/"), 0});
      if (S_ISREG(st.st_mode)) {
        entries.push_back({found->d_name, static_cast<uint64_t>(st.st_size)});
      }
    }
    if (errno != 0) return ErrnoStatus(errno, what);
    std::sort(entries.begin(), entries.end(),
              [](const Entry& a, const Entry& b) { return a.key < b.key; });
    return entries;
  }

  const int folder_;
  const std::string& path_;
  const std::string& from_;
  const size_t limit_;
  ObjectPage page_;
  bool full_ = false;
};

}  // namespace

absl::StatusOr<ObjectPage> FolderFiles::List(const std::string& prefix, const std::string& from,
                                             size_t limit) const {
  if (limit == 0) return absl::InvalidArgumentError("a list of no objects");
  if (!prefix.empty()) {
    if (prefix.back() != '/') return absl::InvalidArgumentError("a prefix ends with '/'");
    FLOE_RETURN_IF_ERROR(CheckObjectName(prefix.substr(0, prefix.size() - 1)));
  }
  Walk walk(directory_.get(), path_, from, limit);
  FLOE_RETURN_IF_ERROR(walk.Visit(prefix));
  return walk.Take();
}

}  // namespace floe::store
