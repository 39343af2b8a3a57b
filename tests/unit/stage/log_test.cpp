// stage: the log in a folder of its own. Its end is found by following; of two writers one wins; files are read with their
// evidence counted, and what is off is refused.
#include "stage/log.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>

#include "base/failure.hpp"
#include "crypto/digest.hpp"
#include "stage/names.hpp"
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
  EXPECT_EQ(store_->list_one_level("a"), (std::vector<std::string>{"b", "d"}));
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
