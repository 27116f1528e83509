// SPDX-License-Identifier: Apache-2.0
// Little-endian encoding with checked bounds. Neither class is thread safe.
#pragma once

#include <cstring>
#include <type_traits>

#include "base/bytes.h"

namespace floe {

// Appends little-endian fields to a byte string that it owns.
class LittleEndianWriter {
 public:
  template <typename T>
  void Put(T value) {
    static_assert(std::is_unsigned_v<T>);
    for (size_t i = 0; i < sizeof(T); ++i) {
      bytes_.push_back(static_cast<uint8_t>(static_cast<uint64_t>(value) >> (8 * i)));
    }
  }
  void PutBytes(ByteView bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }
  void PutZeros(size_t count) { bytes_.resize(bytes_.size() + count); }

  size_t size() const { return bytes_.size(); }
  ByteView view() const { return bytes_; }
  Bytes Take() { return std::move(bytes_); }

 private:
  Bytes bytes_;
};

// Reads fields from borrowed bytes, which must outlive it. Past the end every read gives zeros and
// ok() turns false for good, so a parser may check once at the end of a group of fields.
class LittleEndianReader {
 public:
  explicit LittleEndianReader(ByteView bytes) : bytes_(bytes) {}

  template <typename T>
  T Get() {
    static_assert(std::is_unsigned_v<T>);
    const ByteView field = GetBytes(sizeof(T));
    uint64_t value = 0;
    for (size_t i = 0; i < field.size(); ++i) value |= static_cast<uint64_t>(field[i]) << (8 * i);
    return static_cast<T>(value);
  }
  // Empty when fewer than `count` bytes are left.
  ByteView GetBytes(size_t count) {
    if (!ok_ || count > bytes_.size() - position_) {
      ok_ = false;
      return {};
    }
    const ByteView field = bytes_.subspan(position_, count);
    position_ += count;
    return field;
  }

  bool ok() const { return ok_; }
  size_t position() const { return position_; }
  size_t remaining() const { return ok_ ? bytes_.size() - position_ : 0; }

 private:
  ByteView bytes_;
  size_t position_ = 0;
  bool ok_ = true;
};

}  // namespace floe
