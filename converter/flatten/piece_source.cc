// SPDX-License-Identifier: Apache-2.0
#include "converter/flatten/piece_source.h"

#include <atomic>
#include <thread>

#include "base/channel.h"

namespace floe::converter {
namespace {

// Fills `piece` as far as the stream goes; full pieces keep the hand-overs few.
absl::StatusOr<Bytes> ReadPiece(ByteStream& stream, Bytes piece) {
  piece.resize(kPieceBytes);
  size_t filled = 0;
  while (filled < piece.size()) {
    FLOE_ASSIGN_OR_RETURN(const size_t got, stream.Read(MutableByteView(piece).subspan(filled)));
    if (got == 0) break;
    filled += got;
  }
  piece.resize(filled);
  return piece;
}

class InlineSource : public PieceSource {
 public:
  explicit InlineSource(std::unique_ptr<ByteStream> stream) : stream_(std::move(stream)) {}

  absl::StatusOr<ByteView> Next() override {
    FLOE_ASSIGN_OR_RETURN(piece_, ReadPiece(*stream_, std::move(piece_)));
    return ByteView(piece_);
  }

 private:
  std::unique_ptr<ByteStream> stream_;
  Bytes piece_;
};

class AheadSource : public PieceSource {
 public:
  explicit AheadSource(std::unique_ptr<ByteStream> stream)
      : stream_(std::move(stream)), thread_([this] { Produce(); }) {}

  ~AheadSource() override {
    full_.Close();
    free_.Close();
    thread_.join();
  }

  absl::StatusOr<ByteView> Next() override {
    if (ended_) return end_;
    if (!piece_.empty()) free_.Send(std::move(piece_));
    piece_.clear();
    std::optional<Filled> received = full_.Receive();
    if (!received || received->bytes.empty()) {
      ended_ = true;
      if (received && !received->status.ok()) end_ = received->status;
      return end_;
    }
    piece_ = std::move(received->bytes);
    return ByteView(piece_);
  }

 private:
  static constexpr size_t kPieces = 4;
  struct Filled {
    absl::Status status;
    Bytes bytes;  // empty: the end, or the error
  };

  // Sends pieces up to and with the empty one or the error that ends them.
  void Produce() {
    size_t made = 0;
    while (true) {
      Bytes piece;
      if (made < kPieces) {
        ++made;
      } else {
        std::optional<Bytes> used = free_.Receive();
        if (!used) return;
        piece = *std::move(used);
      }
      Filled filled;
      if (absl::StatusOr<Bytes> bytes = ReadPiece(*stream_, std::move(piece)); bytes.ok()) {
        filled.bytes = *std::move(bytes);
      } else {
        filled.status = bytes.status();
      }
      const bool last = filled.bytes.empty();
      if (!full_.Send(std::move(filled)) || last) return;
    }
  }

  std::unique_ptr<ByteStream> stream_;
  Channel<Filled> full_{kPieces};
  Channel<Bytes> free_{kPieces};
  Bytes piece_;
  bool ended_ = false;
  absl::StatusOr<ByteView> end_ = ByteView();
  std::thread thread_;
};

}  // namespace

std::unique_ptr<PieceSource> ReadInline(std::unique_ptr<ByteStream> stream) {
  return std::make_unique<InlineSource>(std::move(stream));
}

std::unique_ptr<PieceSource> ReadAhead(std::unique_ptr<ByteStream> stream) {
  return std::make_unique<AheadSource>(std::move(stream));
}

}  // namespace floe::converter
