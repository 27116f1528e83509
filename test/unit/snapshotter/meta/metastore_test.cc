// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/meta/metastore.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/file.h"

namespace floe::snapshotter {
namespace {

using absl::StatusCode;

class MetastoreTest : public testing::Test {
 protected:
  void SetUp() override { Reopen(); }

  void Reopen() {
    store_.reset();
    auto store = Metastore::Open(directory_->path() + "/metadata.db", clock_);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }

  absl::StatusOr<Snapshot> Create(Kind kind, const std::string& key, const std::string& parent = "",
                                  const Labels& labels = {}) {
    return store_->Create(kind, key, parent, labels, [](int64_t) { return absl::OkStatus(); });
  }

  absl::Status Commit(const std::string& name, const std::string& key,
                      const std::string& parent = "", const Labels& labels = {},
                      const std::string& manifest = "") {
    const auto found = store_->Get(key);
    Metastore::Measured measured{found.ok() ? found->self.id : 0, {4096, 2}, manifest};
    return store_->Commit(name, key, parent, labels, measured);
  }

  void Committed(const std::string& name, const std::string& parent = "") {
    ASSERT_TRUE(Create(Kind::kActive, name + "-key", parent).ok());
    ASSERT_TRUE(Commit(name, name + "-key").ok());
  }

