// SPDX-License-Identifier: Apache-2.0
#include "converter/publish/tiny_layer.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>

#include "base/codec.h"

namespace floe::converter {
namespace {

constexpr size_t kTarBlock = 512;
constexpr size_t kMaxStoredBlock = 65535;  // DEFLATE, RFC 1951 3.2.4

void PutField(MutableByteView header, size_t offset, absl::string_view text) {
  std::memcpy(header.data() + offset, text.data(), text.size());
}

// An octal number with a NUL behind, `width` bytes in all.
void PutOctal(MutableByteView header, size_t offset, size_t width, uint64_t value) {
  char text[24];
  snprintf(text, sizeof(text), "%0*llo", static_cast<int>(width - 1),
           static_cast<unsigned long long>(value));
  std::memcpy(header.data() + offset, text, width);
}

void AppendHeader(Bytes& tar, absl::string_view name, char type, uint64_t mode, uint64_t size) {
  tar.resize(tar.size() + kTarBlock);
  const MutableByteView header = MutableByteView(tar).last(kTarBlock);
  PutField(header, 0, name);
  PutOctal(header, 100, 8, mode);
  PutOctal(header, 108, 8, 0);  // uid
  PutOctal(header, 116, 8, 0);  // gid
  PutOctal(header, 124, 12, size);
  PutOctal(header, 136, 12, 0);       // mtime
  PutField(header, 148, "        ");  // checksum, as spaces while it is summed
  header[156] = static_cast<uint8_t>(type);
  PutField(header, 257, absl::string_view("ustar\00000", 8));
  PutOctal(header, 329, 8, 0);  // device numbers
  PutOctal(header, 337, 8, 0);
  uint64_t sum = 0;
  for (const uint8_t byte : header) sum += byte;
  PutOctal(header, 148, 7, sum);
  header[155] = ' ';
}

const std::array<uint32_t, 256>& CrcTable() {
  static const std::array<uint32_t, 256> table = [] {
    std::array<uint32_t, 256> values{};
    for (uint32_t i = 0; i < 256; ++i) {
      uint32_t value = i;
      for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) ? 0xedb88320u : 0);
      values[i] = value;
    }
    return values;
  }();
  return table;
}

uint32_t Crc32(ByteView bytes) {
  const std::array<uint32_t, 256>& table = CrcTable();
  uint32_t crc = 0xffffffff;
  for (const uint8_t byte : bytes) crc = (crc >> 8) ^ table[(crc ^ byte) & 0xff];
  return ~crc;
}

}  // namespace

Bytes TinyLayerTar(ByteView manifest) {
  Bytes tar;
  tar.reserve(manifest.size() + 5 * kTarBlock);
  AppendHeader(tar, ".floe/", '5', 0755, 0);
  AppendHeader(tar, ".floe/manifest", '0', 0444, manifest.size());
  tar.insert(tar.end(), manifest.begin(), manifest.end());
  tar.resize((tar.size() + kTarBlock - 1) / kTarBlock * kTarBlock + 2 * kTarBlock);
  return tar;
}

Bytes GzipStored(ByteView bytes) {
  LittleEndianWriter out;
  // RFC 1952: magic, deflate, no flags, no time, no extra flags, unknown system.
  out.PutBytes(Bytes{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff});
  size_t position = 0;
  do {
    const size_t length = std::min(kMaxStoredBlock, bytes.size() - position);
    const bool last = position + length == bytes.size();
    out.Put<uint8_t>(last ? 1 : 0);
    out.Put<uint16_t>(static_cast<uint16_t>(length));
    out.Put<uint16_t>(static_cast<uint16_t>(~length));
    out.PutBytes(bytes.subspan(position, length));
    position += length;
  } while (position < bytes.size());
  out.Put<uint32_t>(Crc32(bytes));
  out.Put<uint32_t>(static_cast<uint32_t>(bytes.size()));
  return out.Take();
}

}  // namespace floe::converter
