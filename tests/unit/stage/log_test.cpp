// stage: the log in a folder of its own. Its end is found by following; of two writers one wins; files are read with their
// evidence counted, and what is off is refused.
#include "stage/log.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>

#include "base/failure.hpp"
#include "crypto/digest.hpp"
#include "stage/names.hpp"
#include "stage/retention.hpp"
#include "zip/zstd.hpp"

namespace {

namespace fs = std::filesystem;

class LogTest : public ::testing::Test {
 protected:
  LogTest() {
    std::string name = (fs::temp_directory_path() / "unit-stage.XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    store_ = stage::open_store(folder_ + "/stage", true);
    log_.emplace(*store_, "main", 0);
  }
  ~LogTest() override { fs::remove_all(folder_); }

  static stage::Epoch epoch(std::uint64_t from, std::uint64_t to, const std::string& prev = "") {
    stage::Epoch epoch;
    epoch.source = "main";
    epoch.run = "r";
    epoch.system_id = "1";
    epoch.timeline = 1;
    epoch.from = base::Lsn{from};
    epoch.to = base::Lsn{to};
    epoch.prev = prev;
    return epoch;
  }

  static std::string slug_of(const std::function<void()>& body) {
    try {
      body();
    } catch (const base::Failure& failure) {
      return failure.slug;
    }
    return "none";
  }

  void write(const std::string& name, const std::string& content) {
    fs::create_directories(fs::path(folder_ + "/stage/" + name).parent_path());
    std::ofstream(folder_ + "/stage/" + name, std::ios::binary) << content;
  }

  std::string folder_;
  std::unique_ptr<stage::Store> store_;
  std::optional<stage::Log> log_;
};

TEST_F(LogTest, AnEmptyStageHasNoStartAndNoEpochs) {
  EXPECT_FALSE(log_->start());
  EXPECT_FALSE(log_->near(base::Lsn{99}));
  EXPECT_FALSE(log_->next(base::Lsn{1}));
  EXPECT_FALSE(stage::Log::identity(*store_, "main"));
  EXPECT_TRUE(log_->chunks().empty());
}

TEST_F(LogTest, TheFirstWriterSaysWhereTheLogBeginsAndWhoseItIs) {
  EXPECT_EQ(log_->begin(base::Lsn{5}), base::Lsn{5});
  EXPECT_EQ(log_->begin(base::Lsn{7}), base::Lsn{5});
  const stage::Identity mine{"main", "1", 1, 0, 150018, "shop"};
  stage::Identity other = mine;
  other.system_id = "2";
  EXPECT_EQ(stage::Log::claim(*store_, mine), mine);
  EXPECT_EQ(stage::Log::claim(*store_, other), mine);
}

TEST_F(LogTest, EpochsAreFollowedFromTheStartToTheEnd) {
  (void)log_->begin(base::Lsn{1});
  const auto first = log_->append(epoch(1, 10));
  ASSERT_TRUE(first);
  ASSERT_TRUE(log_->append(epoch(10, 20, *first)));
  const auto stored = log_->next(base::Lsn{1});
  ASSERT_TRUE(stored);
  EXPECT_EQ(stored->sha256, *first);
  EXPECT_EQ(log_->next(stored->epoch.to)->epoch.prev, *first);
  EXPECT_FALSE(log_->next(base::Lsn{20}));
  EXPECT_EQ(log_->near(base::Lsn{9}), base::Lsn{1});
  EXPECT_EQ(log_->near(base::Lsn{10}), base::Lsn{10});
  EXPECT_EQ(log_->near(base::Lsn{~0ull}), base::Lsn{10});
  EXPECT_EQ(log_->last(), base::Lsn{10});
}

// A folder that can begin a listing at a name, as buckets can, and counts how many names were read for it.
class Counting : public stage::Store {
 public:
  explicit Counting(stage::Store& inner) : inner_(inner) {}
  std::size_t names = 0;
  std::optional<std::string> read(const std::string& name) override { return inner_.read(name); }
  std::unique_ptr<stage::ObjectReader> open(const std::string& name) override { return inner_.open(name); }
  std::vector<std::string> list(const std::string& folder) override { return inner_.list(folder); }
  std::vector<std::string> list_one_level(const std::string& folder, const std::string& after) override {
    auto listed = inner_.list_one_level(folder, after);
    names += listed.size();
    return listed;
  }
  bool lists_after() const override { return true; }
  void each(const std::string& folder, const std::function<void(const stage::Listed&)>& act) override {
    inner_.each(folder, act);
  }
  bool put_if_absent(const std::string& name, std::string_view content) override {
    return inner_.put_if_absent(name, content);
  }
  void place(const std::string& path, const std::string& name) override { inner_.place(path, name); }
  void replace(const std::string& name, std::string_view content) override { inner_.replace(name, content); }
  void remove(const std::string& name) override { inner_.remove(name); }
  void settle(const std::string& folder) override { inner_.settle(folder); }
  std::string where() const override { return inner_.where(); }

