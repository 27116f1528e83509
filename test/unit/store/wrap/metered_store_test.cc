// SPDX-License-Identifier: Apache-2.0
#include "store/wrap/metered_store.h"

#include "test/contract/chunk_store_contract.h"

namespace floe::store {
namespace {

struct MeteredSubject {
  static constexpr bool kListsEverything = true;
  Metrics metrics;
  std::shared_ptr<ChunkStore> Make() {
    return std::make_shared<MeteredStore>(std::make_shared<FakeChunkStore>(), metrics, "test");
  }
};
INSTANTIATE_TYPED_TEST_SUITE_P(Metered, ChunkStoreContract, MeteredSubject);

TEST(MeteredStore, CountsRequestsByResultBytesAndTime) {
  Metrics metrics;
  FakeClock clock;
  auto fake = std::make_shared<FakeChunkStore>();
  MeteredStore store(fake, metrics, "origin", clock);
  const auto requests = [&](const char* operation, const char* result) {
    return metrics
        .GetCounter("floe_store_requests_total", "",
                    {{"store", "origin"}, {"operation", operation}, {"result", result}})
        .value();
  };
  const auto bytes = [&](const char* operation) {
    return metrics
        .GetCounter("floe_store_bytes_total", "", {{"store", "origin"}, {"operation", operation}})
        .value();
  };
  ASSERT_TRUE(PutBlocking(store, FakeSealedChunk(1, 500)).ok());
  ASSERT_TRUE(PutBlocking(store, FakeSealedChunk(1, 500)).ok());
  ASSERT_TRUE(GetBlocking(store, FakeSealedChunk(1, 500).id()).ok());
  EXPECT_FALSE(GetBlocking(store, FakeSealedChunk(2).id()).ok());
  fake->FailNext(1, absl::UnavailableError("down"));
  EXPECT_FALSE(GetBlocking(store, FakeSealedChunk(1, 500).id()).ok());
  EXPECT_EQ(requests("put", "ok"), 2);
  EXPECT_EQ(requests("get", "ok"), 1);
  EXPECT_EQ(requests("get", "not_found"), 1);
  EXPECT_EQ(requests("get", "unavailable"), 1);
  EXPECT_EQ(bytes("put"), 500);  // the second one moved nothing
  EXPECT_EQ(bytes("get"), 500);
}

TEST(MeteredStore, KnowsWhatIsUnderWay) {
  Metrics metrics;
  FakeClock clock;
  auto fake = std::make_shared<FakeChunkStore>();
  MeteredStore store(fake, metrics, "origin", clock);
  Gauge& in_flight = metrics.GetGauge("floe_store_requests_in_flight", "", {{"store", "origin"}});
  fake->Hold();
  store.Get(FakeSealedChunk(1).id(), {}, [](auto) {});
  store.Get(FakeSealedChunk(2).id(), {}, [](auto) {});
  EXPECT_EQ(in_flight.value(), 2);
  clock.Advance(std::chrono::seconds(2));
  fake->Release();
  EXPECT_EQ(in_flight.value(), 0);
  EXPECT_THAT(metrics.Text(),
              testing::HasSubstr("floe_store_seconds_sum{operation=\"get\",store=\"origin\"} 4"));
}

}  // namespace
}  // namespace floe::store
