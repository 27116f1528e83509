// SPDX-License-Identifier: Apache-2.0
// Writes the tar of an OCI layer: pax headers where they are needed, times in whole seconds (older
// clients round), names of users left out. The same input gives the same bytes.
#pragma once

#include <sys/stat.h>

#include <map>
#include <memory>
#include <string>

#include "snapshotter/diff/byte_sink.h"

struct archive;

namespace floe::snapshotter {

struct TarEntry {
  std::string path;  // relative, without leading "./"
  struct stat st = {};
  std::string symlink;   // target of a symbolic link
  std::string hardlink;  // path of an entry written before; then it has no content
  std::map<std::string, std::string> xattrs;
};

// Not thread safe.
class TarWriter {
 public:
  static absl::StatusOr<TarWriter> Create(ByteSink sink);
  TarWriter(TarWriter&&) noexcept;
  TarWriter& operator=(TarWriter&&) = delete;
  ~TarWriter();

  // `content` (borrowed) gives exactly st.st_size bytes of a regular file; ABORTED when it has
  // fewer.
  absl::Status Add(const TarEntry& entry, int content = -1);
  absl::Status Finish();

 private:
  struct State;
  explicit TarWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Compresses what is written into `sink`. Not thread safe.
enum class Compression { kNone, kGzip, kZstd };
class Compressor {
 public:
  static absl::StatusOr<Compressor> Create(Compression compression, ByteSink sink);
  Compressor(Compressor&&) noexcept;
  Compressor& operator=(Compressor&&) = delete;
  ~Compressor();

  absl::Status Write(ByteView bytes);
  absl::Status Finish();

 private:
  struct State;
  explicit Compressor(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace floe::snapshotter
