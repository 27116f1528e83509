// SPDX-License-Identifier: Apache-2.0
#include "converter/source/blob_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "oci/digest.h"
#include "oci/verifying_stream.h"

namespace floe::converter {
namespace {

constexpr size_t kCopyBytes = 1 << 20;

}  // namespace

absl::Status CopyVerified(ByteStream& stream, const oci::Descriptor& descriptor, int fd,
                          absl::string_view name) {
  oci::VerifyingStream checked(std::make_unique<oci::BorrowedStream>(stream), descriptor,
                               std::string(name));
  Bytes buffer(kCopyBytes);
  while (true) {
    FLOE_ASSIGN_OR_RETURN(const size_t got, checked.Read(buffer));
    if (got == 0) return absl::OkStatus();
    FLOE_RETURN_IF_ERROR(WriteFull(fd, ByteView(buffer).first(got)));
  }
}

absl::Status WriteBlobFile(const std::string& path, const oci::Descriptor& descriptor,
                           ByteStream& stream, absl::string_view name) {
  FLOE_ASSIGN_OR_RETURN(const UniqueFd file,
                        OpenFile(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0644));
  absl::Status status = CopyVerified(stream, descriptor, file.get(), name);
  if (status.ok() && fsync(file.get()) != 0) {
    status = ErrnoStatus(errno, absl::StrCat("fsync ", path));
  }
  if (!status.ok()) unlink(path.c_str());
  return status;
}

absl::StatusOr<bool> IsBlobFile(const std::string& path, const oci::Descriptor& descriptor) {
  absl::StatusOr<UniqueFd> file = OpenFile(path, O_RDONLY | O_NONBLOCK);
  if (absl::IsNotFound(file.status())) return false;
  FLOE_RETURN_IF_ERROR(file.status());
  FLOE_ASSIGN_OR_RETURN(const uint64_t size, FileSize(file->get()));
  if (size != descriptor.size) return false;
  oci::FileStream stream(std::make_shared<const UniqueFd>(*std::move(file)), 0, size, path);
  Sha256 hash;
  Bytes buffer(kCopyBytes);
  while (true) {
    FLOE_ASSIGN_OR_RETURN(const size_t got, stream.Read(buffer));
    if (got == 0) return oci::DigestString(hash.Finish()) == descriptor.digest;
    hash.Update(ByteView(buffer).first(got));
  }
}

}  // namespace floe::converter
