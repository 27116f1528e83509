// SPDX-License-Identifier: Apache-2.0
// Streams of blobs: checked against their descriptor, from a file, from memory.
#pragma once

#include <memory>
#include <string>

#include "base/byte_stream.h"
#include "base/bytes.h"
#include "base/sha256.h"
#include "base/unique_fd.h"
#include "oci/descriptor.h"

namespace floe::oci {

// Passes `inner` on. The end is reached only when digest and size are those of `descriptor`; more
// bytes than that end it at once, fewer or others at the end: DATA_LOSS, naming `name`.
class VerifyingStream : public ByteStream {
 public:
  VerifyingStream(std::unique_ptr<ByteStream> inner, const Descriptor& descriptor,
                  std::string name);
  absl::StatusOr<size_t> Read(MutableByteView out) override;

 private:
  absl::Status CheckEnd();
  absl::Status Fail(absl::string_view reason) const;

  std::unique_ptr<ByteStream> inner_;
  const std::string digest_;
  const uint64_t size_;
  const std::string name_;
  Sha256 hash_;
  uint64_t seen_ = 0;
  bool ended_ = false;
  absl::Status failure_;
};

// `length` bytes of a file from `offset`; the descriptor is shared, so many may read at once.
class FileStream : public ByteStream {
 public:
  FileStream(std::shared_ptr<const UniqueFd> file, uint64_t offset, uint64_t length,
             std::string name);
  absl::StatusOr<size_t> Read(MutableByteView out) override;

 private:
  std::shared_ptr<const UniqueFd> file_;
  uint64_t offset_;
  uint64_t left_;
  const std::string name_;
};

// A stream that its caller keeps, for those who want to own one.
class BorrowedStream : public ByteStream {
 public:
  explicit BorrowedStream(ByteStream& stream) : stream_(stream) {}
  absl::StatusOr<size_t> Read(MutableByteView out) override { return stream_.Read(out); }

 private:
  ByteStream& stream_;
};

// Bytes of its own.
class MemoryStream : public ByteStream {
 public:
  explicit MemoryStream(Bytes bytes) : bytes_(std::move(bytes)) {}
  absl::StatusOr<size_t> Read(MutableByteView out) override;

 private:
  Bytes bytes_;
  size_t position_ = 0;
};

// Everything a stream gives. INVALID_ARGUMENT, naming `name`, beyond `max_bytes`.
absl::StatusOr<Bytes> ReadAll(ByteStream& stream, uint64_t max_bytes, absl::string_view name);

// INVALID_ARGUMENT when the descriptor says more than `max_bytes`.
absl::Status CheckSmall(const Descriptor& descriptor, uint64_t max_bytes, absl::string_view name);
// DATA_LOSS unless `bytes` are what the descriptor says.
absl::Status CheckBytes(const Descriptor& descriptor, ByteView bytes, absl::string_view name);

}  // namespace floe::oci
