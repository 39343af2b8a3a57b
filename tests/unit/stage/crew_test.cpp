// Promises of several hands and of reading ahead, on a folder: what comes of them is what one hand would have made, errors too.
#include "stage/crew.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <mutex>
#include <set>
#include <thread>

#include "base/failure.hpp"
#include "stage/log.hpp"
#include "stage/names.hpp"
#include "stage/read_ahead.hpp"

namespace {

class CrewTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/pgcdc-crew-XXXXXX";
    ASSERT_NE(::mkdtemp(path), nullptr);
    folder_ = path;
    store_ = stage::open_store(folder_, true);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  stage::OpenAnother another() {
    return [this] {
      const std::lock_guard lock(mutex_);
      ++opened_;
      return stage::open_store(folder_, false);
    };
  }

  std::string folder_;
  std::unique_ptr<stage::Store> store_;
  std::mutex mutex_;
  int opened_ = 0;
};

TEST_F(CrewTest, EachIsDoneOnceByAsManyHandsAsThereAre) {
  stage::Crew crew(*store_, 3, another());
  for (const std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{2}, std::size_t{50}}) {
    std::multiset<std::size_t> done;
    std::set<stage::Store*> stores;
    crew.each(count, [&](stage::Store& store, std::size_t i) {
      std::this_thread::yield();
      const std::lock_guard lock(mutex_);
      done.insert(i);
      stores.insert(&store);
    });
    EXPECT_EQ(done.size(), count);
    EXPECT_EQ(std::set(done.begin(), done.end()).size(), count);
    EXPECT_LE(stores.size(), std::min<std::size_t>(3, count));
  }
  EXPECT_EQ(opened_, 2) << "kept from call to call";
}

TEST_F(CrewTest, TheFirstTroubleIsToldAndWhatWasNotBegunIsNot) {
  stage::Crew crew(*store_, 2, another());
  std::atomic<int> begun = 0;
  try {
    crew.each(1000, [&](stage::Store&, std::size_t i) {
      ++begun;
      if (i == 3) throw base::Failure(base::Exit::denied, "mine", "x");
      if (i > 3) throw base::Failure(base::Exit::retry, "stopped", "given up");
    });
    FAIL();
  } catch (const base::Failure& failure) {
    EXPECT_EQ(failure.slug, "mine") << "not that of one that was given up";
  }
  EXPECT_LT(begun, 10);
  crew.each(1, [&](stage::Store&, std::size_t) { begun = -1; });
  EXPECT_EQ(begun, -1) << "trouble once is not trouble for ever";
}

class ReadAheadTest : public CrewTest {
 protected:
  // A chain of epochs, one file each.
  void make(int epochs) {
    const std::string text = "content";
    stage::Log log(*store_, "shop", 0);
    EXPECT_EQ(log.begin(base::Lsn{0x100}), base::Lsn{0x100});
    for (int i = 0; i < epochs; ++i) {
      stage::Epoch epoch;
      epoch.source = "shop";
      epoch.run = "0123456789abcdef0123456789abcdef";
      epoch.system_id = "1";
      epoch.timeline = 1;
      epoch.from = base::Lsn{0x100 + static_cast<std::uint64_t>(i) * 0x100};
      epoch.to = base::Lsn{epoch.from.value + 0x100};
      epoch.first_ts = epoch.last_ts = "2026-11-22T10:53:01.123456Z";
      epoch.rows = 1;
      epoch.key_ids = "[]";
      stage::FileEntry file;
      file.table = "public.t";
      file.rows = 1;
      file.raw_bytes = file.bytes = text.size();
      file.sha256 = std::string(64, 'a');
      file.object = stage::data_object(file.table, epoch.from, epoch.to, 0, file.sha256);
      epoch.files = {file};
      epoch.transactions = 1;
      epoch.commit = stage::CommitMark{epoch.from, 7, epoch.last_ts};
      epoch.commits = file;
      epoch.commits->table.clear();
      epoch.commits->object = stage::data_object("", epoch.from, epoch.to, 0, file.sha256);
      EXPECT_TRUE(store_->put_if_absent(log.full_name(file.object), text));
      EXPECT_TRUE(log.append(epoch));
    }
  }
};

TEST_F(ReadAheadTest, GivesTheSameLogAndMostOfItFromMemory) {
  make(80);
  // Whether an object is there in time is a race, which a busy machine may lose eighty times, but not in every one of so many passes.
  std::uint64_t hits = 0;
  for (int pass = 0; pass < 100 && hits == 0; ++pass) {
    stage::ReadAhead ahead(*store_, another(), [](std::string_view) { return true; });
    stage::Log log(ahead, "shop", 0);
    base::Lsn at{0x100};
    int epochs = 0;
    for (auto stored = log.next(at); stored; stored = log.next(at)) {
      ++epochs;
      auto reader = ahead.open(log.full_name(stored->epoch.files[0].object));
      ASSERT_NE(reader, nullptr);
      EXPECT_EQ(reader->read(), "content");
      EXPECT_EQ(reader->read(), "");
      at = stored->epoch.to;
    }
    EXPECT_EQ(epochs, 80);
    hits = ahead.hits();
  }
  EXPECT_GT(hits, 0U);
}

TEST_F(ReadAheadTest, WhatIsNotThereIsNotThereAndWhatIsBrokenIsSaidToBe) {
  make(20);
  stage::Log plain(*store_, "shop", 0);
  const auto tenth = plain.at(base::Lsn{0xA00});
  ASSERT_TRUE(tenth);
  std::filesystem::remove(folder_ + "/" + plain.full_name(tenth->epoch.files[0].object));
  std::filesystem::remove(folder_ + "/" + plain.full_name(stage::log_object(base::Lsn{0xF00})));
  stage::ReadAhead ahead(*store_, another(), [](std::string_view) { return true; });
  stage::Log log(ahead, "shop", 0);
  base::Lsn at{0x100};
  while (at < base::Lsn{0xF00}) {
    const auto stored = log.next(at);
    ASSERT_TRUE(stored);
    EXPECT_EQ(ahead.open(log.full_name(stored->epoch.files[0].object)) == nullptr, at == base::Lsn{0xA00});
    at = stored->epoch.to;
  }
  try {
    static_cast<void>(log.next(at));
    FAIL();
  } catch (const base::Failure& failure) {
    EXPECT_EQ(failure.slug, "gap");
  }
}

TEST_F(ReadAheadTest, OfAStoreThatCannotBeOpenedAgainItReadsNothingAhead) {
  make(30);
  stage::ReadAhead ahead(
      *store_, []() -> std::unique_ptr<stage::Store> { throw base::Failure(base::Exit::retry, "x", "x"); },
      [](std::string_view) { return true; });
  stage::Log log(ahead, "shop", 0);
  base::Lsn at{0x100};
  while (const auto stored = log.next(at)) at = stored->epoch.to;
  EXPECT_EQ(at, base::Lsn{0x100 + 30 * 0x100});
  EXPECT_EQ(ahead.hits(), 0U);
}

}  // namespace
