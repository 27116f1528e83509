// SPDX-License-Identifier: Apache-2.0
#include "base/codec.h"

#include <gtest/gtest.h>

namespace floe {
namespace {

TEST(CodecTest, FieldsComeBackInOrder) {
  LittleEndianWriter writer;
  writer.Put<uint8_t>(7);
  writer.Put<uint16_t>(0x1234);
  writer.Put<uint32_t>(0x89abcdef);
  writer.Put<uint64_t>(0x0123456789abcdef);
  writer.PutBytes(AsBytes("xyz"));
  writer.PutZeros(2);
  EXPECT_EQ(ToHex(writer.view()), "073412efcdab89efcdab896745230178797a0000");

  LittleEndianReader reader(writer.view());
  EXPECT_EQ(reader.Get<uint8_t>(), 7);
  EXPECT_EQ(reader.Get<uint16_t>(), 0x1234);
  EXPECT_EQ(reader.Get<uint32_t>(), 0x89abcdef);
  EXPECT_EQ(reader.Get<uint64_t>(), 0x0123456789abcdefu);
  EXPECT_EQ(AsText(reader.GetBytes(3)), "xyz");
  EXPECT_EQ(reader.remaining(), 2u);
  EXPECT_TRUE(reader.ok());
}

TEST(CodecTest, ReadingPastTheEndFailsForGood) {
  const Bytes bytes = {1, 2, 3};
  LittleEndianReader reader(bytes);
  EXPECT_EQ(reader.Get<uint32_t>(), 0u);
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.Get<uint8_t>(), 0u);
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.remaining(), 0u);
}

TEST(CodecTest, HugeLengthDoesNotWrapAround) {
  const Bytes bytes = {1, 2, 3};
  LittleEndianReader reader(bytes);
  reader.Get<uint8_t>();
  EXPECT_TRUE(reader.GetBytes(SIZE_MAX).empty());
  EXPECT_FALSE(reader.ok());
}

TEST(BytesTest, HexRoundTripAndRefusals) {
  EXPECT_EQ(FromHex("00ff10"), (Bytes{0, 255, 16}));
  EXPECT_EQ(FromHex("0"), std::nullopt);
  EXPECT_EQ(FromHex("0G"), std::nullopt);
  EXPECT_EQ(FromHex("AB"), std::nullopt);
  EXPECT_EQ(FromHex(""), Bytes{});
}

}  // namespace
}  // namespace floe
