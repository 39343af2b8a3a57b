// cdc-batch: where epochs end, what a manifest says, and that nothing of an open or bad transaction leaves. Driven from memory; the
// spool is a folder of the test's own.
#include "cdc-batch/batch.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "base/failure.hpp"
#include "io/line_reader.hpp"
#include "io/line_writer.hpp"
#include "stage/log.hpp"

namespace {

namespace fs = std::filesystem;

const std::string kSource =
    R"({"op":"source","format":1,"source":"main","run":"0123456789abcdef0123456789abcdef","system_id":"7","timeline":1,)"
    R"("era":0,"server_version":150018,"database":"shop","slot":"s","start":"00000000/00000100"})";

std::string lsn(std::uint64_t value) { return base::format(base::Lsn{value}); }

std::string policy(char digit) {
  return R"({"op":"policy","sha256":")" + std::string(64, digit) + R"(","key_ids":["k1"]})";
}

std::string schema(const std::string& table, const std::string& key_type = "int8", const std::string& action = "keep") {
  return R"({"op":"schema","table":")" + table + R"(","relid":1,"root":null,"lsn":"00000000/00000100","version":1,)" +
         R"("identity":"default","columns":[{"name":"id","type":")" + key_type +
         R"(","typmod":-1,"attnum":1,"bind":"1.1","identity":true,"pk":true,"nullable":false,"category":"N","default":false,)" +
         R"("action":")" + action + R"(","class":"green"}]})";
}

std::string insert(const std::string& table, std::uint64_t at, int seq, const std::string& key) {
  return R"({"op":"c","table":")" + table + R"(","lsn":")" + lsn(at) + R"(","seq":)" + std::to_string(seq) +
         R"(,"ts":"2026-11-22T10:53:01.123456Z","xid":9,"after":{"id":)" + key + "}}";
}

std::string commit(std::uint64_t at, std::uint64_t end, int rows,
                   const std::string& ts = "2026-11-22T10:53:01.123456Z") {
  return R"({"op":"commit","lsn":")" + lsn(at) + R"(","end":")" + lsn(end) + R"(","ts":")" + ts +
         R"(","xid":9,"rows":)" + std::to_string(rows) + R"(,"read_rows":)" + std::to_string(rows) + "}";
}

std::string heartbeat(std::uint64_t end, const std::string& ts) {
  return R"({"op":"heartbeat","end":")" + lsn(end) + R"(","ts":")" + ts + R"("})";
}

class BatchTest : public ::testing::Test {
 protected:
  BatchTest() : fd_(::memfd_create("out", 0)) {
    std::string name = (fs::temp_directory_path() / "unit-batch.XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    spool_ = std::make_unique<stage::Spool>(folder_ + "/spool", folder_);
    writer_ = std::make_unique<io::LineWriter>(fd_);
    limits.buffer_bytes = 4096;
    start();
  }
  ~BatchTest() override {
    ::close(fd_);
    fs::remove_all(folder_);
  }

  void start() { batch_ = std::make_unique<cdc_batch::Batch>(limits, *spool_); }

  void give(const std::string& line) {
    std::string padded = line;
    padded.reserve(line.size() + io::LineReader::kPaddingBytes);
    batch_->line(std::string_view(padded.data(), line.size()), *writer_);
  }
  void give(std::initializer_list<std::string> lines) {
    for (const std::string& line : lines) give(line);
  }
  // out  the failure's slug, or "none"
  std::string slug_of(const std::function<void()>& body) {
    try {
      body();
    } catch (const base::Failure& failure) {
      return failure.slug;
    }
    return "none";
  }
  void end() { batch_->end(*writer_); }
  void tick(std::int64_t now_ms) { batch_->tick(now_ms, *writer_); }

  std::vector<std::string> lines() {
    writer_->flush();
    std::vector<std::string> lines;
    const auto size = static_cast<std::size_t>(::lseek(fd_, 0, SEEK_END));
    std::string text(size, '\0');
    EXPECT_EQ(::pread(fd_, text.data(), size, 0), static_cast<ssize_t>(size));
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t stop = text.find('\n', at);
      lines.push_back(text.substr(at, stop - at));
      at = stop + 1;
    }
    return lines;
  }
  std::vector<stage::Epoch> epochs() {
    std::vector<stage::Epoch> epochs;
    for (const std::string& line : lines()) {
      if (line.starts_with(R"({"op":"epoch")")) epochs.push_back(stage::decode_epoch(line));
    }
    return epochs;
  }
  static std::vector<std::string> content(const stage::FileEntry& entry) {
    std::vector<std::string> lines;
    stage::LineFile file = stage::LineFile::open_spooled(entry);
    std::string_view line;
    while (file.next(line)) lines.emplace_back(line);
    return lines;
  }
  [[nodiscard]] std::size_t spool_files() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(folder_ + "/spool"), fs::directory_iterator{}));
  }

  cdc_batch::Limits limits;

 private:
  int fd_;
  std::string folder_;
  std::unique_ptr<stage::Spool> spool_;
  std::unique_ptr<io::LineWriter> writer_;
  std::unique_ptr<cdc_batch::Batch> batch_;
};

