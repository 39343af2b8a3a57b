// Tests of io: the line reader gives the same lines for every way of cutting the input; files are made once.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "base/failure.hpp"
#include "io/file.hpp"
#include "io/line_reader.hpp"
#include "io/line_writer.hpp"

namespace io {
namespace {

struct Pipe {
  Pipe() {
    int ends[2];
    if (::pipe(ends) != 0) std::abort();
    in = Fd(ends[0]);
    out = Fd(ends[1]);
  }
  Fd in, out;
};

// Lines and the final status, with the input arriving in pieces of `piece` bytes.
std::pair<std::vector<std::string>, LineReader::Status> lines_of(const std::string& text, std::size_t piece) {
  Pipe pipe;
  LineReader reader(pipe.in.get(), 16);
  std::vector<std::string> lines;
  std::size_t at = 0;
  for (;;) {
    std::string_view line;
    const auto status = reader.next(line);
    if (status == LineReader::Status::line) {
      lines.emplace_back(line);
    } else if (status == LineReader::Status::more) {
      const std::string part = text.substr(at, piece);
      at += part.size();
      if (part.empty()) {
        pipe.out = Fd();
      } else {
        write_all(pipe.out.get(), part);
      }
      reader.fill();
    } else {
      return {lines, status};
    }
  }
}

TEST(LineReader, TheSameLinesForEveryWayOfCutting) {
  const std::string text = "a\n\nlonger than the first buffer of sixteen bytes\nx\n";
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    const auto [lines, status] = lines_of(text, piece);
    EXPECT_EQ(lines, (std::vector<std::string>{"a", "", "longer than the first buffer of sixteen bytes", "x"}));
    EXPECT_EQ(status, LineReader::Status::end);
  }
}

TEST(LineReader, AnUnfinishedLineIsNotALine) {
  for (std::size_t piece = 1; piece < 6; ++piece) {
    const auto [lines, status] = lines_of("a\nbc", piece);
    EXPECT_EQ(lines, std::vector<std::string>{"a"});
    EXPECT_EQ(status, LineReader::Status::cut);
  }
}

TEST(LineWriter, ABrokenPipeIsToldApart) {
  Pipe pipe;
  pipe.in = Fd();
  ::signal(SIGPIPE, SIG_IGN);
  LineWriter writer(pipe.out.get());
  writer.line("x");
  EXPECT_THROW(writer.flush(), Broken);
}

TEST(LineWriter, AFullDiskIsRetry) {
  Fd full(::open("/dev/full", 1));
  LineWriter writer(full.get());
  writer.line("x");
  try {
    writer.flush();
    FAIL();
  } catch (const base::Failure& failure) {
    EXPECT_EQ(failure.exit, base::Exit::retry);
    EXPECT_EQ(failure.slug, "disk_full");
  }
}

class Files : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/pgcdc-io-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    folder_ = name;
  }
  void TearDown() override { (void)std::system(("rm -rf " + folder_).c_str()); }
  std::string folder_;
};

TEST_F(Files, CreateIsOnceOnly) {
  EXPECT_TRUE(create_file(folder_ + "/f", "first"));
  EXPECT_FALSE(create_file(folder_ + "/f", "second"));
  EXPECT_EQ(read_file(folder_ + "/f"), "first");
}

TEST_F(Files, ReplaceIsWhole) {
  replace_file(folder_ + "/f", "old");
  replace_file(folder_ + "/f", "new");
  EXPECT_EQ(read_file(folder_ + "/f"), "new");
  EXPECT_EQ(read_file(folder_ + "/missing"), std::nullopt);
}

TEST_F(Files, PlaceDoesNotOverwrite) {
  replace_file(folder_ + "/from", "content");
  EXPECT_TRUE(place_file(folder_ + "/from", folder_ + "/to"));
  replace_file(folder_ + "/other", "other");
  EXPECT_FALSE(place_file(folder_ + "/other", folder_ + "/to"));
  EXPECT_EQ(read_file(folder_ + "/to"), "content");
}

TEST_F(Files, FoldersAreMadeWithTheirParents) {
  make_folders(folder_ + "/a/b/c");
  make_folders(folder_ + "/a/b/c");
  struct stat about {};
  EXPECT_EQ(::stat((folder_ + "/a/b/c").c_str(), &about), 0);
}

}  // namespace
}  // namespace io
