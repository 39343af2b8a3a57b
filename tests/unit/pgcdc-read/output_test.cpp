// pgcdc-read: bytes come out as they went in, whatever the pipe's reader does; the spool holds no clear text; the thread ends
// when it is told to, also out of a write that blocks.
#include "pgcdc-read/output.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/failure.hpp"
#include "io/line_writer.hpp"

namespace {

using reader::Output;

struct Pipe {
  int ends[2] = {-1, -1};
  Pipe() { EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0); }
  ~Pipe() {
    close_end(0);
    close_end(1);
  }
  void close_end(int i) {
    if (ends[i] >= 0) close(ends[i]);
    ends[i] = -1;
  }
  std::string take(std::size_t size) const {
    std::string bytes(size, '\0');
    std::size_t done = 0;
    while (done < size) {
      const ssize_t n = read(ends[0], bytes.data() + done, size - done);
      if (n <= 0) break;
      done += static_cast<std::size_t>(n);
    }
    bytes.resize(done);
    return bytes;
  }
};

class OutputTest : public testing::Test {
 protected:
  void SetUp() override { signal(SIGPIPE, SIG_IGN); }
  // Waits for the thread as the reader does.
  static void settle(Output& output) {
    while (!output.idle()) {
      pollfd entry{output.wake_fd(), POLLIN, 0};
      ASSERT_GE(poll(&entry, 1, 10'000), 1);
      output.clear_wake();
      output.check();
    }
  }
  static void settle_for_ever(Output& output) {
    for (;;) {
      pollfd entry{output.wake_fd(), POLLIN, 0};
      if (poll(&entry, 1, 10'000) < 1) return;
      output.clear_wake();
      output.check();
    }
  }
  const std::string folder_ = testing::TempDir();
  Pipe pipe_;
};

std::string numbered(std::size_t number) { return std::to_string(number) + std::string(1000, 'r') + '\n'; }

TEST_F(OutputTest, a_stalled_reader_gets_every_byte_in_order_through_memory_and_spool) {
  reader::Spool spool(folder_, 1U << 30U);
  Output output(pipe_.ends[1], spool);
  std::string all;
  std::size_t most_spooled = 0;
  for (std::size_t i = 0; all.size() < 3 * Output::kMemoryBlocks * Output::kBlockBytes; ++i) {
    const std::string line = numbered(i);
    all += line;
    output.block() += line;
    output.mark(base::Lsn{all.size()});
    if (output.full()) output.hand_over();
    most_spooled = std::max(most_spooled, static_cast<std::size_t>(spool.bytes()));
  }
  EXPECT_GT(most_spooled, Output::kMemoryBlocks * Output::kBlockBytes);
  output.hand_over();
  EXPECT_LT(output.written(), base::Lsn{all.size()});
  EXPECT_EQ(pipe_.take(all.size()), all);
  settle(output);
  EXPECT_EQ(output.written(), base::Lsn{all.size()});
  EXPECT_EQ(spool.bytes(), 0U);
}

TEST_F(OutputTest, at_its_limit_the_spool_is_retry) {
  reader::Spool spool(folder_, Output::kBlockBytes + 1);
  Output output(pipe_.ends[1], spool);
  const auto fill = [&] {
    for (int i = 0; i < 100; ++i) {
      output.block().assign(Output::kBlockBytes, 'x');
      output.hand_over();
    }
  };
  try {
    fill();
    FAIL();
  } catch (const base::Failure& failure) {
    EXPECT_EQ(failure.exit, base::Exit::retry);
    EXPECT_EQ(failure.slug, "spool_full");
  }
}

TEST_F(OutputTest, the_spool_is_not_clear_text_and_has_no_name) {
  const std::string folder = folder_ + "spool";
  std::filesystem::create_directory(folder);
  reader::Spool spool(folder, 1U << 30U);
  Output output(pipe_.ends[1], spool);
  for (int i = 0; i < 40; ++i) {
    output.block().assign(Output::kBlockBytes, 's');
    output.hand_over();
  }
  ASSERT_GT(spool.bytes(), 0U);
  EXPECT_TRUE(std::filesystem::is_empty(folder));
  // The file's descriptor is the only way to it: /proc shows it as deleted.
  bool found = false;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code error;
    const std::string target = std::filesystem::read_symlink(entry.path(), error).string();
    if (target.find(folder) == std::string::npos) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    std::string bytes(1 << 20, '\0');
    file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    bytes.resize(static_cast<std::size_t>(file.gcount()));
    found = true;
    EXPECT_GT(bytes.size(), 0U);
    EXPECT_EQ(bytes.find("ssssssss"), std::string::npos);
  }
  EXPECT_TRUE(found);
}

TEST_F(OutputTest, a_block_of_one_huge_row_is_written_whole) {
  reader::Spool spool(folder_, 1U << 30U);
  Output output(pipe_.ends[1], spool);
  const std::string huge(20 * Output::kBlockBytes, 'h');
  output.block() = huge;
  output.hand_over();
  EXPECT_EQ(pipe_.take(huge.size()), huge);
  settle(output);
}

TEST_F(OutputTest, a_reader_that_is_gone_is_a_broken_pipe) {
  reader::Spool spool(folder_, 1U << 30U);
  Output output(pipe_.ends[1], spool);
  pipe_.close_end(0);
  output.block() = "line\n";
  output.hand_over();
  EXPECT_THROW(settle_for_ever(output), io::Broken);
}

TEST_F(OutputTest, a_full_disk_is_retry) {
  const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
  ASSERT_GE(full, 0);
  {
    reader::Spool spool(folder_, 1U << 30U);
    Output output(full, spool);
    output.block() = "line\n";
    output.hand_over();
    try {
      pollfd entry{output.wake_fd(), POLLIN, 0};
      ASSERT_EQ(poll(&entry, 1, 10'000), 1);
      output.check();
      FAIL();
    } catch (const base::Failure& failure) {
      EXPECT_EQ(failure.exit, base::Exit::retry);
      EXPECT_EQ(failure.slug, "disk_full");
    }
  }
  close(full);
}

TEST_F(OutputTest, it_ends_out_of_a_write_that_blocks) {
  reader::Spool spool(folder_, 1U << 30U);
  Output output(pipe_.ends[1], spool);
  output.block().assign(4 * Output::kBlockBytes, 'x');
  output.hand_over();
  EXPECT_FALSE(output.idle());
  // The destructor returns although nobody reads.
}

TEST_F(OutputTest, a_spool_folder_that_is_not_there_is_told_at_once) {
  EXPECT_THROW(reader::Spool(folder_ + "/nosuch", 1), base::Failure);
}

}  // namespace
