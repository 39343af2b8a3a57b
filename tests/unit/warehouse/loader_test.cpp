// warehouse: what a loader knows of losses while it runs: they may be noted between two of its transactions. Copies here have no rows.
// Knows the log and the state. How rows are loaded is in tests/e2e/semantics.bats.
#include "warehouse/loader.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "engine/sqlite.hpp"
#include "stage/names.hpp"
#include "stage/store.hpp"

namespace {

namespace fs = std::filesystem;
using base::Lsn;

class LoaderTest : public ::testing::Test {
 protected:
  LoaderTest() {
    std::string name = (fs::temp_directory_path() / "unit-loader.XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    store_ = stage::open_store(folder_ + "/stage", true);
    log_.emplace(*store_, "s", 0);
    EXPECT_EQ(stage::Log::claim(*store_, {"s", "7", 1, 0, 150018, "d"}).system_id, "7");
    EXPECT_EQ(log_->begin(Lsn{1}), Lsn{1});
  }
  ~LoaderTest() override { fs::remove_all(folder_); }

  // The copy of a table, whole, and without rows.
  void copy(const std::string& name, std::uint64_t relid, Lsn lsn) {
    stage::Chunk chunk;
    chunk.source = "s";
    chunk.run = "r";
    chunk.system_id = "7";
    chunk.timeline = 1;
    chunk.table = "public." + name;
    chunk.lsn = chunk.copy = chunk.high = lsn;
    chunk.schemas = {R"({"op":"schema","table":"public.)" + name + R"(","relid":)" + std::to_string(relid) +
                     R"(,"root":null,"lsn":"00000000/00000001","version":1,"identity":"default","columns":[{"name":)"
                     R"("id","type":"int8","typmod":-1,"attnum":1,"bind":")" +
                     std::to_string(relid) +
                     R"(.1","identity":true,"pk":true,"nullable":false,"category":"N","default":false}]})"};
    EXPECT_TRUE(store_->put_if_absent(log_->full_name(stage::chunk_object(chunk.table, lsn, 0)),
                                      stage::encode(chunk, stage::Form::stored) + "\n"));
  }

  void lose(Lsn from, Lsn to) {
    stage::note_lost_range(*log_, from, to);
    EXPECT_TRUE(log_->append_lost(from, to, ""));
  }

  static std::string state_of(warehouse::Loader& loader, const std::string& table) {
    for (const auto& one : loader.state().freshness()) {
      if (one.table == table) return one.state;
    }
    return "none";
  }

  std::string folder_;
  std::unique_ptr<stage::Store> store_;
  std::optional<stage::Log> log_;
};

TEST_F(LoaderTest, ACopyFromBeforeALossThatIsFoundAfterItInTheSameRunCountsAsNone) {
  engine::Sqlite database(folder_ + "/w.db", 1000);
  warehouse::Loader loader(
      *log_, database, {}, [] { return std::int64_t{0}; }, [] { return false; });
  copy("a", 100, Lsn{1});
  int commits = 0;
  loader.run([&](const warehouse::Totals&) {
    ++commits;
    if (commits == 1) lose(Lsn{1}, Lsn{9});
    if (commits == 2) copy("b", 101, Lsn{1});
  });
  EXPECT_EQ(commits, 3);
  EXPECT_EQ(loader.state().position()->applied_to, Lsn{9});
  EXPECT_EQ(state_of(loader, "public.a"), "doubted");
  EXPECT_EQ(state_of(loader, "public.b"), "doubted");
}

TEST_F(LoaderTest, ALossThatAnotherLoaderHasPassedIsKnownTooWhenATableBegins) {
  engine::Sqlite database(folder_ + "/w.db", 1000);
  warehouse::Loader loader(
      *log_, database, {}, [] { return std::int64_t{0}; }, [] { return false; });
  copy("a", 100, Lsn{1});
  bool first = true;
  loader.run([&](const warehouse::Totals&) {
    if (!std::exchange(first, false)) return;
    lose(Lsn{1}, Lsn{9});
    engine::Sqlite same(folder_ + "/w.db", 1000);
    stage::Log log(*store_, "s", 0);
    warehouse::Loader other(
        log, same, {}, [] { return std::int64_t{0}; }, [] { return false; });
    other.run([](const warehouse::Totals&) {});
    EXPECT_EQ(other.state().position()->applied_to, Lsn{9});
    copy("b", 101, Lsn{1});
  });
  EXPECT_EQ(state_of(loader, "public.b"), "doubted");
}

}  // namespace
