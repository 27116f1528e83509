// SPDX-License-Identifier: Apache-2.0
#include "converter/flatten/tar_fields.h"

#include <gtest/gtest.h>

#include "test/unit/converter/flatten/tar_maker.h"

namespace floe::converter {
namespace {

std::optional<int64_t> Number(const std::string& field) { return TarNumber(AsBytes(field)); }

TEST(TarNumber, ReadsOctalWithAnythingAround) {
  EXPECT_EQ(Number("0000644"), 0644);
  EXPECT_EQ(Number("  644 "), 0644);
  EXPECT_EQ(Number(std::string("\000 644\0", 6)), 0644);
  EXPECT_EQ(Number(""), 0);
  EXPECT_EQ(Number(std::string(12, '\0')), 0);
  EXPECT_EQ(Number("644\0001"), 0644);
  EXPECT_FALSE(Number("648"));
  EXPECT_FALSE(Number("-644"));
  EXPECT_FALSE(Number("6 4"));
  EXPECT_FALSE(Number("7777777777777777777777"));
}

TEST(TarNumber, ReadsBase256OfBothSigns) {
  EXPECT_EQ(Number(std::string("\x80\0\0\0\0\0\0\0\0\0\0\x07", 12)), 7);
  EXPECT_EQ(Number(std::string("\x80\0\0\0\x01\0\0\0\0", 9)), int64_t{1} << 32);
  EXPECT_EQ(Number(std::string("\xff\xff\xff\xff\xff\xff\xff\xfe", 8)), -2);
  EXPECT_EQ(Number(std::string("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfc\x18", 12)), -1000);
  EXPECT_FALSE(Number(std::string("\x80\x01\0\0\0\0\0\0\0\0\0\0", 12)));
  EXPECT_FALSE(Number(std::string("\x80\0\0\0\xff\0\0\0\0\0\0\0", 12)));
}

TEST(ParseDecimal, TakesNumbersOnly) {
  EXPECT_EQ(ParseDecimal("-12"), -12);
  EXPECT_EQ(ParseDecimal("+12"), 12);
  EXPECT_EQ(ParseDecimal("9223372036854775807"), INT64_MAX);
  for (absl::string_view bad : {"", "-", "+", "1x", " 1", "9223372036854775808", "0x1"}) {
    EXPECT_FALSE(ParseDecimal(bad)) << bad;
  }
}

TEST(ParsePaxTime, GoesTowardsTheFuture) {
  const auto expect = [](absl::string_view text, int64_t seconds, uint32_t nanoseconds) {
    const std::optional<TarTime> time = ParsePaxTime(text);
    ASSERT_TRUE(time) << text;
    EXPECT_EQ(time->seconds, seconds) << text;
    EXPECT_EQ(time->nanoseconds, nanoseconds) << text;
  };
  expect("0", 0, 0);
  expect("1.5", 1, 500000000);
  expect("1.", 1, 0);
  expect("-1", -1, 0);
  expect("-1.5", -2, 500000000);
  expect("-0.5", -1, 500000000);
  expect("1234567890.1234567899", 1234567890, 123456789);
  for (absl::string_view bad : {"", ".5", "1.x", "1.5.5", "x", "-9223372036854775808.5"}) {
    EXPECT_FALSE(ParsePaxTime(bad)) << bad;
  }
}

TEST(TarChecksum, AcceptsUnsignedAndSignedSums) {
  std::string block = TarMaker::Header({.name = "plain"});
  EXPECT_TRUE(TarChecksumMatches(AsBytes(block)));
  block[0] ^= 1;
  EXPECT_FALSE(TarChecksumMatches(AsBytes(block)));
  // Old tars added signed bytes.
  block = TarMaker::Header({.name = "n\xff"});
  const auto unsigned_sum = static_cast<unsigned>(*Number(block.substr(148, 8)));
  char text[8];
  std::snprintf(text, sizeof(text), "%06o", unsigned_sum - 256);
  block.replace(148, 7, std::string(text, 7));
  EXPECT_TRUE(TarChecksumMatches(AsBytes(block)));
}

std::string Records(const std::string& bytes) {
  std::string seen;
  const absl::Status status = ParsePaxRecords(bytes, [&](absl::string_view k, absl::string_view v) {
    absl::StrAppend(&seen, k, "=", v, ";");
    return absl::OkStatus();
  });
  return status.ok() ? seen : "error: " + std::string(status.message());
}

TEST(ParsePaxRecords, ReadsAllOfThem) {
  EXPECT_EQ(Records(""), "");
  EXPECT_EQ(Records("6 a=b\n"), "a=b;");
  EXPECT_EQ(Records("5 a=\n11 k=v=\n\nx\n"), "a=;k=v=\n\nx;");
  EXPECT_EQ(Records(TarMaker::PaxRecord("path", std::string(95, 'p'))),
            "path=" + std::string(95, 'p') + ";");
}

TEST(ParsePaxRecords, RefusesWhatIsNone) {
  for (const std::string bad :
       {"6", "6 ab\n\n", "7 a=b\n", "6 a=bx", "0 a=b\n", "-6 a=b\n", "99999999999999999999 a=b\n",
        "4 =\n", "x a=b\n", "2 \n", "1 a=b\n"}) {
    EXPECT_EQ(Records(bad).substr(0, 5), "error") << bad;
  }
  const absl::Status stop = ParsePaxRecords("6 a=b\n", [](absl::string_view, absl::string_view) {
    return absl::CancelledError("enough");
  });
  EXPECT_TRUE(absl::IsCancelled(stop));
}

TEST(TarString, EndsAtTheFirstNul) {
  EXPECT_EQ(TarString(AsBytes(absl::string_view("ab\0cd", 5))), "ab");
  EXPECT_EQ(TarString(AsBytes("abcd")), "abcd");
}

}  // namespace
}  // namespace floe::converter