TEST_F(BatchTest, AnEpochHoldsItsLinesByteForByteAndSaysWhatTheyAre) {
  // White space as a jq without -c would leave it is kept, too.
  const std::string odd =
      R"({"op":"c" , "table":"public.u","lsn":"00000000/00000110","seq":1,"ts":"2026-11-22T10:53:01.123456Z","xid":9,"after":{"id": 5 }})";
  give({kSource, policy('a'), schema("public.t"), schema("public.u"), insert("public.t", 0x110, 0, "7"), odd,
        insert("public.t", 0x110, 2, "3"), commit(0x110, 0x120, 3),
        commit(0x130, 0x140, 0, "2026-11-22T10:54:00.000000Z")});
  end();
  EXPECT_EQ(lines().front(), kSource);
  ASSERT_EQ(epochs().size(), 1u);
  const stage::Epoch epoch = epochs().front();
  EXPECT_EQ(epoch.from, base::Lsn{0x100});
  EXPECT_EQ(epoch.to, base::Lsn{0x140});
  EXPECT_EQ(epoch.commit, (stage::CommitMark{base::Lsn{0x130}, 9, "2026-11-22T10:54:00.000000Z"}));
  EXPECT_EQ(epoch.first_ts, "2026-11-22T10:53:01.123456Z");
  EXPECT_EQ(epoch.last_ts, "2026-11-22T10:54:00.000000Z");
  EXPECT_EQ(epoch.transactions, 2u);
  EXPECT_EQ(epoch.rows, 3u);
  EXPECT_EQ(epoch.policy, std::string(64, 'a'));
  EXPECT_EQ(epoch.key_ids, R"(["k1"])");
  EXPECT_EQ(epoch.schemas, (std::vector<std::string>{schema("public.t"), schema("public.u")}));
  ASSERT_EQ(epoch.files.size(), 2u);
  EXPECT_EQ(content(epoch.files[0]),
            (std::vector<std::string>{insert("public.t", 0x110, 0, "7"), insert("public.t", 0x110, 2, "3")}));
  EXPECT_EQ(epoch.files[0].min_key, "3");
  EXPECT_EQ(epoch.files[0].max_key, "7");
  EXPECT_EQ(content(epoch.files[1]), std::vector<std::string>{odd});
  EXPECT_EQ(
      content(*epoch.commits),
      (std::vector<std::string>{commit(0x110, 0x120, 3), commit(0x130, 0x140, 0, "2026-11-22T10:54:00.000000Z")}));
}

