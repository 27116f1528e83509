// SPDX-License-Identifier: Apache-2.0
#include "fusefs/tiers.h"

#include "gmock/gmock.h"
#include "store/blocking.h"
#include "test/unit/fusefs/node_fixture.h"

namespace floe::fusefs {
namespace {

absl::Status ReadInto(TierOptions& options, absl::string_view text) {
  FLOE_ASSIGN_OR_RETURN(const Config config, Config::Parse(text, "floe.toml"));
  FLOE_RETURN_IF_ERROR(options.Read(config));
  return options.Validate();
}

TEST(TierOptionsTest, TakesTheTable) {
  TierOptions options;
  ASSERT_TRUE(ReadInto(options, R"(
[tiers]
origin_requests = 8
image_requests = 16
attempt_timeout = "3s"
refuse_queued = 100
refuse_wait = "2s"
disk_fill = "origin"
fill_class = "start"
)")
                  .ok());
  EXPECT_EQ(options.origin.requests, 8u);
  EXPECT_EQ(options.fetches_per_image, 16u);
  EXPECT_EQ(options.origin.attempt_timeout, std::chrono::seconds(3));
  EXPECT_EQ(options.origin.overload.queued, 100u);
  EXPECT_EQ(options.origin.overload.wait, std::chrono::seconds(2));
  EXPECT_EQ(options.disk_fill, DiskFill::kOrigin);
  EXPECT_EQ(options.fill_class, store::RequestClass::kStart);
}

TEST(TierOptionsTest, ABadWordNamesTheSettingAndTheGoodOnes) {
  for (const auto& [text, hint] :
       {std::pair("[tiers]\ndisk_fill = \"always\"",
                  "tiers.disk_fill \"always\": must be one of "
                  "miss, origin, never"),
        std::pair("[tiers]\nfill_class = \"slow\"", "running, start, prefetch, background"),
        std::pair("[tiers]\norigin_requests = 0", "origin_requests"),
        std::pair("[tiers]\nattempt_timeout = \"1ms\"", "attempt_timeout"),
        std::pair("[tiers]\nrefuse_wait = \"1ms\"", "refuse_wait"),
        std::pair("[tiers]\nno_such = 1", "no_such")}) {
    TierOptions options;
    const absl::Status refused = ReadInto(options, text);
    EXPECT_TRUE(absl::IsInvalidArgument(refused)) << text;
    EXPECT_THAT(std::string(refused.message()), testing::HasSubstr(hint));
  }
}

class TiersTest : public NodeFixture {
 protected:
  TiersTest() { manifest_path_ = Publish("one", {2, -1, 5, 3}); }

  void Make(const TierOptions& chosen) {
    table_.reset();
    tiers_.reset();
    options_ = chosen;
    MakeTiers();
    table_ = MakeTable();
  }
  const store::Manifest& Manifest() {
    const auto opened = table_->Open("0a", Fd(manifest_path_), "", Soon());
    EXPECT_TRUE(opened.ok()) << opened.status();
    image_ = opened->image;
    return image_->reader->manifest();
  }
  // Brings every chunk of the image.
  void ReadAs(store::RequestClass request_class) {
    const store::Manifest& manifest = Manifest();
    const auto source = tiers_->SourceFor(manifest);
    for (const store::ChunkRef& chunk : manifest.chunks) {
      store::RequestOptions options;
      options.request_class = request_class;
      EXPECT_TRUE(store::GetBlocking(source->store(), chunk.id, options).ok());
    }
  }
  // A chunk may be asked for again while its fill is under way, and is then fetched again: what is
  // counted is exact only after this. The disk's entries stay for the next Make.
  void EndFills() {
    table_.reset();
    tiers_.reset();
  }
  double Tier(const std::string& tier, const std::string& what) {
    return metrics_.GetCounter("floe_tier_" + what + "_total", "", {{"tier", tier}}).value();
  }

