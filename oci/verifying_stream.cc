// SPDX-License-Identifier: Apache-2.0
#include "oci/verifying_stream.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "oci/digest.h"

namespace floe::oci {

VerifyingStream::VerifyingStream(std::unique_ptr<ByteStream> inner, const Descriptor& descriptor,
                                 std::string name)
    : inner_(std::move(inner)),
      digest_(descriptor.digest),
      size_(descriptor.size),
      name_(std::move(name)) {}

absl::Status VerifyingStream::Fail(absl::string_view reason) const {
  return absl::DataLossError(absl::StrCat(
      name_, ": blob ", digest_, " ", reason,
      "; the source holds or sends something else than it announces: fetch or push it again"));
}

absl::StatusOr<size_t> VerifyingStream::Read(MutableByteView out) {
  if (!failure_.ok()) return failure_;
  if (ended_) return 0;
  absl::StatusOr<size_t> got = inner_->Read(out);
  if (!got.ok()) return failure_ = got.status();
  if (*got == 0) {
    ended_ = true;
    failure_ = CheckEnd();
    if (!failure_.ok()) return failure_;
    return 0;
  }
  seen_ += *got;
  if (seen_ > size_) {
    return failure_ = Fail(absl::StrCat("is longer than the ", size_, " bytes announced"));
  }
  hash_.Update(out.first(*got));
  return got;
}

absl::Status VerifyingStream::CheckEnd() {
  if (seen_ < size_) {
    return Fail(absl::StrCat("ends after ", seen_, " of ", size_, " bytes"));
  }
  const std::string digest = DigestString(hash_.Finish());
  if (digest != digest_) return Fail(absl::StrCat("has digest ", digest));
  return absl::OkStatus();
}

FileStream::FileStream(std::shared_ptr<const UniqueFd> file, uint64_t offset, uint64_t length,
                       std::string name)
    : file_(std::move(file)), offset_(offset), left_(length), name_(std::move(name)) {}

absl::StatusOr<size_t> FileStream::Read(MutableByteView out) {
  const size_t wanted = std::min<uint64_t>(out.size(), left_);
  if (wanted == 0) return 0;
  ssize_t got = 0;
  do {
    got = pread(file_->get(), out.data(), wanted, static_cast<off_t>(offset_));
  } while (got < 0 && errno == EINTR);
  if (got < 0) return ErrnoStatus(errno, absl::StrCat("read ", name_));
  if (got == 0) return absl::DataLossError(absl::StrCat(name_, ": the file ends too early"));
  offset_ += static_cast<uint64_t>(got);
  left_ -= static_cast<uint64_t>(got);
  return static_cast<size_t>(got);
}

absl::StatusOr<size_t> MemoryStream::Read(MutableByteView out) {
  const size_t count = std::min(out.size(), bytes_.size() - position_);
  if (count > 0) std::memcpy(out.data(), bytes_.data() + position_, count);
  position_ += count;
  return count;
}

absl::StatusOr<Bytes> ReadAll(ByteStream& stream, uint64_t max_bytes, absl::string_view name) {
  Bytes bytes;
  size_t used = 0;
  while (true) {
    bytes.resize(std::max<size_t>(bytes.size() * 2, 64 << 10));
    while (used < bytes.size()) {
      FLOE_ASSIGN_OR_RETURN(const size_t got, stream.Read(MutableByteView(bytes).subspan(used)));
      if (got == 0) {
        bytes.resize(used);
        return bytes;
      }
      used += got;
      if (used > max_bytes) {
        return absl::InvalidArgumentError(
            absl::StrCat(name, ": longer than the ", max_bytes, " bytes that floe accepts here"));
      }
    }
  }
}

absl::Status CheckSmall(const Descriptor& descriptor, uint64_t max_bytes, absl::string_view name) {
  if (descriptor.size <= max_bytes) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(name, ": blob ", descriptor.digest, " of type ",
                                                 descriptor.media_type, " has ", descriptor.size,
                                                 " bytes, more than the ", max_bytes,
                                                 " that floe accepts for such a document"));
}

absl::Status CheckBytes(const Descriptor& descriptor, ByteView bytes, absl::string_view name) {
  if (bytes.size() != descriptor.size) {
    return absl::DataLossError(absl::StrCat(name, ": blob ", descriptor.digest, " has ",
                                            bytes.size(), " bytes instead of ", descriptor.size));
  }
  const std::string digest = DigestOf(bytes);
  if (digest != descriptor.digest) {
    return absl::DataLossError(
        absl::StrCat(name, ": blob ", descriptor.digest, " has digest ", digest));
  }
  return absl::OkStatus();
}

}  // namespace floe::oci