TEST_F(BatchTest, EpochsMeetAndNeverSplitATransaction) {
  limits.max_bytes = 1000;
  start();
  give({kSource, schema("public.t")});
  for (std::uint64_t i = 0; i < 30; ++i) {
    const std::uint64_t at = 0x110 + i * 0x10;
    const int rows = static_cast<int>(i % 7);
    for (int seq = 0; seq < rows; ++seq)
      give(insert("public.t", at, seq, std::to_string(i * 100 + static_cast<unsigned>(seq))));
    give(commit(at, at + 0x10, rows));
  }
  end();
  ASSERT_GT(epochs().size(), 5u);
  base::Lsn position{0x100};
  std::uint64_t transactions = 0;
  for (const stage::Epoch& epoch : epochs()) {
    EXPECT_EQ(epoch.from, position);
    position = epoch.to;
    transactions += epoch.transactions;
    std::uint64_t owed = 0;
    for (const std::string& text : content(*epoch.commits)) {
      change::Parser parser;
      owed += parser.parse_copy(text).rows;
    }
    EXPECT_EQ(owed, epoch.rows);
    EXPECT_EQ(epoch.schemas.size(), epoch.rows > 0 ? 1u : epoch.schemas.size());
  }
  EXPECT_EQ(position, base::Lsn{0x110 + 30 * 0x10});
  EXPECT_EQ(transactions, 30u);
}