  std::string manifest_path_;
  std::shared_ptr<const ServedImage> image_;
};

TEST_F(TiersTest, EachTierCountsUnderTheSameNames) {
  Make({});
  ReadAs(store::RequestClass::kRunning);
  EndFills();
  const double fetched = Tier("origin", "hits"), missed = Tier("disk", "misses");
  EXPECT_GE(fetched, 3);
  EXPECT_EQ(missed, fetched);
  Make({});
  ReadAs(store::RequestClass::kRunning);
  EXPECT_EQ(Tier("origin", "hits"), fetched);
  EXPECT_EQ(Tier("disk", "misses"), missed);
  EXPECT_GE(Tier("disk", "hits"), 3);
  EXPECT_GT(Tier("origin", "hit_bytes"), 0);
  const std::string text = metrics_.Text();
  for (const char* tier : {"memory", "disk", "origin"}) {
    for (const char* what : {"hits_total", "misses_total", "hit_bytes_total", "errors_total",
                             "mismatches_total", "fills_total", "refused_puts_total"}) {
      EXPECT_THAT(text, testing::HasSubstr(absl::StrCat("floe_tier_", what, "{tier=\"", tier)));
    }
    EXPECT_THAT(text, testing::HasSubstr(absl::StrCat("result=\"hit\",tier=\"", tier, "\"")));
  }
}

TEST_F(TiersTest, NothingFillsTheDiskWhenItIsNotToBeFilled) {
  TierOptions never;
  never.disk_fill = DiskFill::kNever;
  Make(never);
  ReadAs(store::RequestClass::kRunning);
  EXPECT_EQ(tiers_->LocalBytes(Manifest().chunks), 0u);
  EXPECT_EQ(Tier("disk", "fills"), 0);
}

TEST_F(TiersTest, WithoutASharedCacheWhatTheOriginGaveIsAllThatFills) {
  TierOptions origin;
  origin.disk_fill = DiskFill::kOrigin;
  Make(origin);
  ReadAs(store::RequestClass::kRunning);
  EndFills();
  EXPECT_GE(Tier("disk", "fills"), 3);
}

TEST_F(TiersTest, AFastOriginIsFilledAndThenAskedFirst) {
  TierOptions fast;
  fast.fast_address = "folder:" + dir_.path() + "/near";
  fast.cache_bytes = 0;  // every read goes to an origin
  ASSERT_TRUE(MakeDirectories(dir_.path() + "/near").ok());
  Make(fast);
  ReadAs(store::RequestClass::kRunning);
  EndFills();
  EXPECT_GE(Tier("fast", "fills"), 3);
  const double fetched = Tier("origin", "hits");
  EXPECT_GE(fetched, 3);
  Make(fast);
  ReadAs(store::RequestClass::kRunning);
  EXPECT_GE(Tier("fast", "hits"), 3);
  EXPECT_EQ(Tier("origin", "hits"), fetched);
}

TEST_F(TiersTest, AFastOriginThatIsNotThereHindersNobody) {
  TierOptions fast;
  fast.fast_address = "folder:" + dir_.path() + "/nowhere";
  Make(fast);
  ReadAs(store::RequestClass::kRunning);
  EXPECT_GE(Tier("origin", "hits"), 3);
  EXPECT_GT(Tier("fast", "errors"), 0);
}

TEST_F(TiersTest, AScanInTheBackgroundNeedNotFill) {
  TierOptions starts;
  starts.fill_class = store::RequestClass::kStart;
  Make(starts);
  const store::ChunkRefs chunks = Manifest().chunks;  // a start: its metadata fills
  tiers_.reset();
  const double before = Tier("disk", "fills");
  table_.reset();
  Make(starts);
  const auto source = tiers_->SourceFor(Manifest());
  store::RequestOptions background;
  background.request_class = store::RequestClass::kBackground;
  for (const store::ChunkRef& chunk : chunks) {
    EXPECT_TRUE(store::GetBlocking(source->store(), chunk.id, background).ok());
  }
  tiers_.reset();
  EXPECT_EQ(Tier("disk", "fills"), before);
}

// The origin is held up by a request that waits: one slot, nothing may queue for longer than 100 ms
// of a clock that the test moves.
TEST_F(TiersTest, AFullOriginRefusesNewContainersButNotOfWhatIsHere) {
  Make({});
  ReadAs(store::RequestClass::kRunning);
  const auto keep = (Manifest(), image_);
  const store::Manifest& here = keep->reader->manifest();
  tiers_.reset();  // the fills end
  table_.reset();
  TierOptions full;
  full.origin.overload.queued = 0;
  full.origin.requests = 1;
  Make(full);
  EXPECT_TRUE(tiers_->AdmitStart(here).ok());
  store::Manifest elsewhere;
  elsewhere.chunks = here.chunks;
  for (store::ChunkRef& chunk : elsewhere.chunks) chunk.id.bytes.fill(7);
  EXPECT_TRUE(tiers_->AdmitStart(elsewhere).ok());
  // Two readers of chunks that are nowhere: one is asked for, one waits.
  const auto source = tiers_->SourceFor(here);
  const auto hold = BlockOrigin();
  std::atomic<int> answered = 0;
  for (uint8_t i = 0; i < 3; ++i) {
    store::ChunkId id;
    id.bytes.fill(static_cast<uint8_t>(100 + i));
    source->store().Get(id, {}, [&](const auto&) { ++answered; });
  }
  const absl::Status refused = tiers_->AdmitStart(elsewhere);
  EXPECT_TRUE(absl::IsUnavailable(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), testing::HasSubstr(StoreAddress()));
  EXPECT_TRUE(tiers_->AdmitStart(here).ok());
  hold->store(false);
  while (answered < 3) std::this_thread::yield();
  EXPECT_TRUE(tiers_->AdmitStart(elsewhere).ok());
  tiers_->Maintain();
}

}  // namespace
}  // namespace floe::fusefs
