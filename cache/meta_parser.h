// SPDX-License-Identifier: Apache-2.0
// memcached's answers (meta protocol, and the lines of `stats`) out of a stream of bytes.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "store/seal/sealed_chunk.h"

namespace floe::cache {

struct MetaReply {
  enum class Kind {
    kValue,      // VA
    kMiss,       // EN
    kStored,     // HD
    kNotStored,  // NS
    kStat,       // STAT name value
    kEnd,        // END
    kError,      // SERVER_ERROR, CLIENT_ERROR, ERROR
  };
  Kind kind = Kind::kEnd;
  store::SealedBytes value;  // kValue
  std::string text;          // kStat: "name value"; kError: the line
};

// Not thread safe. Usage: read into Spaces(), in their order, call Took, then Next until it gives
// none.
class MetaParser {
 public:
  // The longest value that is believed; memcached's own limit is -I.
  static constexpr size_t kMaxValue = size_t{4} << 20;
  static constexpr size_t kMaxLine = 2048;

  MetaParser();
  // Where the next bytes of the stream go: while a value arrives first its rest, so that nothing of
  // it is copied but what came together with its header; then a buffer, never empty.
  std::array<MutableByteView, 2> Spaces();
  void Took(size_t bytes);
  // The next whole reply; nullopt: more bytes are needed. DATA_LOSS: this is not memcached, or the
  // stream is out of step; the connection is of no use any more.
  absl::StatusOr<std::optional<MetaReply>> Next();

 private:
  absl::StatusOr<std::optional<MetaReply>> NextLine();
  absl::StatusOr<std::optional<MetaReply>> FinishValue();
  absl::Status BeginValue(absl::string_view rest);
  size_t waiting() const { return end_ - begin_; }

  Bytes line_;  // bytes that came, from begin_ to end_
  size_t begin_ = 0;
  size_t end_ = 0;
  std::shared_ptr<Bytes> value_;  // arriving; null: between replies
  size_t filled_ = 0;             // of value_
};

}  // namespace floe::cache