  absl::StatusOr<TempDir> directory_ = TempDir::Create();
  FakeClock clock_;
  std::unique_ptr<Metastore> store_;
};

TEST_F(MetastoreTest, CreatedSnapshotReadsBack) {
  Committed("base");
  clock_.Advance(std::chrono::nanoseconds(1234567));
  const auto created = Create(Kind::kView, "ns/1//tmp/a b", "base", {{"l", "v"}, {"empty", ""}});
  ASSERT_TRUE(created.ok()) << created.status();
  EXPECT_EQ(created->info.name, "ns/1//tmp/a b");
  EXPECT_EQ(created->info.parent, "base");
  EXPECT_EQ(created->info.kind, Kind::kView);
  EXPECT_EQ(created->info.created, clock_.WallNow());
  EXPECT_EQ(created->info.updated, created->info.created);
  EXPECT_EQ(created->info.labels, (Labels{{"l", "v"}}));
  ASSERT_EQ(created->parents.size(), 1u);
  EXPECT_EQ(created->parents[0].name, "base");
  Reopen();
  const auto read = store_->Get("ns/1//tmp/a b");
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->info, created->info);
  EXPECT_EQ(read->parents, created->parents);
}

TEST_F(MetastoreTest, CreateRefusals) {
  Committed("base");
  ASSERT_TRUE(Create(Kind::kActive, "active").ok());
  EXPECT_EQ(Create(Kind::kActive, "x", "nothing").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(Create(Kind::kActive, "x", "active").status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(Create(Kind::kActive, "").status().code(), StatusCode::kInvalidArgument);
  // Keys and names share one space, whatever the kinds.
  EXPECT_EQ(Create(Kind::kView, "active").status().code(), StatusCode::kAlreadyExists);
  EXPECT_EQ(Create(Kind::kActive, "base").status().code(), StatusCode::kAlreadyExists);
}

TEST_F(MetastoreTest, FailedPublishUndoesEverythingButTheId) {
  int64_t failed_id = 0;
  const auto failed = store_->Create(Kind::kActive, "a", "", {{"l", "v"}}, [&](int64_t id) {
    failed_id = id;
    return absl::ResourceExhaustedError("disk full");
  });
  EXPECT_EQ(failed.status().code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(store_->Get("a").status().code(), StatusCode::kNotFound);
  // The directory of the failed one may still be there.
  EXPECT_GT(Create(Kind::kActive, "a")->self.id, failed_id);
}

TEST_F(MetastoreTest, IdsAreNeverUsedTwice) {
  const int64_t first = Create(Kind::kActive, "a")->self.id;
  ASSERT_TRUE(store_->Remove("a").ok());
  ASSERT_TRUE(store_->Forget(first).ok());
  Reopen();
  EXPECT_GT(Create(Kind::kActive, "a")->self.id, first);
}

TEST_F(MetastoreTest, CommitReplacesLabelsAndTimes) {
  const auto active = Create(Kind::kActive, "key", "", {{"old", "1"}, {"both", "1"}});
  clock_.Advance(std::chrono::seconds(5));
  ASSERT_TRUE(Commit("name", "key", "", {{"both", "2"}}, "abcd").ok());
  const auto committed = store_->Get("name");
  ASSERT_TRUE(committed.ok());
  EXPECT_EQ(committed->self, (Layer{active->self.id, "abcd", "name"}));
  EXPECT_EQ(committed->info.kind, Kind::kCommitted);
  EXPECT_EQ(committed->info.labels, (Labels{{"both", "2"}}));
  EXPECT_EQ(committed->info.created, clock_.WallNow());
  EXPECT_EQ(committed->info.updated, clock_.WallNow());
  EXPECT_EQ(committed->usage, (Usage{4096, 2}));
  EXPECT_EQ(store_->Get("key").status().code(), StatusCode::kNotFound);
}

TEST_F(MetastoreTest, CommitRefusals) {
  Committed("taken");
  ASSERT_TRUE(Create(Kind::kActive, "active").ok());
  ASSERT_TRUE(Create(Kind::kView, "view").ok());
  EXPECT_EQ(Commit("taken", "active").code(), StatusCode::kAlreadyExists);
  EXPECT_EQ(Commit("taken", "nothing").code(), StatusCode::kAlreadyExists);  // the name first
  EXPECT_EQ(Commit("new", "nothing").code(), StatusCode::kNotFound);
  EXPECT_EQ(Commit("new", "view").code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(Commit("new", "taken").code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(Commit("", "active").code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(store_->Commit("new", "active", "", {}, {999, {}, ""}).code(), StatusCode::kAborted);
}

TEST_F(MetastoreTest, CommitMayGiveAParentOnce) {
  Committed("base");
  Committed("other");
  ASSERT_TRUE(Create(Kind::kActive, "active").ok());
  ASSERT_TRUE(Create(Kind::kActive, "alone").ok());
  ASSERT_TRUE(Create(Kind::kActive, "child", "base").ok());
  EXPECT_EQ(Commit("x", "alone", "nothing").code(), StatusCode::kNotFound);
  EXPECT_EQ(Commit("x", "alone", "active").code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(Commit("x", "child", "other").code(), StatusCode::kInvalidArgument);
  EXPECT_TRUE(Commit("x", "child", "base").ok());
  EXPECT_TRUE(Commit("y", "alone", "base").ok());
  EXPECT_EQ(store_->Get("y")->info.parent, "base");
  EXPECT_EQ(store_->Remove("base").code(), StatusCode::kFailedPrecondition);
}

TEST_F(MetastoreTest, RemoveNeedsNoChildrenAndFreesTheKey) {
  Committed("base");
  Committed("top", "base");
  const absl::Status refused = store_->Remove("base");
  EXPECT_EQ(refused.code(), StatusCode::kFailedPrecondition);
  EXPECT_NE(refused.message().find("remove"), absl::string_view::npos);
  EXPECT_EQ(store_->Remove("nothing").code(), StatusCode::kNotFound);
  EXPECT_TRUE(store_->Remove("top").ok());
  EXPECT_TRUE(store_->Remove("base").ok());
  EXPECT_TRUE(Create(Kind::kView, "base").ok());
}

TEST_F(MetastoreTest, RemovedIsRememberedUntilForgotten) {
  ASSERT_TRUE(Create(Kind::kActive, "key").ok());
  ASSERT_TRUE(Commit("floe", "key", "", {}, "m1").ok());
  const int64_t id = store_->Get("floe")->self.id;
  ASSERT_TRUE(Create(Kind::kActive, "plain").ok());
  EXPECT_EQ(*store_->FloeLayers(), (std::vector<Layer>{{id, "m1", ""}}));
  ASSERT_TRUE(store_->Remove("floe").ok());
  Reopen();
  EXPECT_TRUE(store_->FloeLayers()->empty());
  EXPECT_EQ(*store_->Removed(), (std::vector<Layer>{{id, "m1", ""}}));
  EXPECT_EQ(*store_->Manifests(), (std::set<std::string>{"m1"}));
  EXPECT_EQ(store_->Ids()->count(id), 1u);
  ASSERT_TRUE(store_->Forget(id).ok());
  EXPECT_TRUE(store_->Removed()->empty());
  EXPECT_TRUE(store_->Manifests()->empty());
  EXPECT_EQ(store_->Ids()->size(), 1u);
}

TEST_F(MetastoreTest, UpdateReplacesAllOrSomeLabels) {
  ASSERT_TRUE(Create(Kind::kActive, "a", "", {{"l1", "1"}, {"l2", "2"}, {"l3", "3"}}).ok());
  clock_.Advance(std::chrono::seconds(1));
  const auto some =
      store_->Update("a", {{"l1", "new"}, {"l4", "4"}}, std::set<std::string>{"l1", "l2"});
  ASSERT_TRUE(some.ok()) << some.status();
  EXPECT_EQ(some->labels, (Labels{{"l1", "new"}, {"l3", "3"}}));
  EXPECT_EQ(some->updated, clock_.WallNow());
  EXPECT_EQ(some->created, clock_.WallNow() - std::chrono::seconds(1));
  const auto all = store_->Update("a", {{"x", "y"}, {"empty", ""}}, std::nullopt);
  EXPECT_EQ(all->labels, (Labels{{"x", "y"}}));
  EXPECT_EQ(store_->Get("a")->info, *all);
  EXPECT_EQ(store_->Update("nothing", {}, std::nullopt).status().code(), StatusCode::kNotFound);
}

TEST_F(MetastoreTest, ListIsByName) {
  Committed("b");
  ASSERT_TRUE(Create(Kind::kActive, "c", "b", {{"l", "v"}}).ok());
  ASSERT_TRUE(Create(Kind::kView, "a").ok());
  const auto infos = store_->List();
  ASSERT_EQ(infos->size(), 3u);
  EXPECT_EQ((*infos)[0].name, "a");
  EXPECT_EQ((*infos)[1].name, "b");
  EXPECT_EQ((*infos)[2].labels, (Labels{{"l", "v"}}));
  for (const Info& info : *infos) EXPECT_EQ(store_->Get(info.name)->info, info);
}

TEST_F(MetastoreTest, ChainIsNearestFirst) {
  Committed("one");
  Committed("two", "one");
  Committed("three", "two");
  const auto chain = Create(Kind::kActive, "a", "three")->parents;
  ASSERT_EQ(chain.size(), 3u);
  EXPECT_EQ(chain[0].name, "three");
  EXPECT_EQ(chain[2].name, "one");
}

TEST_F(MetastoreTest, ManyThreads) {
  Committed("base");
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([this, t] {
      for (int i = 0; i < 5; ++i) {
        const std::string key = std::to_string(t) + "-" + std::to_string(i);
        EXPECT_TRUE(Create(Kind::kActive, key, "base").ok());
        if (i % 2 == 0) {
          EXPECT_TRUE(store_->Remove(key).ok());
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(store_->List()->size(), 1u + 8 * 2);
  EXPECT_EQ(store_->Removed()->size(), 8u * 3);
}

TEST_F(MetastoreTest, NewerSchemaIsRefusedWithTheRemedy) {
  store_.reset();
  auto database = Database::Open(directory_->path() + "/metadata.db");
  ASSERT_TRUE((*database)->Execute("PRAGMA user_version = 99").ok());
  database->reset();
  const auto store = Metastore::Open(directory_->path() + "/metadata.db", clock_);
  EXPECT_EQ(store.status().code(), StatusCode::kFailedPrecondition);
  EXPECT_NE(store.status().message().find("newer floe"), absl::string_view::npos);
}

TEST(Database, NotADatabase) {
  const auto directory = TempDir::Create();
  const std::string path = directory->path() + "/metadata.db";
  ASSERT_TRUE(WriteFileAtomically(path, Bytes(8192, 'x'), 0600, Replace::kNo, Durable::kNo).ok());
  const auto database = Database::Open(path);
  EXPECT_EQ(database.status().code(), StatusCode::kDataLoss);
  EXPECT_NE(database.status().message().find("pull again"), absl::string_view::npos);
}

TEST(Database, MissingDirectory) {
  const auto database = Database::Open("/nowhere/at/all/metadata.db");
  EXPECT_EQ(database.status().code(), StatusCode::kFailedPrecondition);
}

TEST(Database, SettingsThatDurabilityRestsOn) {
  const auto directory = TempDir::Create();
  auto database = Database::Open(directory->path() + "/d");
  ASSERT_TRUE(database.ok());
  {
    auto mode = (*database)->Prepare("PRAGMA journal_mode");
    ASSERT_TRUE(*mode->Step());
    EXPECT_EQ(mode->Text(0), "wal");
  }
  auto level = (*database)->Prepare("PRAGMA synchronous");
  ASSERT_TRUE(*level->Step());
  EXPECT_EQ(level->Integer(0), 2);  // FULL
}

TEST(Database, TransactionRollsBackUnlessCommitted) {
  const auto directory = TempDir::Create();
  auto database = Database::Open(directory->path() + "/d");
  ASSERT_TRUE((*database)->Execute("CREATE TABLE t (x TEXT)").ok());
  {
    auto transaction = Transaction::Begin(**database);
    ASSERT_TRUE((*database)->Execute("INSERT INTO t VALUES ('a')").ok());
  }
  {
    auto transaction = Transaction::Begin(**database);
    auto insert = (*database)->Prepare("INSERT INTO t VALUES (?)");
    ASSERT_TRUE(insert->Bind(absl::string_view("b\0c", 3)).Run().ok());
    ASSERT_TRUE(transaction->Commit().ok());
  }
  auto rows = (*database)->Prepare("SELECT x FROM t");
  ASSERT_TRUE(*rows->Step());
  EXPECT_EQ(rows->Text(0), std::string("b\0c", 3));
  EXPECT_FALSE(*rows->Step());
}

}  // namespace
}  // namespace floe::snapshotter