TEST_F(BatchTest, AnEpochEndsWhenItsTimeIsOverAlsoWhenNothingComes) {
  limits.max_seconds = 10;
  start();
  give({kSource, schema("public.t")});
  tick(1000);
  tick(100'000);
  EXPECT_TRUE(epochs().empty()) << "an epoch of nothing";
  give({insert("public.t", 0x110, 0, "1"), commit(0x110, 0x120, 1)});
  tick(101'000);
  tick(110'000);
  EXPECT_EQ(epochs().size(), 0u);
  tick(111'000);
  EXPECT_EQ(epochs().size(), 1u);
  give(insert("public.t", 0x120, 0, "2"));
  tick(112'000);
  tick(130'000);
  EXPECT_EQ(epochs().size(), 1u) << "a transaction was split";
  give(commit(0x120, 0x130, 1));
  EXPECT_EQ(epochs().size(), 2u) << "its time was over";
}

TEST_F(BatchTest, HeartbeatsAreTimeWithoutChanges) {
  limits.max_seconds = 10;
  start();
  give({kSource, heartbeat(0x100, "2026-11-22T10:00:00.000000Z")});
  tick(1000);
  tick(20'000);
  EXPECT_TRUE(epochs().empty()) << "a heartbeat at the start is no range";
  for (std::uint64_t i = 0; i < 50; ++i) {
    give(heartbeat(0x110 + i, "2026-11-22T11:00:0" + std::to_string(i / 10) + ".000000Z"));
    tick(20'000 + static_cast<std::int64_t>(i) * 500);
  }
  end();
  ASSERT_EQ(epochs().size(), 3u);
  EXPECT_EQ(epochs()[0].from, base::Lsn{0x100});
  EXPECT_EQ(epochs()[2].to, base::Lsn{0x110 + 49});
  EXPECT_EQ(epochs()[2].last_ts, "2026-11-22T11:00:04.000000Z");
  EXPECT_FALSE(epochs()[0].commit);
  EXPECT_TRUE(epochs()[0].files.empty());
}

TEST_F(BatchTest, AHeartbeatBehindTheLastCommitIsTheEpochsEnd) {
  give({kSource, schema("public.t"), insert("public.t", 0x110, 0, "1"), commit(0x110, 0x120, 1),
        heartbeat(0x180, "2026-11-22T10:59:00.000000Z")});
  end();
  EXPECT_EQ(epochs()[0].to, base::Lsn{0x180});
  EXPECT_EQ(epochs()[0].last_ts, "2026-11-22T10:59:00.000000Z");
  EXPECT_EQ(epochs()[0].commit->lsn, base::Lsn{0x110});
}

TEST_F(BatchTest, APolicyLineEndsTheEpoch) {
  give({kSource, policy('a'), schema("public.t"), insert("public.t", 0x110, 0, "1"), commit(0x110, 0x120, 1),
        policy('a')});
  EXPECT_EQ(epochs().size(), 0u) << "the same policy again";
  give({policy('b'), schema("public.t", "int8", "hash"), insert("public.t", 0x120, 0, "\"x\""),
        commit(0x120, 0x130, 1)});
  end();
  ASSERT_EQ(epochs().size(), 2u);
  EXPECT_EQ(epochs()[0].policy, std::string(64, 'a'));
  EXPECT_EQ(epochs()[1].policy, std::string(64, 'b'));
  EXPECT_EQ(epochs()[1].schemas, std::vector<std::string>{schema("public.t", "int8", "hash")});
  EXPECT_EQ(slug_of([&] { give(R"({"op":"policy","sha256":"zz","key_ids":[]})"); }), "bad_policy");
}

TEST_F(BatchTest, OfACutTransactionNothingLeavesWhereverItWasCut) {
  // With small buffers parts of the open transaction are compressed and on the disk already.
  for (int tail = 1; tail <= 200; tail += 13) {
    limits.part_bytes = 300;
    start();
    give({kSource, schema("public.t"), schema("public.u")});
    for (int seq = 0; seq < 40; ++seq)
      give(insert(seq % 3 == 0 ? "public.u" : "public.t", 0x110, seq, std::to_string(seq)));
    give(commit(0x110, 0x120, 40));
    give(insert("public.t", 0x120, 0, "1000"));
    give(schema("public.v"));
    for (int seq = 1; seq <= tail; ++seq) give(insert(seq % 2 == 0 ? "public.v" : "public.t", 0x120, seq, "1000"));
    const std::size_t before = epochs().size();
    EXPECT_EQ(slug_of([&] { end(); }), "cut_short");
    const auto all = epochs();
    ASSERT_EQ(all.size(), before + 1);
    const stage::Epoch& epoch = all.back();
    EXPECT_EQ(epoch.to, base::Lsn{0x120});
    EXPECT_EQ(epoch.rows, 40u);
    EXPECT_EQ(epoch.schemas, (std::vector<std::string>{schema("public.t"), schema("public.u")})) << "not public.v";
    int rows = 0;
    for (const auto& file : epoch.files) {
      for (const std::string& text : content(file)) {
        EXPECT_NE(text.find("00000000/00000110"), std::string::npos);
        ++rows;
      }
      fs::remove(file.path);
    }
    fs::remove(epoch.commits->path);
    EXPECT_EQ(rows, 40);
    EXPECT_EQ(spool_files(), 0u) << "left behind with a tail of " << tail;
  }
}

TEST_F(BatchTest, AfterABadLineNothingMoreLeaves) {
  give({kSource, schema("public.t"), insert("public.t", 0x110, 0, "1"), commit(0x110, 0x120, 1)});
  EXPECT_EQ(slug_of([&] { give(insert("public.x", 0x120, 0, "1")); }), "no_schema");
  EXPECT_EQ(lines().size(), 1u);
}

TEST_F(BatchTest, CountsThatAreOffAreRefusedUnlessSomethingSelectsOnPurpose) {
  give({kSource, schema("public.t"), insert("public.t", 0x110, 0, "1")});
  EXPECT_EQ(slug_of([&] { give(commit(0x110, 0x120, 2)); }), "rows_off");
  limits.edited = true;
  start();
  give({kSource, schema("public.t"), insert("public.t", 0x110, 0, "1"), commit(0x110, 0x120, 2)});
  end();
  ASSERT_EQ(epochs().size(), 1u);
  EXPECT_EQ(
      content(*epochs()[0].commits),
      std::vector<std::string>{
          R"({"op":"commit","lsn":"00000000/00000110","end":"00000000/00000120","ts":"2026-11-22T10:53:01.123456Z","xid":9,"rows":1,"read_rows":2})"});
}

TEST_F(BatchTest, MessagesHaveAFileOfTheirOwnAndNoTableBearsItsName) {
  const std::string message =
      R"({"op":"m","lsn":"00000000/00000110","seq":0,"ts":"2026-11-22T10:53:01.123456Z","xid":9,"prefix":"p","content":"c"})";
  give({kSource, schema("public.t"), message, insert("public.t", 0x110, 1, "1"), commit(0x110, 0x120, 2)});
  end();
  ASSERT_EQ(epochs().size(), 1u);
  ASSERT_EQ(epochs()[0].files.size(), 2u);
  EXPECT_EQ(epochs()[0].files[0].table, "_cdc.messages");
  EXPECT_EQ(content(epochs()[0].files[0]), std::vector<std::string>{message});
  EXPECT_EQ(epochs()[0].rows, 2u);
  start();
  give(kSource);
  EXPECT_EQ(slug_of([&] { give(schema("_cdc.messages")); }), "bad_table");
}

TEST_F(BatchTest, AChunkIsAManifestOfItsOwnBesideTheOpenEpoch) {
  const std::string begin =
      R"({"op":"snapshot","state":"begin","table":"public.t","lsn":"00000000/000000F0","chunk":3,"from_key":[1],"to_key":null,"rows":0})";
  const std::string row =
      R"({"op":"r","table":"public.t","lsn":"00000000/000000F0","ts":"2026-11-22T10:53:01.123456Z","after":{"id":5}})";
  const std::string stop =
      R"({"op":"snapshot","state":"end","table":"public.t","lsn":"00000000/000000F0","chunk":3,"from_key":[1],"to_key":null,"rows":2,"high":"00000000/000000F8"})";
  give(
      {kSource, schema("public.t"), insert("public.t", 0x110, 0, "1"), commit(0x110, 0x120, 1), begin, row, row, stop});
  const auto out = lines();
  ASSERT_EQ(out.size(), 2u);
  const stage::Chunk chunk = stage::decode_chunk(out[1]);
  EXPECT_EQ(chunk.table, "public.t");
  EXPECT_EQ(chunk.chunk, 3u);
  EXPECT_EQ(chunk.lsn, base::Lsn{0xF0});
  EXPECT_EQ(chunk.high, base::Lsn{0xF8});
  EXPECT_EQ(chunk.from_key, "[1]");
  EXPECT_EQ(chunk.to_key, "");
  EXPECT_EQ(chunk.rows, 2u);
  EXPECT_EQ(chunk.schemas, std::vector<std::string>{schema("public.t")});
  EXPECT_EQ(content(chunk.files[0]), (std::vector<std::string>{row, row}));
  give({begin, row});
  EXPECT_EQ(slug_of([&] { end(); }), "cut_short");
  ASSERT_EQ(epochs().size(), 1u);
  EXPECT_EQ(epochs()[0].rows, 1u);
  EXPECT_EQ(lines().size(), 3u) << "a chunk that did not end left";
}

TEST_F(BatchTest, ABigTableBecomesPartsAndOnlyItsOwn) {
  limits.part_bytes = 2000;
  start();
  give({kSource, schema("public.t")});
  int seq = 0;
  for (; seq < 3000; ++seq) give(insert("public.t", 0x110, seq, std::to_string(seq * 7919 % 100'003)));
  give(commit(0x110, 0x120, seq));
  end();
  const stage::Epoch epoch = epochs()[0];
  ASSERT_GT(epoch.files.size(), 2u);
  int next = 0;
  for (std::size_t part = 0; part < epoch.files.size(); ++part) {
    EXPECT_EQ(epoch.files[part].part, part);
    for (const std::string& text : content(epoch.files[part])) {
      EXPECT_NE(text.find("\"seq\":" + std::to_string(next++) + ","), std::string::npos);
    }
  }
  EXPECT_EQ(next, 3000);
}

}  // namespace