 private:
  stage::Store& inner_;
};

TEST_F(LogTest, WhatIsLongBeforeIsNotListedAgain) {
  Counting store(*store_);
  stage::Log log(store, "main", 0);
  (void)log.begin(base::Lsn{1'000'000});
  constexpr std::uint64_t kEpochs = 50;
  constexpr std::uint64_t kBytes = 100'000;
  std::string last;
  for (std::uint64_t i = 0; i < kEpochs; ++i) {
    const std::uint64_t from = 1'000'000 + i * kBytes;
    const auto put = log.append(epoch(from, from + kBytes, last));
    ASSERT_TRUE(put);
    last = *put;
  }
  const base::Lsn end{1'000'000 + kEpochs * kBytes};
  const base::Lsn newest{end.value - kBytes};
  EXPECT_FALSE(log.next(end));
  EXPECT_EQ(store.names, 0u);
  EXPECT_EQ(log.near(end), newest);
  EXPECT_EQ(log.near(base::Lsn{end.value + 300'000}), newest);
  EXPECT_EQ(log.last(end), newest);
  EXPECT_EQ(log.last(base::Lsn{end.value - 3 * kBytes}), newest);
  EXPECT_LE(store.names, 4u * 12) << "each look goes a little further back";
  // Wherever somebody thinks that it ends.
  for (const std::uint64_t about : {std::uint64_t{1}, std::uint64_t{1'000'000}, ~std::uint64_t{0}}) {
    EXPECT_EQ(log.last(base::Lsn{about}), newest) << about;
  }
  for (std::uint64_t i = 0; i < kEpochs; ++i) {
    const std::uint64_t from = 1'000'000 + i * kBytes;
    EXPECT_EQ(log.near(base::Lsn{from + kBytes - 1}), base::Lsn{from}) << i;
  }
}

TEST_F(LogTest, OfTwoWritersAtOnePositionTheSecondIsTold) {
  (void)log_->begin(base::Lsn{1});
  ASSERT_TRUE(log_->append(epoch(1, 10)));
  EXPECT_FALSE(log_->append(epoch(1, 12)));
  EXPECT_EQ(log_->next(base::Lsn{1})->epoch.to, base::Lsn{10});
}

TEST_F(LogTest, AMissingEpochWhileALaterOneExistsIsAGap) {
  (void)log_->begin(base::Lsn{1});
  ASSERT_TRUE(log_->append(epoch(1, 10)));
  ASSERT_TRUE(log_->append(epoch(20, 30)));
  EXPECT_EQ(slug_of([&] { (void)log_->next(base::Lsn{10}); }), "gap");
  EXPECT_FALSE(log_->at(base::Lsn{10}));
}

TEST_F(LogTest, AStubIsRefusedToReadersAndFollowedByWriters) {
  const std::string digest(64, 'd');
  write("main/0/log/0000000000000001.json",
        R"({"from":"00000000/00000001","to":"00000000/0000000A","sha256":")" + digest + R"(","pruned":true})");
  EXPECT_EQ(slug_of([&] { (void)log_->next(base::Lsn{1}); }), "pruned");
  EXPECT_EQ(log_->at(base::Lsn{1})->sha256, digest);
}

TEST_F(LogTest, TheFirstEpochThatWasNotEmptiedIsFoundWhereverItIs) {
  EXPECT_FALSE(stage::first_kept(*log_));
  (void)log_->begin(base::Lsn{1});
  EXPECT_EQ(stage::first_kept(*log_), base::Lsn{1});
  for (std::uint64_t at = 1; at < 9; ++at) ASSERT_TRUE(log_->append(epoch(at, at + 1)));
  for (std::uint64_t emptied = 1; emptied < 9; ++emptied) {
    EXPECT_EQ(stage::first_kept(*log_), base::Lsn{emptied});
    const auto stored = log_->at(base::Lsn{emptied});
    store_->replace(log_->full_name(stage::log_object(base::Lsn{emptied})),
                    stage::encode_stub(stored->epoch, stored->sha256, "2026-11-27T00:00:00.000000Z"));
    EXPECT_EQ(log_->at(base::Lsn{emptied})->sha256, stored->sha256) << "what the next one's prev holds";
    EXPECT_EQ(slug_of([&] { (void)log_->next(base::Lsn{emptied}); }), "pruned");
  }
  EXPECT_EQ(stage::first_kept(*log_), base::Lsn{9});
  EXPECT_EQ(log_->near(base::Lsn{99}), base::Lsn{8});
}

TEST_F(LogTest, AnEmptiedChunkTellsAllButItsFiles) {
  stage::Chunk chunk;
  static_cast<stage::Common&>(chunk) = epoch(1, 2);
  chunk.table = "public.t";
  chunk.lsn = base::Lsn{5};
  chunk.copy = base::Lsn{4};
  chunk.chunk = 1;
  chunk.from_key = "[5]";
  chunk.high = base::Lsn{6};
  chunk.rows = 7;
  chunk.schemas = {R"({"op":"schema","table":"public.t"})"};
  stage::FileEntry file;
  file.table = "public.t";
  file.rows = 7;
  file.sha256 = std::string(64, 'a');
  file.object = "copy/x";
  chunk.files = {file};
  const std::string object = stage::chunk_object(chunk.table, chunk.lsn, chunk.chunk);
  ASSERT_TRUE(store_->put_if_absent(log_->full_name(object), stage::encode(chunk, stage::Form::stored)));
  EXPECT_FALSE(log_->chunk(object).pruned);
  store_->replace(log_->full_name(object), stage::encode_stub(chunk, std::string(64, 'b'), "now"));
  stage::Chunk wanted = chunk;
  wanted.files.clear();
  wanted.pruned = true;
  EXPECT_EQ(log_->chunk(object), wanted);
  // Without the word for it rows that nobody holds are no chunk.
  std::string text = stage::encode(wanted, stage::Form::stored);
  store_->replace(log_->full_name(object), text);
  EXPECT_EQ(slug_of([&] { (void)log_->chunk(object); }), "broken_stage");
}

TEST_F(LogTest, AFolderShowsItsObjectsAndLetsThemBeReplacedAndRemoved) {
  ASSERT_TRUE(store_->put_if_absent("main/0/a/one", "1"));
  ASSERT_TRUE(store_->put_if_absent("main/0/two", "22"));
  write("main/0/two.tmp.17", "in the making");
  const auto shown = [&] {
    std::map<std::string, std::uint64_t> all;
    store_->each("main", [&](const stage::Listed& object) {
      all[object.name] = object.bytes;
      EXPECT_GT(object.modified_us, std::int64_t{1'700'000'000'000'000});
    });
    return all;
  };
  EXPECT_EQ(shown(), (std::map<std::string, std::uint64_t>{{"main/0/a/one", 1}, {"main/0/two", 2}}));
  store_->replace("main/0/two", "four");
  EXPECT_EQ(store_->read("main/0/two"), "four");
  store_->remove("main/0/a/one");
  store_->remove("main/0/a/one");
  EXPECT_EQ(shown(), (std::map<std::string, std::uint64_t>{{"main/0/two", 4}}));
  store_->each("nowhere", [](const stage::Listed&) { FAIL(); });
}

TEST_F(LogTest, WhatIsNoManifestOfThisLogIsRefused) {
  write("main/0/log/0000000000000001.json", "{");
  EXPECT_EQ(slug_of([&] { (void)log_->next(base::Lsn{1}); }), "broken_stage");
  write("main/0/log/0000000000000001.json", stage::encode(epoch(2, 10), stage::Form::stored));
  EXPECT_EQ(slug_of([&] { (void)log_->next(base::Lsn{1}); }), "broken_stage");
  stage::Epoch foreign = epoch(1, 10);
  foreign.source = "other";
  write("main/0/log/0000000000000001.json", stage::encode(foreign, stage::Form::stored));
  EXPECT_EQ(slug_of([&] { (void)log_->next(base::Lsn{1}); }), "broken_stage");
}

TEST_F(LogTest, NamesInTheMakingAreNotListed) {
  (void)log_->begin(base::Lsn{1});
  ASSERT_TRUE(log_->append(epoch(1, 10)));
  write("main/0/log/0000000000000030.json.tmp.17", "half");
  EXPECT_FALSE(log_->next(base::Lsn{10}));
}

TEST_F(LogTest, AFileIsReadLineByLineAndItsEvidenceCounted) {
  std::string text;
  for (int i = 0; i < 50'000; ++i) text += "{\"op\":\"c\",\"n\":" + std::to_string(i) + "}\n";
  zip::Compressor compressor(1);
  std::string packed(compressor.frame(text.substr(0, 1000)));
  packed += compressor.frame(text.substr(1000));
  write("main/0/data/x", packed);
  stage::FileEntry entry;
  entry.table = "a.b";
  entry.object = "data/x";
  entry.rows = 50'000;
  entry.raw_bytes = text.size();
  entry.bytes = packed.size();
  entry.sha256 = crypto::sha256_hex(packed);

  std::string got;
  stage::LineFile file = stage::LineFile::open(*log_, entry);
  std::string_view line;
  while (file.next(line)) got.append(line).push_back('\n');
  EXPECT_EQ(got, text);
  EXPECT_EQ(slug_of([&] { stage::verify(*log_, entry); }), "none");

  stage::FileEntry off = entry;
  off.rows = 49'999;
  EXPECT_EQ(slug_of([&] { stage::verify(*log_, off); }), "wrong_rows");
  off = entry;
  off.sha256 = std::string(64, '0');
  EXPECT_EQ(slug_of([&] { stage::verify(*log_, off); }), "wrong_digest");
  off = entry;
  off.object = "data/y";
  EXPECT_EQ(slug_of([&] { stage::verify(*log_, off); }), "object_missing");
  write("main/0/data/x", packed.substr(0, packed.size() - 3));
  EXPECT_EQ(slug_of([&] { stage::verify(*log_, entry); }), "broken_object");
}

TEST_F(LogTest, AnObjectIsNeverOverwrittenAndNeverHalf) {
  EXPECT_TRUE(store_->put_if_absent("a/b/c", "first"));
  EXPECT_FALSE(store_->put_if_absent("a/b/c", "second"));
  EXPECT_EQ(store_->read("a/b/c"), "first");
  std::ofstream(folder_ + "/local") << "data";
  store_->place(folder_ + "/local", "a/d");
  std::ofstream(folder_ + "/local2") << "other";
  store_->place(folder_ + "/local2", "a/d");
  EXPECT_EQ(store_->read("a/d"), "data");
  EXPECT_EQ(store_->list("a"), (std::vector<std::string>{"a/b/c", "a/d"}));
  EXPECT_EQ(store_->list_one_level("a", ""), (std::vector<std::string>{"b", "d"}));
  EXPECT_EQ(store_->list_one_level("a", "b"), (std::vector<std::string>{"d"}));
  EXPECT_EQ(store_->list_one_level("a", "c"), (std::vector<std::string>{"d"})) << "a name that is not there";
}

TEST(Store, ThatCannotBeOrIsNotThereIsRefusedWhenItIsOpened) {
  const auto code = [](const std::string& where, bool create) {
    try {
      (void)stage::open_store(where, create);
    } catch (const base::Failure& failure) {
      return static_cast<int>(failure.exit);
    }
    return 0;
  };
  EXPECT_EQ(code("ftp://bucket", true), 64);
  EXPECT_EQ(code("S3://bucket/prefix", true), 64);
  EXPECT_EQ(code("file://host/x", true), 64);
  EXPECT_EQ(code("", true), 64);
  EXPECT_EQ(code("/nonexistent/stage", false), 75) << "it may be made yet";
  EXPECT_EQ(code("file:///tmp", false), 0);
  EXPECT_EQ(code("/tmp/", false), 0);
}

}  // namespace
