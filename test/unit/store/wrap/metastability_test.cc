// SPDX-License-Identifier: Apache-2.0
// Fifty nodes with empty tiers before an origin that takes a tenth of what they want: what it can
// do is used for what is needed, and when it can do more again everything is made up for, by itself
// (store.md, "Stability"). The real wrappers; the nodes' containers, the origin and time are
// simulated, so that every run is the same.
#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <numeric>
#include <ostream>
#include <random>

#include "base/log.h"
#include "gtest/gtest.h"
#include "store/tier/tiered_store.h"
#include "store/wrap/origin_guard.h"
#include "store/wrap/single_flight_store.h"
#include "test/fake/fake_chunk_store.h"

namespace floe::store {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class SimulatedClock : public Clock {
 public:
  explicit SimulatedClock(Timer& timer) : timer_(timer) {}
  SteadyTime Now() override { return timer_.Now(); }
  SystemTime WallNow() override { return SystemTime(timer_.Now().time_since_epoch()); }

 private:
  Timer& timer_;
};

// Serves eight requests at a time, in order of arrival. What comes while a second's worth waits is
// told to slow down; or, if it is not so polite, waits as long as it takes, and is served even if
// nobody listens any more.
class SimulatedOrigin : public ChunkStore {
 public:
  SimulatedOrigin(ManualTimer& timer, bool polite) : timer_(timer), polite_(polite) {}

  void Add(const VerifiedSealed& chunk) { chunks_.emplace(chunk.id(), chunk.shared()); }
  void SetRate(double per_second) {
    rate_ = per_second;
    Serve();
  }
  void SetDown(bool down) { down_ = down; }
  size_t sent() const { return sent_; }

  void Get(const ChunkId& id, const RequestOptions&, GetCallback done) override {
    ++sent_;
    if (down_) {
      done(absl::UnavailableError("connection refused"));
      return;
    }
    if (polite_ && static_cast<double>(queue_.size()) >= rate_) {
      done(SlowDown("503 Slow Down"));
      return;
    }
    queue_.emplace_back(id, std::move(done));
    Serve();
  }
  void Put(const VerifiedSealed&, const RequestOptions&, PutCallback done) override {
    done(absl::PermissionDeniedError("nodes do not write"));
  }
  void List(const std::string&, size_t, const RequestOptions&, ListCallback done) override {
    done(ChunkPage{});
  }
  absl::Status Sync() override { return absl::OkStatus(); }
  std::string Name() const override { return "simulated origin"; }

 private:
  static constexpr int kServers = 8;

  void Serve() {
    while (busy_ < kServers && !queue_.empty()) {
      ++busy_;
      const auto takes = std::chrono::duration_cast<SteadyTime::duration>(
          std::chrono::duration<double>(kServers / rate_));
      timer_.RunAt(timer_.Now() + takes,
                   [this, id = queue_.front().first, done = std::move(queue_.front().second)] {
                     --busy_;
                     done(FetchedChunk(chunks_.at(id)));
                     Serve();
                   });
      queue_.pop_front();
    }
  }

  ManualTimer& timer_;
  const bool polite_;
  bool down_ = false;
  double rate_ = 1;
  int busy_ = 0;
  size_t sent_ = 0;
  std::deque<std::pair<ChunkId, GetCallback>> queue_;
  std::map<ChunkId, SealedBytes> chunks_;
};

constexpr size_t kNodes = 50;
constexpr size_t kStartsANode = 24;
constexpr uint64_t kChunksAStart = 20;
constexpr seconds kBetweenStarts(5);
constexpr double kDemand = kNodes * kChunksAStart / 5.0;  // chunks a second
constexpr double kLimited = kDemand / 10;
constexpr seconds kWindow(20);
constexpr int kWindows = 8;  // a bit longer than new containers come

struct Scenario {
  OriginOptions origin;
  bool gate = true;
  bool polite = true;
  bool outage = false;  // quick enough, but for three windows it refuses everything
  seconds recovery{600};
};

struct Outcome {
  double needed = 0;  // chunks that a node has to get
  double sent = 0;    // requests to the origin
  // During the outage: chunks that containers asked for and their node had not; requests.
  double asked_in_outage = 0;
  double sent_in_outage = 0;
  size_t unfinished = 0;
  std::vector<double> goodput;  // in each window, as a share of the limit
};

class Fleet;

// One node: a container is started every five seconds, each of an image of its own; reads have 50
// s. A start that was refused or failed is tried again later, as kubelet does.
class Node {
 public:
  Node(Fleet& fleet, uint64_t number);
  void Begin(uint64_t start);

