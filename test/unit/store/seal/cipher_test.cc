// SPDX-License-Identifier: Apache-2.0
// Each function against published vectors of its standard.
#include "store/seal/cipher.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace floe::store {
namespace {

Bytes Hex(absl::string_view hex) { return *FromHex(hex); }
std::string HexOf(ByteView bytes) { return ToHex(bytes); }
Secret SecretOf(absl::string_view hex) { return Secret::Copy(Hex(hex)); }

template <size_t N>
std::array<uint8_t, N> ArrayOf(absl::string_view hex) {
  std::array<uint8_t, N> out;
  const Bytes bytes = Hex(hex);
  std::copy_n(bytes.begin(), N, out.begin());
  return out;
}

TEST(Sha256, MatchesFips180) {
  EXPECT_EQ(HexOf(Sha256(AsBytes("abc"))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(HexOf(Sha256({})), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Sha256, PiecesGiveTheSameAsTheWholeAndTheHasherStartsAnew) {
  Sha256Hasher hasher;
  for (int round = 0; round < 2; ++round) {
    hasher.Update(AsBytes("a"));
    hasher.Update({});
    hasher.Update(AsBytes("bc"));
    EXPECT_EQ(hasher.Finish(), Sha256(AsBytes("abc")));
  }
}

// RFC 4231, test case 2; and the empty key is 32 zeros.
TEST(HmacSha256, MatchesRfc4231) {
  EXPECT_EQ(HexOf(HmacSha256(AsBytes("Jefe"), AsBytes("what do ya want for nothing?"))),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(HmacSha256({}, AsBytes("x")), HmacSha256(Bytes(32, 0), AsBytes("x")));
}

// RFC 5869, test cases 1 and 3.
TEST(HkdfSha256, MatchesRfc5869) {
  Bytes out(42);
  HkdfSha256(Hex("000102030405060708090a0b0c"), Bytes(22, 0x0b), Hex("f0f1f2f3f4f5f6f7f8f9"), out);
  EXPECT_EQ(HexOf(out),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
  HkdfSha256({}, Bytes(22, 0x0b), {}, out);
  EXPECT_EQ(HexOf(out),
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
  Bytes zeros(42);
  HkdfSha256(Bytes(32, 0), Bytes(22, 0x0b), {}, zeros);
  EXPECT_EQ(zeros, out);
}

// The GCM specification's test case 14: key zero, nonce zero, one block of zeros.
TEST(Gcm, MatchesTheSpecification) {
  const Key256 key{};
  const Bytes plain(16, 0);
  Bytes sealed(32);
  GcmSealNonceZero(key, {}, plain, sealed);
  EXPECT_EQ(HexOf(sealed), "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919");
  GcmSealNonceZero(key, {}, {}, MutableByteView(sealed).first(16));
  EXPECT_EQ(HexOf(ByteView(sealed).first(16)), "530f8afbc74536b9a963b4f1c4cb738b");
}

TEST(Gcm, OpensWhatItSealedAndNothingElse) {
  Key256 key{};
  key[3] = 7;
  const Bytes plain = Hex("00112233445566778899");
  Bytes sealed(plain.size() + kGcmTagBytes);
  GcmSealNonceZero(key, AsBytes("associated"), plain, sealed);
  Bytes opened(plain.size());
  ASSERT_TRUE(GcmOpenNonceZero(key, AsBytes("associated"), sealed, opened));
  EXPECT_EQ(opened, plain);
  EXPECT_FALSE(GcmOpenNonceZero(key, AsBytes("other"), sealed, opened));
  EXPECT_THAT(opened, testing::Each(0));
  for (size_t bit = 0; bit < sealed.size() * 8; ++bit) {
    Bytes altered = sealed;
    altered[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    EXPECT_FALSE(GcmOpenNonceZero(key, AsBytes("associated"), altered, opened)) << bit;
  }
}

TEST(Gcm, RefusesLengthsThatDoNotFit) {
  const Key256 key{};
  Bytes out(4);
  EXPECT_FALSE(GcmOpenNonceZero(key, {}, Bytes(15, 0), MutableByteView(out).first(0)));
  EXPECT_FALSE(GcmOpenNonceZero(key, {}, Bytes(20, 0), MutableByteView(out).first(3)));
}

TEST(Gcm, SealsTheEmptyTextWithAssociatedData) {
  const Key256 key{};
  Bytes sealed(kGcmTagBytes);
  GcmSealNonceZero(key, AsBytes("x"), {}, sealed);
  EXPECT_TRUE(GcmOpenNonceZero(key, AsBytes("x"), sealed, {}));
  EXPECT_FALSE(GcmOpenNonceZero(key, AsBytes("y"), sealed, {}));
}

// RFC 3394, 4.6: 256 bits of key data with a 256-bit key.
TEST(AesKeyWrap, MatchesRfc3394) {
  const Secret key = SecretOf("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
  const Bytes data = Hex("00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f");
  const Bytes wrapped = AesKeyWrap(key, data);
  EXPECT_EQ(HexOf(wrapped),
            "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21");
  auto unwrapped = AesKeyUnwrap(key, wrapped);
  ASSERT_TRUE(unwrapped.ok());
  EXPECT_EQ(HexOf(unwrapped->view()), HexOf(data));
}

TEST(AesKeyWrap, RefusesEveryFlippedBitAndWrongLengths) {
  const Secret key(32);
  const Bytes wrapped = AesKeyWrap(key, Bytes(32, 9));
  for (size_t bit = 0; bit < wrapped.size() * 8; ++bit) {
    Bytes altered = wrapped;
    altered[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    EXPECT_TRUE(absl::IsDataLoss(AesKeyUnwrap(key, altered).status())) << bit;
  }
  for (const size_t length : {0u, 8u, 16u, 23u, 39u, 41u}) {
    EXPECT_TRUE(absl::IsDataLoss(AesKeyUnwrap(key, Bytes(length, 1)).status())) << length;
  }
}

// RFC 8032, 7.1, tests 1 and 2.
TEST(Ed25519, MatchesRfc8032) {
  const Secret seed = SecretOf("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
  const auto public_key = Ed25519PublicKey(seed);
  EXPECT_EQ(HexOf(public_key), "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
  const Bytes message = Hex("72");
  const auto signature = Ed25519Sign(seed, message);
  EXPECT_EQ(HexOf(signature),
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
  EXPECT_TRUE(Ed25519Verify(public_key, message, signature));
  EXPECT_FALSE(Ed25519Verify(public_key, Hex("73"), signature));
  EXPECT_FALSE(Ed25519Verify(ArrayOf<32>(std::string(64, 'f')), message, signature));
}

TEST(RandomBytes, FillsEverythingAndDiffers) {
  Bytes a(1000), b(1000);
  RandomBytes(a);
  RandomBytes(b);
  EXPECT_NE(a, b);
  RandomBytes({});
}

}  // namespace
}  // namespace floe::store
