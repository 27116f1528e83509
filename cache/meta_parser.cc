// SPDX-License-Identifier: Apache-2.0
#include "cache/meta_parser.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace floe::cache {
namespace {

using Kind = MetaReply::Kind;

// What arrives here of a value is copied once more, which for a small one costs less than another
// call for the rest.
constexpr size_t kBufferBytes = 32 << 10;
static_assert(kBufferBytes > MetaParser::kMaxLine);

// The first word of a line is `word`; flags may follow.
bool LineIs(absl::string_view line, absl::string_view word) {
  return absl::StartsWith(line, word) && (line.size() == word.size() || line[word.size()] == ' ');
}

absl::Status OutOfStep(absl::string_view what) {
  return absl::DataLossError(absl::StrCat(
      "answered with ", what, "; is this a memcached of 1.6 or later, on its TCP port?"));
}

}  // namespace

MetaParser::MetaParser() : line_(kBufferBytes) {}

std::array<MutableByteView, 2> MetaParser::Spaces() {
  MutableByteView rest;
  if (value_ != nullptr) rest = MutableByteView(*value_).subspan(filled_);
  if (begin_ > 0) {
    std::memmove(line_.data(), line_.data() + begin_, waiting());
    end_ -= begin_;
    begin_ = 0;
  }
  return {rest, MutableByteView(line_).subspan(end_)};
}

void MetaParser::Took(size_t bytes) {
  if (value_ != nullptr) {
    const size_t of_value = std::min(bytes, value_->size() - filled_);
    filled_ += of_value;
    bytes -= of_value;
  }
  end_ += bytes;
}

absl::StatusOr<std::optional<MetaReply>> MetaParser::Next() {
  if (value_ != nullptr) return FinishValue();
  return NextLine();
}

absl::StatusOr<std::optional<MetaReply>> MetaParser::FinishValue() {
  if (filled_ < value_->size() || waiting() < 2) return std::nullopt;
  if (line_[begin_] != '\r' || line_[begin_ + 1] != '\n') {
    return OutOfStep("a value of another length than it said");
  }
  begin_ += 2;
  return MetaReply{Kind::kValue, std::exchange(value_, nullptr), ""};
}

absl::Status MetaParser::BeginValue(absl::string_view rest) {
  const absl::string_view digits = rest.substr(0, rest.find(' '));
  size_t size = 0;
  if (digits.empty() || digits.find_first_not_of("0123456789") != absl::string_view::npos ||
      !absl::SimpleAtoi(digits, &size) || size > kMaxValue) {
    return OutOfStep("a value of no possible length");
  }
  value_ = std::make_shared<Bytes>(size);
  filled_ = std::min(size, waiting());
  std::copy_n(line_.begin() + static_cast<ptrdiff_t>(begin_), filled_, value_->begin());
  begin_ += filled_;
  return absl::OkStatus();
}

absl::StatusOr<std::optional<MetaReply>> MetaParser::NextLine() {
  const absl::string_view text = AsText(ByteView(line_).subspan(begin_, waiting()));
  const size_t newline = text.find('\n');
  if (newline == absl::string_view::npos) {
    if (text.size() > kMaxLine) return OutOfStep("a line without an end");
    return std::nullopt;
  }
  if (newline == 0 || text[newline - 1] != '\r') return OutOfStep("a line that ends wrongly");
  const absl::string_view line = text.substr(0, newline - 1);
  begin_ += newline + 1;
  if (absl::StartsWith(line, "VA ")) {
    FLOE_RETURN_IF_ERROR(BeginValue(line.substr(3)));
    return FinishValue();
  }
  if (LineIs(line, "EN")) return MetaReply{Kind::kMiss, nullptr, ""};
  if (LineIs(line, "HD")) return MetaReply{Kind::kStored, nullptr, ""};
  if (LineIs(line, "NS")) return MetaReply{Kind::kNotStored, nullptr, ""};
  if (line == "END") return MetaReply{Kind::kEnd, nullptr, ""};
  if (absl::StartsWith(line, "STAT ")) {
    return MetaReply{Kind::kStat, nullptr, std::string(line.substr(5))};
  }
  if (LineIs(line, "ERROR") || LineIs(line, "SERVER_ERROR") || LineIs(line, "CLIENT_ERROR")) {
    return MetaReply{Kind::kError, nullptr, std::string(line)};
  }
  return OutOfStep("an unknown line");
}

}  // namespace floe::cache
