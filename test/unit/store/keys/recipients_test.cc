// SPDX-License-Identifier: Apache-2.0
#include "store/keys/recipients.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace floe::store {
namespace {

using testing::HasSubstr;

Secret Key(uint8_t fill) { return Secret::Copy(Bytes(32, fill)); }

Recipient RecipientOf(uint8_t fill) { return Recipient::Local(LocalKeyId(Key(fill)), Key(fill)); }

KeyRing RingOf(const std::vector<uint8_t>& fills) {
  std::vector<LocalKey> keys;
  for (const uint8_t fill : fills) keys.push_back({LocalKeyId(Key(fill)), Key(fill)});
  KeyRing ring;
  ring.Add(MakeLocalUnwrapper(std::move(keys)));
  return ring;
}

// A key service that fails, and counts how often it was asked.
class CountingUnwrapper : public Unwrapper {
 public:
  explicit CountingUnwrapper(int* asked) : asked_(asked) {}
  std::string scheme() const override { return "service"; }
  absl::StatusOr<Secret> Unwrap(const RecipientStanza&) const override {
    ++*asked_;
    return absl::UnavailableError("the service is down");
  }

 private:
  int* const asked_;
};

TEST(Recipients, WrappingIsDeterministic) {
  EXPECT_EQ(RecipientOf(1).Wrap(Key(9))->blob, RecipientOf(1).Wrap(Key(9))->blob);
  EXPECT_EQ(RecipientOf(1).Wrap(Key(9))->hint, LocalKeyId(Key(1)));
  EXPECT_NE(LocalKeyId(Key(1)), LocalKeyId(Key(2)));
}

TEST(Recipients, TheRingFindsItsStanzaAmongOthers) {
  const std::vector<RecipientStanza> stanzas = {
      *RecipientOf(1).Wrap(Key(9)), {"jwe", "somebody", Bytes(10)}, *RecipientOf(2).Wrap(Key(9))};
  EXPECT_TRUE(RingOf({2}).Unwrap(stanzas)->Equals(Key(9)));
  EXPECT_TRUE(RingOf({5, 1}).Unwrap(stanzas)->Equals(Key(9)));
}

TEST(Recipients, NoFittingKeyNamesWhoCouldOpenIt) {
  const absl::Status status =
      RingOf({3}).Unwrap({*RecipientOf(1).Wrap(Key(9)), {"jwe", "somebody", {}}}).status();
  EXPECT_TRUE(absl::IsPermissionDenied(status));
  EXPECT_THAT(std::string(status.message()),
              testing::AllOf(HasSubstr("local:" + LocalKeyId(Key(1))), HasSubstr("jwe:somebody")));
  EXPECT_THAT(std::string(KeyRing().Unwrap({}).status().message()), HasSubstr("nobody"));
}

TEST(Recipients, ADamagedStanzaOfOursSaysSo) {
  RecipientStanza stanza = *RecipientOf(1).Wrap(Key(9));
  stanza.blob[3] ^= 1;
  const absl::Status status = RingOf({1}).Unwrap({stanza}).status();
  EXPECT_TRUE(absl::IsPermissionDenied(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("does not open"));
}

TEST(Recipients, ASchemeIsTriedOnceAndTheNextOneStillServes) {
  int asked = 0;
  std::vector<LocalKey> keys;
  keys.push_back({LocalKeyId(Key(1)), Key(1)});
  KeyRing ring;
  ring.Add(std::make_unique<CountingUnwrapper>(&asked));
  ring.Add(MakeLocalUnwrapper(std::move(keys)));
  const std::vector<RecipientStanza> stanzas = {
      {"service", "a", {}}, {"service", "b", {}}, *RecipientOf(1).Wrap(Key(9))};
  EXPECT_TRUE(ring.Unwrap(stanzas)->Equals(Key(9)));
  EXPECT_EQ(asked, 1);
}

}  // namespace
}  // namespace floe::store
