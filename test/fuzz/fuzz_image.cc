// SPDX-License-Identifier: Apache-2.0
// room: erofs
// The reader of flat images, with the super block's checksum made right so that it is passed.
#include <cstring>

#include "erofs/crc32c.h"
#include "erofs/reader.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace floe;
  Bytes image(data, data + size);
  if (size >= erofs::kBlockBytes) {
    uint8_t* field = image.data() + erofs::kSuperOffset + offsetof(erofs::SuperBlock, checksum);
    std::memset(field, 0, 4);
    const uint32_t checksum = erofs::Crc32c(
        ~0u,
        ByteView(image).subspan(erofs::kSuperOffset, erofs::kBlockBytes - erofs::kSuperOffset));
    std::memcpy(field, &checksum, 4);
  }
  const erofs::ReadAt read = [&image](uint64_t offset, MutableByteView out) -> absl::Status {
    if (offset > image.size() || out.size() > image.size() - offset) __builtin_trap();
    std::memcpy(out.data(), image.data() + offset, out.size());
    return absl::OkStatus();
  };
  (void)erofs::ReadTree(read, image.size());
  (void)erofs::MetadataRanges(ByteView(image).subspan(0, std::min<size_t>(size, 4096)), size);
  return 0;
}