 private:
  void Try(uint64_t start);
  void TryLater(uint64_t start);

  Fleet& fleet_;
  std::mt19937_64 random_;
  const uint64_t number_;
  OriginGuard guard_;
  const std::shared_ptr<FakeChunkStore> disk_ = std::make_shared<FakeChunkStore>();
  const std::shared_ptr<ChunkStore> stack_;
};

class Fleet {
 public:
  explicit Fleet(const Scenario& scenario);
  Outcome Run();

  const Scenario scenario;
  ManualTimer timer;
  SimulatedClock clock{timer};
  InlineExecutor inline_executor;
  Metrics metrics;
  std::shared_ptr<SimulatedOrigin> origin;
  bool over = false;  // nothing is tried again
  size_t asked = 0;
  size_t delivered = 0;  // chunks that came to a node for the first time, in time
  size_t unfinished = kNodes * kStartsANode;

 private:
  std::vector<std::unique_ptr<Node>> nodes_;
};

VerifiedSealed ChunkOf(uint64_t node, uint64_t start, uint64_t i) {
  return FakeSealedChunk((node * kStartsANode + start) * kChunksAStart + i, 32);
}

std::shared_ptr<ChunkStore> StackOf(Fleet& fleet, OriginGuard& guard,
                                    const std::shared_ptr<FakeChunkStore>& disk) {
  std::shared_ptr<ChunkStore> stack = guard.Wrap(fleet.origin);
  stack = std::make_shared<SingleFlightStore>(stack, fleet.timer);
  return std::make_shared<TieredStore>(disk, stack, fleet.inline_executor);
}

Node::Node(Fleet& fleet, uint64_t number)
    : fleet_(fleet),
      random_(number),
      number_(number),
      guard_("origin", "simulated", fleet.scenario.origin, fleet.timer, fleet.inline_executor,
             fleet.metrics, fleet.clock, number),
      stack_(StackOf(fleet, guard_, disk_)) {}

void Node::Begin(uint64_t start) {
  const SteadyTime offset{milliseconds(random_() % 5000)};
  fleet_.timer.RunAt(fleet_.timer.Now() + start * kBetweenStarts + offset.time_since_epoch(),
                     [this, start] { Try(start); });
}

void Node::TryLater(uint64_t start) {
  if (fleet_.over) return;
  fleet_.timer.RunAt(fleet_.timer.Now() + milliseconds(5000 + random_() % 10'000),
                     [this, start] { Try(start); });
}

void Node::Try(uint64_t start) {
  if (fleet_.scenario.gate && !guard_.gate().Admit().ok()) return TryLater(start);
  struct Progress {
    uint64_t left = kChunksAStart;
    bool failed = false;
  };
  const auto progress = std::make_shared<Progress>();
  RequestOptions options;
  options.request_class = RequestClass::kStart;
  options.deadline = fleet_.timer.Now() + seconds(50);
  for (uint64_t i = 0; i < kChunksAStart; ++i) {
    const ChunkId id = ChunkOf(number_, start, i).id();
    const bool here = disk_->Has(id);
    fleet_.asked += here ? 0 : 1;
    stack_->Get(id, options, [this, start, progress, here](const auto& chunk) {
      if (chunk.ok() && !here) ++fleet_.delivered;
      progress->failed |= !chunk.ok();
      if (--progress->left > 0) return;
      if (progress->failed) return TryLater(start);
      --fleet_.unfinished;
    });
  }
}

Fleet::Fleet(const Scenario& chosen)
    : scenario(chosen), origin(std::make_shared<SimulatedOrigin>(timer, chosen.polite)) {
  for (uint64_t node = 0; node < kNodes; ++node) {
    for (uint64_t start = 0; start < kStartsANode; ++start) {
      for (uint64_t i = 0; i < kChunksAStart; ++i) origin->Add(ChunkOf(node, start, i));
    }
    nodes_.push_back(std::make_unique<Node>(*this, node));
  }
}

Outcome Fleet::Run() {
  SetLogLevel(LogLevel::kError);  // each node tells when it is full
  Outcome outcome;
  outcome.needed = static_cast<double>(kNodes * kStartsANode * kChunksAStart);
  origin->SetRate(scenario.outage ? 2 * kDemand : kLimited);
  for (const auto& node : nodes_) {
    for (uint64_t start = 0; start < kStartsANode; ++start) node->Begin(start);
  }
  for (int window = 0; window < kWindows; ++window) {
    const size_t before = delivered;
    const auto asked_before = static_cast<double>(asked);
    const auto sent_before = static_cast<double>(origin->sent());
    const bool down = scenario.outage && window >= 2 && window < 5;
    origin->SetDown(down);
    timer.Advance(kWindow);
    if (down) {
      outcome.asked_in_outage += static_cast<double>(asked) - asked_before;
      outcome.sent_in_outage += static_cast<double>(origin->sent()) - sent_before;
    }
    outcome.goodput.push_back(static_cast<double>(delivered - before) /
                              (kLimited * kWindow.count()));
  }
  origin->SetRate(2 * kDemand);
  timer.Advance(scenario.recovery);
  outcome.unfinished = unfinished;
  outcome.sent = static_cast<double>(origin->sent());
  SetLogLevel(LogLevel::kInfo);
  over = true;
  origin->SetRate(1e6);
  timer.Advance(std::chrono::minutes(10));  // whoever still waits is answered
  return outcome;
}

std::ostream& operator<<(std::ostream& out, const Outcome& outcome) {
  out << "sent " << outcome.sent / outcome.needed << " of needed, " << outcome.sent_in_outage
      << " of " << outcome.asked_in_outage << " asked in the outage, unfinished "
      << outcome.unfinished << ", goodput";
  for (const double share : outcome.goodput) out << " " << share;
  return out;
}

double Least(const std::vector<double>& shares) {
  return *std::min_element(shares.begin(), shares.end());
}
double Mean(const std::vector<double>& shares) {
  return std::accumulate(shares.begin(), shares.end(), 0.0) / static_cast<double>(shares.size());
}

// What the design promises.
bool Stable(const Outcome& outcome) {
  return Least(outcome.goodput) > 0.7 && Mean(outcome.goodput) > 0.85 && outcome.unfinished == 0 &&
         outcome.sent <= 1.1 * outcome.needed;
}
bool NoRetryStorm(const Outcome& outcome) {
  return outcome.sent_in_outage <=
         1.1 * outcome.asked_in_outage + kNodes * RetryOptions().budget_burst;
}

OriginOptions WithoutBudget() {
  OriginOptions options;
  options.retry.budget = 1000;
  options.retry.budget_burst = 1e9;
  return options;
}
OriginOptions WithoutLimit() {
  OriginOptions options;
  options.adaptive = false;
  options.requests = 1'000'000;
  return options;
}

TEST(Metastability, AnOriginThatSaysSlowDownIsUsedToItsLimitAndNoMore) {
  const Outcome outcome = Fleet({}).Run();
  EXPECT_TRUE(Stable(outcome)) << outcome;
}

TEST(Metastability, SoIsOneThatOnlyBecomesSlow) {
  Scenario slow;
  slow.polite = false;
  const Outcome outcome = Fleet(slow).Run();
  EXPECT_TRUE(Stable(outcome)) << outcome;
}

TEST(Metastability, AnOutageBringsNoRetryStormAndEverythingIsMadeUpFor) {
  Scenario outage;
  outage.outage = true;
  const Outcome outcome = Fleet(outage).Run();
  EXPECT_TRUE(NoRetryStorm(outcome)) << outcome;
  EXPECT_GT(outcome.asked_in_outage, kDemand * 3 * static_cast<double>(kWindow.count())) << outcome;
  EXPECT_EQ(outcome.unfinished, 0u) << outcome;
}

// The same tests without the parts that pass them.
TEST(Metastability, WithoutTheLimitASlowOriginServesWhoHasGone) {
  Scenario slow;
  slow.polite = false;
  slow.origin = WithoutLimit();
  slow.recovery = seconds(20);
  const Outcome outcome = Fleet(slow).Run();
  EXPECT_FALSE(Stable(outcome)) << outcome;
  EXPECT_LT(Least(outcome.goodput), 0.3) << outcome;
}

TEST(Metastability, WithoutTheBudgetAnOutageBringsAStorm) {
  Scenario outage;
  outage.outage = true;
  outage.origin = WithoutBudget();
  outage.recovery = seconds(20);
  const Outcome outcome = Fleet(outage).Run();
  EXPECT_FALSE(NoRetryStorm(outcome)) << outcome;
}

TEST(Metastability, WithoutBothEvenAPoliteOriginIsLost) {
  Scenario neither;
  neither.gate = false;
  neither.recovery = seconds(20);
  neither.origin = WithoutLimit();
  neither.origin.retry = WithoutBudget().retry;
  const Outcome outcome = Fleet(neither).Run();
  EXPECT_FALSE(Stable(outcome)) << outcome;
}

}  // namespace
}  // namespace floe::store
