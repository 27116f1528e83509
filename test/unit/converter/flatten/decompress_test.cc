// SPDX-License-Identifier: Apache-2.0
#include "converter/flatten/decompress.h"

#include <gtest/gtest.h>
#include <isa-l/igzip_lib.h>
#include <zstd.h>

#include <random>

#include "test/unit/converter/flatten/packed.h"
#include "test/unit/converter/flatten/tar_maker.h"

namespace floe::converter {
namespace {

absl::StatusOr<std::string> Unpack(const std::string& packed, size_t step = 1 << 20,
                                   Compression declared = Compression::kSniff,
                                   size_t out_step = 1 << 16) {
  FLOE_ASSIGN_OR_RETURN(const std::unique_ptr<ByteStream> stream,
                        Decompress(std::make_unique<StringStream>(packed, step), declared));
  return ReadAll(*stream, out_step);
}

TEST(Decompress, GivesBackWhatWasPacked) {
  for (const size_t size : {0u, 1u, 100u, 65536u, 3000000u}) {
    const std::string plain = Mixed(size);
    for (const size_t step : {1u, 1000u, 1u << 20}) {
      if (step == 1 && size > 100000) continue;
      EXPECT_EQ(*Unpack(Gzip(plain), step), plain) << size;
      EXPECT_EQ(*Unpack(Zstd(plain), step), plain) << size;
      EXPECT_EQ(*Unpack(plain, step, Compression::kNone), plain) << size;
    }
    if (size > 0 && size < 100000) {
      EXPECT_EQ(*Unpack(Gzip(plain), 1 << 20, Compression::kGzip, 13), plain) << size;
      EXPECT_EQ(*Unpack(Zstd(plain), 1 << 20, Compression::kZstd, 13), plain) << size;
    }
  }
}

TEST(Decompress, SeveralMembersAndFramesAreOneStream) {
  const std::string a = Mixed(100000);
  const std::string b = Mixed(5);
  EXPECT_EQ(*Unpack(Gzip(a) + Gzip("") + Gzip(b), 777), a + b);
  EXPECT_EQ(*Unpack(Zstd(a) + Zstd("") + Zstd(b), 777), a + b);
  const std::string skippable("\x50\x2A\x4D\x18\x03\0\0\0abc", 11);
  EXPECT_EQ(*Unpack(skippable + Zstd(a) + skippable + Zstd(b), 777), a + b);
  EXPECT_EQ(*Unpack(Gzip(a) + std::string(1000, '\0')), a) << "padding of zeros";
}

TEST(Decompress, TheBytesWinOverTheDeclaration) {
  const std::string plain = Mixed(1000);
  EXPECT_EQ(*Unpack(Zstd(plain), 100, Compression::kGzip), plain);
  EXPECT_EQ(*Unpack(Gzip(plain), 100, Compression::kZstd), plain);
  EXPECT_EQ(*Unpack(Gzip(plain), 100, Compression::kNone), Gzip(plain)) << "but for none";
  EXPECT_TRUE(absl::IsDataLoss(Unpack(plain, 100, Compression::kGzip).status()));
  EXPECT_TRUE(absl::IsDataLoss(Unpack(plain, 100, Compression::kZstd).status()));
}

TEST(Decompress, CutShortAnywhereIsDataLoss) {
  const std::string plain = Mixed(3000);
  for (const std::string& packed : {Gzip(plain), Zstd(plain)}) {
    const Compression declared = packed[0] == '\x1f' ? Compression::kGzip : Compression::kZstd;
    for (size_t size = 0; size < packed.size(); size += 7) {
      const absl::Status status = Unpack(packed.substr(0, size), 1 << 20, declared).status();
      EXPECT_TRUE(absl::IsDataLoss(status)) << size << " " << status;
    }
  }
}

TEST(Decompress, AnyFlippedBitIsSeenOrHarmless) {
  const std::string plain = Mixed(3000);
  for (const std::string& packed : {Gzip(plain), Zstd(plain)}) {
    const Compression declared = packed[0] == '\x1f' ? Compression::kGzip : Compression::kZstd;
    for (size_t at = 0; at < packed.size(); at += 3) {
      std::string damaged = packed;
      damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
      const absl::StatusOr<std::string> unpacked = Unpack(damaged, 1 << 20, declared);
      EXPECT_TRUE(!unpacked.ok() || *unpacked == plain) << at;
    }
  }
}

TEST(Decompress, ForeignBytesBehindTheEndAreDataLoss) {
  EXPECT_TRUE(absl::IsDataLoss(Unpack(Gzip("a") + "garbage").status()));
  EXPECT_TRUE(absl::IsDataLoss(Unpack(Gzip("a") + std::string(4, '\0') + Gzip("b")).status()));
  EXPECT_TRUE(absl::IsDataLoss(Unpack(Zstd("a") + "garbage").status()));
}

// The stream's digest check comes with its end: it must be asked for it.
TEST(Decompress, TheStreamsEndIsReached) {
  const absl::Status wrong = absl::DataLossError("wrong digest");
  for (const std::string& packed : {Gzip("abc"), Zstd("abc"), std::string("abc")}) {
    const absl::StatusOr<std::unique_ptr<ByteStream>> stream =
        Decompress(std::make_unique<StringStream>(packed, 1 << 20, wrong), Compression::kSniff);
    if (!stream.ok()) {
      EXPECT_EQ(stream.status(), wrong);
      continue;
    }
    EXPECT_EQ(ReadAll(**stream).status(), wrong);
  }
}

TEST(PieceSource, AheadAndInlineGiveTheSame) {
  const std::string bytes = Mixed(5 * kPieceBytes + 17);
  for (const bool ahead : {false, true}) {
    auto stream = std::make_unique<StringStream>(bytes, 100000);
    const std::unique_ptr<PieceSource> source =
        ahead ? ReadAhead(std::move(stream)) : ReadInline(std::move(stream));
    std::string all;
    while (true) {
      const absl::StatusOr<ByteView> piece = source->Next();
      ASSERT_TRUE(piece.ok());
      if (piece->empty()) break;
      all += std::string(AsText(*piece));
    }
    EXPECT_EQ(all, bytes);
    EXPECT_TRUE(source->Next()->empty()) << "the end stays";
  }
}

TEST(PieceSource, ErrorsComeBackAndStay) {
  for (const bool ahead : {false, true}) {
    auto stream = std::make_unique<StringStream>(Mixed(kPieceBytes), kPieceBytes,
                                                 absl::UnavailableError("gone"));
    const std::unique_ptr<PieceSource> source =
        ahead ? ReadAhead(std::move(stream)) : ReadInline(std::move(stream));
    ASSERT_TRUE(source->Next().ok());
    EXPECT_TRUE(absl::IsUnavailable(source->Next().status()));
    EXPECT_TRUE(absl::IsUnavailable(source->Next().status()));
  }
}

TEST(PieceSource, AheadMayBeDroppedInTheMiddle) {
  const std::unique_ptr<PieceSource> source =
      ReadAhead(std::make_unique<StringStream>(Mixed(20 * kPieceBytes)));
  ASSERT_TRUE(source->Next().ok());
}

}  // namespace
}  // namespace floe::converter
