// SPDX-License-Identifier: Apache-2.0
// Archives of images: a tar file read at random, and one written front to back.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/byte_stream.h"
#include "base/bytes.h"
#include "base/status.h"
#include "base/unique_fd.h"
#include "oci/descriptor.h"

struct archive;

namespace floe::converter {

// Regular files of a tar by name, found in one pass and read in place. A compressed file (gzip,
// zstd, xz, bzip2) is unpacked once to an unlinked file in `work_dir`. Immutable, so thread safe.
class TarFile {
 public:
  // INVALID_ARGUMENT when it is no tar; `name` is for messages.
  static absl::StatusOr<std::shared_ptr<const TarFile>> Open(const std::string& path,
                                                             const std::string& work_dir,
                                                             const std::string& name);

  // NOT_FOUND names the member. Symbolic and hard links inside the archive are followed.
  absl::StatusOr<uint64_t> Size(const std::string& member) const;
  absl::StatusOr<std::unique_ptr<ByteStream>> OpenMember(const std::string& member) const;
  absl::StatusOr<Bytes> ReadMember(const std::string& member, uint64_t max_bytes) const;
  bool Has(const std::string& member) const { return Find(member).ok(); }

 private:
  struct Member {
    uint64_t offset = 0;
    uint64_t size = 0;
    std::string link;  // another member's name; then the rest means nothing
  };

  explicit TarFile(std::string name) : name_(std::move(name)) {}
  absl::Status ReadIndex();
  absl::StatusOr<Member> Find(const std::string& member) const;

  const std::string name_;
  std::shared_ptr<const UniqueFd> file_;
  std::map<std::string, Member> members_;
};

// Writes a tar beside `path` and moves it there when it is complete; without Commit nothing stays.
// Members have mode 0644, owner 0:0 and time 0. Not thread safe.
class TarWriter {
 public:
  static absl::StatusOr<std::unique_ptr<TarWriter>> Create(const std::string& path);
  ~TarWriter();
  TarWriter(const TarWriter&) = delete;
  TarWriter& operator=(const TarWriter&) = delete;

  absl::Status Add(const std::string& member, ByteView bytes);
  // Checks the stream against the descriptor. After a failure the archive is lost: every further
  // call gives the same error.
  absl::Status AddBlob(const std::string& member, const oci::Descriptor& descriptor,
                       ByteStream& stream, absl::string_view name);
  absl::Status Commit();

 private:
  explicit TarWriter(std::string path);
  absl::Status Begin(const std::string& member, uint64_t size);
  absl::Status Write(ByteView bytes);
  absl::Status Failure(absl::string_view what) const;

  const std::string path_;
  std::string temporary_;
  UniqueFd file_;
  archive* writer_ = nullptr;
  absl::Status failed_;
};

}  // namespace floe::converter
