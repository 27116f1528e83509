// SPDX-License-Identifier: Apache-2.0
// What every decompressor does with its input: keep a buffer, refill it, know the end.
#pragma once

#include <memory>

#include "base/byte_stream.h"

namespace floe::converter {

// Not thread safe.
class CompressedInput {
 public:
  explicit CompressedInput(std::unique_ptr<ByteStream> stream)
      : stream_(std::move(stream)), buffer_(256 << 10) {}

  // What is buffered and not consumed.
  ByteView view() const { return ByteView(buffer_).subspan(begin_, end_ - begin_); }
  void Consume(size_t count) { begin_ += count; }

  // Makes view() at least `want` bytes long (at most 4 KiB) unless the stream ends before.
  absl::Status Fill(size_t want = 1) {
    while (end_ - begin_ < want && !ended_) {
      if (begin_ > 0) {
        std::copy(buffer_.begin() + static_cast<ptrdiff_t>(begin_),
                  buffer_.begin() + static_cast<ptrdiff_t>(end_), buffer_.begin());
        end_ -= begin_;
        begin_ = 0;
      }
      FLOE_ASSIGN_OR_RETURN(const size_t got,
                            stream_->Read(MutableByteView(buffer_).subspan(end_)));
      if (got == 0) ended_ = true;
      end_ += got;
    }
    return absl::OkStatus();
  }

 private:
  std::unique_ptr<ByteStream> stream_;
  Bytes buffer_;
  size_t begin_ = 0;
  size_t end_ = 0;
  bool ended_ = false;
};

}  // namespace floe::converter
