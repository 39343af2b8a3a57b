// stage: the spool belongs to one process at a time, keeps only what was given away, and a file in the making can be cut back.
#include "stage/spool.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/failure.hpp"
#include "stage/log.hpp"

namespace {

namespace fs = std::filesystem;

class SpoolTest : public ::testing::Test {
 protected:
  SpoolTest() {
    std::string name = (fs::temp_directory_path() / "unit-spool.XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~SpoolTest() override { fs::remove_all(folder_); }
  [[nodiscard]] std::size_t files(const std::string& below) const {
    std::size_t count = 0;
    for (const auto& entry : fs::recursive_directory_iterator(folder_ + below))
      count += entry.is_regular_file() ? 1 : 0;
    return count;
  }
  static std::string lines_of(const stage::FileEntry& entry) {
    std::string text;
    std::string_view line;
    stage::LineFile file = stage::LineFile::open_spooled(entry);
    while (file.next(line)) text.append(line).push_back('\n');
    return text;
  }
  std::string folder_;
};

TEST_F(SpoolTest, WhatWasNotGivenAwayGoesWithTheSpool) {
  {
    stage::Spool spool(folder_ + "/s", folder_);
    const std::string kept = spool.new_path();
    const std::string dropped = spool.new_path();
    spool.append(kept, "a");
    spool.append(dropped, "b");
    spool.give_away(kept);
    EXPECT_EQ(files("/s"), 2u);
  }
  EXPECT_EQ(files("/s"), 1u);
  EXPECT_EQ(fs::status(folder_ + "/s").permissions() & fs::perms::all, fs::perms::owner_all);
}

TEST_F(SpoolTest, OneProcessAtATime) {
  const stage::Spool first(folder_ + "/s", folder_);
  try {
    const stage::Spool second(folder_ + "/s", folder_);
    FAIL() << "two spools in one folder";
  } catch (const base::Failure& failure) {
    EXPECT_EQ(failure.slug, "locked");
    EXPECT_EQ(failure.exit, base::Exit::retry);
  }
}

TEST_F(SpoolTest, WhatADeadRunLeftIsRemovedAndNothingElse) {
  fs::create_directory(folder_ + "/s");
  std::ofstream(folder_ + "/s/cdc-1-0.ndjson.zst") << "dead";
  std::ofstream(folder_ + "/s/notes.txt") << "mine";
  const stage::Spool spool(folder_ + "/s", folder_);
  EXPECT_FALSE(fs::exists(folder_ + "/s/cdc-1-0.ndjson.zst"));
  EXPECT_TRUE(fs::exists(folder_ + "/s/notes.txt"));
}

TEST_F(SpoolTest, APrivateFolderGoesWithItsLastFile) {
  std::string path;
  {
    stage::Spool spool("", folder_);
    path = spool.new_path();
    spool.append(path, "a");
    spool.give_away(path);
    stage::Spool::leave(path);
    EXPECT_TRUE(fs::exists(path)) << "its maker is alive";
  }
  stage::Spool::consume(path);
  stage::Spool::leave(path);
  EXPECT_FALSE(fs::exists(fs::path(path).parent_path()));
}

// The folder of a run that was killed: nobody has it locked, and that for a while.
TEST_F(SpoolTest, APrivateFolderOfADeadRunIsRemovedByTheNextUnlessSomebodyReadsFromIt) {
  const std::string dead = folder_ + "/cdc-batch.dead";
  const std::string fresh = folder_ + "/cdc-batch.fresh";
  for (const std::string& folder : {dead, fresh}) {
    fs::create_directory(folder);
    std::ofstream(folder + "/cdc-1-0.ndjson.zst") << "dead";
  }
  fs::last_write_time(dead, fs::file_time_type::clock::now() - std::chrono::minutes(11));
  {
    const io::Fd reading = stage::Spool::attend(dead + "/cdc-1-0.ndjson.zst");
    ASSERT_TRUE(reading.open());
    const stage::Spool spool("", folder_);
    EXPECT_TRUE(fs::exists(dead));
    EXPECT_TRUE(stage::Spool::attend(folder_ + "/s/cdc-1-0.ndjson.zst").get() < 0) << "no private one";
  }
  fs::last_write_time(dead, fs::file_time_type::clock::now() - std::chrono::minutes(11));
  const stage::Spool named(folder_ + "/s", folder_);
  EXPECT_FALSE(fs::exists(dead));
  EXPECT_TRUE(fs::exists(fresh)) << "its maker, or who reads from it, may not have locked it yet";
}

TEST_F(SpoolTest, AFileHoldsItsLinesAndSaysSo) {
  stage::Spool spool("", folder_);
  zip::Compressor compressor(1);
  stage::SpooledFile file(spool, compressor, "a.b", 2);
  std::string text;
  for (int i = 0; i < 1000; ++i) {
    file.add("line " + std::to_string(i));
    text += "line " + std::to_string(i) + "\n";
    if (i % 300 == 0) file.flush(i % 2 == 0);
  }
  const stage::FileEntry entry = file.finish();
  EXPECT_EQ(entry.table, "a.b");
  EXPECT_EQ(entry.part, 2u);
  EXPECT_EQ(entry.rows, 1000u);
  EXPECT_EQ(entry.raw_bytes, text.size());
  EXPECT_EQ(entry.bytes, fs::file_size(entry.path));
  EXPECT_EQ(lines_of(entry), text);
}

TEST_F(SpoolTest, AFileIsCutBackToAnyLineWhereverItsFramesEnd) {
  stage::Spool spool("", folder_);
  zip::Compressor compressor(1);
  constexpr int kLines = 60;
  for (int keep = 0; keep <= kLines; ++keep) {
    for (const int frame : {1, 7, 25, 100}) {
      stage::SpooledFile file(spool, compressor, "a.b", 0);
      std::string text;
      std::uint64_t kept_bytes = 0;
      for (int i = 0; i < kLines; ++i) {
        if (i == keep) kept_bytes = file.raw_bytes();
        file.add(std::string(static_cast<std::size_t>(i), 'x'));
        if (i < keep) text += std::string(static_cast<std::size_t>(i), 'x') + "\n";
        if (i % frame == frame - 1) file.flush(true);
      }
      if (keep == kLines) kept_bytes = file.raw_bytes();
      file.cut(kept_bytes, static_cast<std::uint64_t>(keep));
      file.add("after");
      const stage::FileEntry entry = file.finish();
      EXPECT_EQ(lines_of(entry), text + "after\n") << keep << " lines of frames of " << frame;
      spool.remove(entry.path);
    }
  }
  EXPECT_EQ(files(""), 0u);
}

}  // namespace
