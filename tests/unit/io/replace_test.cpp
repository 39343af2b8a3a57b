// A file that is replaced stays readable by whom it was, and nothing is left beside it, whoever was killed. Knows modes and locks. Must not
// know what a file is for. Durability is not seen here: tests/e2e/cdc-stage-prune.bats kills between the steps.
// The rest of what io promises of files is in the other tests of this folder.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>
#include <vector>

#include "io/file.hpp"

namespace {

TEST(ReplacedFile, KeepsItsMode) {
  std::string name = (std::filesystem::temp_directory_path() / "unit-io.XXXXXX").string();
  const std::string folder = ::mkdtemp(name.data());
  const std::string file = folder + "/file";
  io::replace_file(file, "one");
  ASSERT_EQ(::chmod(file.c_str(), 0600), 0);
  io::replace_file(file, "two");
  struct stat about {};
  ASSERT_EQ(::stat(file.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0600u);
  EXPECT_EQ(io::read_file(file), "two");
  std::filesystem::remove_all(folder);
}

class Folder : public ::testing::Test {
 protected:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "unit-io.XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~Folder() override { std::filesystem::remove_all(folder_); }
  [[nodiscard]] std::set<std::string> names() const {
    std::set<std::string> all;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) all.insert(entry.path().filename());
    return all;
  }
  std::string folder_;
};

TEST_F(Folder, HoldsNothingOfAKilledWriterAfterTheNextOne) {
  std::ofstream(folder_ + "/file.tmp") << "half of what a dead process wrote, longer than what comes";
  io::replace_file(folder_ + "/file", "new");
  EXPECT_EQ(io::read_file(folder_ + "/file"), "new");
  EXPECT_EQ(names(), std::set<std::string>{"file"});
}

TEST_F(Folder, WhatAnotherProcessIsMakingIsLeftToIt) {
  const std::string other = folder_ + "/file.tmp";
  std::ofstream(other) << "in the making";
  const int fd = ::open(other.c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_EQ(::flock(fd, LOCK_EX), 0);
  io::replace_file(folder_ + "/file", "new");
  EXPECT_EQ(io::read_file(folder_ + "/file"), "new");
  EXPECT_EQ(io::read_file(other), "in the making");
  ::close(fd);
}

TEST_F(Folder, OfManyWhoReplaceAFileAtOnceEachIsWhole) {
  std::vector<std::thread> threads;
  const std::string file = folder_ + "/file";
  for (char who = 'a'; who < 'e'; ++who) {
    threads.emplace_back([&, who] {
      for (int i = 0; i < 50; ++i) io::replace_file(file, std::string(3000, who));
    });
  }
  std::size_t torn = 0;
  for (int i = 0; i < 200; ++i) {
    const std::string seen = io::read_file(file).value_or("");
    if (!seen.empty() && (seen.size() != 3000 || seen.find_first_not_of(seen[0]) != std::string::npos)) ++torn;
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(torn, 0u);
  EXPECT_EQ(names(), std::set<std::string>{"file"});
}

TEST_F(Folder, NeverShowsAFileThatHasNoName) {
  const io::Fd fd = io::unnamed_file(folder_);
  ASSERT_EQ(::write(fd.get(), "abc", 3), 3);
  EXPECT_TRUE(names().empty());
  const std::string path = "/proc/self/fd/" + std::to_string(fd.get());
  EXPECT_EQ(io::read_file(path), "abc");
  EXPECT_EQ(std::filesystem::file_size(path), 3u);
  // As an object of a folder it is copied: a link would be one to the descriptor.
  ASSERT_TRUE(io::place_file(path, folder_ + "/placed"));
  EXPECT_EQ(io::read_file(folder_ + "/placed"), "abc");
  EXPECT_TRUE(std::filesystem::is_regular_file(std::filesystem::symlink_status(folder_ + "/placed")));
}

}  // namespace
