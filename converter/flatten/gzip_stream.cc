// SPDX-License-Identifier: Apache-2.0
#include "converter/flatten/gzip_stream.h"

#include <isa-l/igzip_lib.h>

#include "absl/strings/str_cat.h"

namespace floe::converter {
namespace {

class Gzip : public ByteStream {
 public:
  explicit Gzip(std::unique_ptr<CompressedInput> input)
      : input_(std::move(input)), state_(std::make_unique<inflate_state>()) {
    StartMember();
  }

  absl::StatusOr<size_t> Read(MutableByteView out) override {
    while (!done_) {
      FLOE_RETURN_IF_ERROR(input_->Fill());
      // An empty stream has no member at all, which is damage too.
      if (input_->view().empty() && !MayHoldOutput()) {
        return absl::DataLossError("the gzip stream is cut short");
      }
      FLOE_ASSIGN_OR_RETURN(const size_t made, Inflate(out));
      if (state_->block_state == ISAL_BLOCK_FINISH) FLOE_RETURN_IF_ERROR(NextMember());
      if (made > 0) return made;
    }
    return 0;
  }

 private:
  void StartMember() {
    isal_inflate_init(state_.get());
    state_->crc_flag = ISAL_GZIP;
    stalled_ = false;
  }

  // Input may be used up while the decoder still has bytes that did not fit the last buffer.
  bool MayHoldOutput() const { return !stalled_ && state_->total_out > 0; }

  absl::StatusOr<size_t> Inflate(MutableByteView out) {
    const ByteView in = input_->view();
    state_->next_in = const_cast<uint8_t*>(in.data());
    state_->avail_in = static_cast<uint32_t>(in.size());
    state_->next_out = out.data();
    state_->avail_out = static_cast<uint32_t>(std::min<size_t>(out.size(), 1u << 30));
    const uint32_t room = state_->avail_out;
    const int result = isal_inflate(state_.get());
    input_->Consume(in.size() - state_->avail_in);
    if (result != ISAL_DECOMP_OK && result != ISAL_END_INPUT) {
      return absl::DataLossError(
          absl::StrCat("the gzip stream is corrupt",
                       result == ISAL_INCORRECT_CHECKSUM ? ": its checksum does not match" : ""));
    }
    const size_t made = room - state_->avail_out;
    stalled_ = made == 0 && in.size() == state_->avail_in;
    if (stalled_ && !in.empty() && state_->block_state != ISAL_BLOCK_FINISH) {
      return absl::DataLossError("the gzip stream is corrupt");
    }
    return made;
  }

  absl::Status NextMember() {
    FLOE_RETURN_IF_ERROR(input_->Fill());
    while (!input_->view().empty() && input_->view()[0] == 0) {
      input_->Consume(1);
      padded_ = true;
      FLOE_RETURN_IF_ERROR(input_->Fill());
    }
    if (input_->view().empty()) {
      done_ = true;
      return absl::OkStatus();
    }
    FLOE_RETURN_IF_ERROR(input_->Fill(2));
    const ByteView head = input_->view();
    if (padded_ || head.size() < 2 || head[0] != 0x1F || head[1] != 0x8B) {
      return absl::DataLossError("the gzip stream has foreign bytes behind its end");
    }
    StartMember();
    return absl::OkStatus();
  }

  std::unique_ptr<CompressedInput> input_;
  std::unique_ptr<inflate_state> state_;
  bool stalled_ = false;
  bool padded_ = false;
  bool done_ = false;
};

}  // namespace

std::unique_ptr<ByteStream> GzipStream(std::unique_ptr<CompressedInput> input) {
  return std::make_unique<Gzip>(std::move(input));
}

}  // namespace floe::converter
