// cdc-stage-put: what happens at the log's end. Every case asks the log afterwards: positions meet, and each commit stands in it once.
#include "cdc-stage-put/put.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>

#include "base/failure.hpp"
#include "io/line_reader.hpp"
#include "io/line_writer.hpp"
#include "stage/names.hpp"

namespace {

namespace fs = std::filesystem;

std::string source_line(const std::string& system_id = "7", int timeline = 1, int era = 0) {
  return R"({"op":"source","format":1,"source":"main","run":"0123456789abcdef0123456789abcdef","system_id":")" +
         system_id + R"(","timeline":)" + std::to_string(timeline) + R"(,"era":)" + std::to_string(era) +
         R"(,"server_version":150018,"database":"shop","slot":null,"start":"00000000/00000100"})";
}

// A store that lets something happen right before a manifest is created: another writer, a full disk.
class Watched : public stage::Store {
 public:
  explicit Watched(stage::Store& inner) : inner_(inner) {}
  std::function<void()> before_manifest;

  std::optional<std::string> read(const std::string& name) override { return inner_.read(name); }
  std::unique_ptr<stage::ObjectReader> open(const std::string& name) override { return inner_.open(name); }
  std::vector<std::string> list(const std::string& folder) override { return inner_.list(folder); }
  std::vector<std::string> list_one_level(const std::string& folder, const std::string& after) override {
    return inner_.list_one_level(folder, after);
  }
  void each(const std::string& folder, const std::function<void(const stage::Listed&)>& act) override {
    inner_.each(folder, act);
  }
  void replace(const std::string& name, std::string_view content) override { inner_.replace(name, content); }
  void remove(const std::string& name) override { inner_.remove(name); }
  bool put_if_absent(const std::string& name, std::string_view content) override {
    if (name.find("/log/") != std::string::npos && before_manifest) std::exchange(before_manifest, nullptr)();
    return inner_.put_if_absent(name, content);
  }
  void place(const std::string& path, const std::string& name) override { inner_.place(path, name); }
  void settle(const std::string& folder) override { inner_.settle(folder); }
  std::string where() const override { return inner_.where(); }

 private:
  stage::Store& inner_;
};

class PutTest : public ::testing::Test {
 protected:
  PutTest() : out_(-1) {
    std::string name = (fs::temp_directory_path() / "unit-put.XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    store_ = stage::open_store(folder_ + "/stage", true);
    watched_ = std::make_unique<Watched>(*store_);
    spool_ = std::make_unique<stage::Spool>(folder_ + "/spool", folder_);
    restart();
  }
  ~PutTest() override {
    put_.reset();
    spool_.reset();
    fs::remove_all(folder_);
  }

  void restart() {
    put_ = std::make_unique<cdc_stage_put::Put>(*watched_, folder_);
    put_->on_durable = [this](base::Lsn to, const std::string&) { acks_.push_back(to.value); };
  }

  static void give(cdc_stage_put::Put& put, const std::string& text, io::LineWriter& out) {
    std::string padded = text;
    padded.reserve(text.size() + io::LineReader::kPaddingBytes);
    put.line(std::string_view(padded.data(), text.size()), out);
  }
  void give(const std::string& text) { give(*put_, text, out_); }

  // A copied chunk of one row.
  std::string chunk(const std::string& table, std::uint64_t lsn, std::uint64_t number, const std::string& from_key,
                    std::uint64_t copy = 0, bool keys = false) {
    stage::SpooledFile rows(*spool_, compressor_, table, 0);
    rows.add(R"({"op":"r"})");
    stage::Chunk chunk;
    chunk.source = "main";
    chunk.run = "0123456789abcdef0123456789abcdef";
    chunk.system_id = "7";
    chunk.timeline = 1;
    chunk.table = table;
    chunk.lsn = base::Lsn{lsn};
    chunk.copy = base::Lsn{copy == 0 ? lsn : copy};
    if (keys) chunk.keys = 1;
    chunk.chunk = number;
    chunk.from_key = from_key;
    chunk.rows = 1;
    chunk.files = {rows.finish()};
    spool_->give_away(chunk.files.front().path);
    return stage::encode(chunk, stage::Form::line);
  }

  // An epoch with a transaction of two rows at each of the positions; a transaction ends 4 behind its commit.
  std::string epoch(std::uint64_t from, std::uint64_t to, const std::vector<std::uint64_t>& commits,
                    std::uint64_t xid = 9, int timeline = 1) {
    stage::Epoch epoch;
    epoch.source = "main";
    epoch.run = "0123456789abcdef0123456789abcdef";
    epoch.system_id = "7";
    epoch.timeline = static_cast<std::uint64_t>(timeline);
    epoch.from = base::Lsn{from};
    epoch.to = base::Lsn{to};
    epoch.first_ts = epoch.last_ts = "2026-11-22T10:53:01.123456Z";
    if (!commits.empty()) {
      stage::SpooledFile rows(*spool_, compressor_, "public.t", 0);
      stage::SpooledFile marks(*spool_, compressor_, "", 0);
      for (const std::uint64_t at : commits) {
        const std::string place = R"(,"lsn":")" + base::format(base::Lsn{at}) + R"(")";
        const std::string who = R"("ts":"2026-11-22T10:53:01.123456Z","xid":)" + std::to_string(xid);
        for (const char* seq : {"0", "1"}) {
          rows.add(R"({"op":"c","table":"public.t")" + place + R"(,"seq":)" + seq + "," + who +
                   R"(,"after":{"id":1}})");
        }
        marks.add(R"({"op":"commit")" + place + R"(,"end":")" + base::format(base::Lsn{at + 4}) + R"(",)" + who +
                  R"(,"rows":2,"read_rows":2})");
      }
      epoch.files.push_back(rows.finish());
      epoch.commits = marks.finish();
      epoch.rows = epoch.files.front().rows;
      epoch.transactions = commits.size();
      epoch.commit = stage::CommitMark{base::Lsn{commits.back()}, xid, epoch.last_ts};
      spool_->give_away(epoch.files.front().path);
      spool_->give_away(epoch.commits->path);
    }
    return stage::encode(epoch, stage::Form::line);
  }

  // What the log holds, as `[from,to) commit commit ...`, each epoch after a space; its files are verified on the way.
  std::string log() {
    std::string text;
    stage::Log log(*store_, "main", 0);
    auto position = log.start();
    std::string prev;
    while (position) {
      const auto stored = log.next(*position);
      if (!stored) break;
      EXPECT_EQ(stored->epoch.prev, prev);
      prev = stored->sha256;
      char range[64];
      std::snprintf(range, sizeof range, "[%llX,%llX)", static_cast<unsigned long long>(stored->epoch.from.value),
                    static_cast<unsigned long long>(stored->epoch.to.value));
      text += range;
      std::uint64_t rows = 0;
      for (const auto& file : stored->epoch.files) {
        stage::verify(log, file);
        rows += file.rows;
      }
      if (stored->epoch.commits) {
        stage::LineFile commits = stage::LineFile::open(log, *stored->epoch.commits);
        std::string_view line;
        std::uint64_t owed = 0;
        while (commits.next(line)) {
          change::Parser parser;
          const change::Line& commit = parser.parse(line);
          owed += commit.rows;
          char at[32];
          std::snprintf(at, sizeof at, " %llX", static_cast<unsigned long long>(commit.lsn_value().value));
          text += at;
        }
        EXPECT_EQ(owed, rows);
      }
      text += ";";
      position = stored->epoch.to;
    }
    return text;
  }
  [[nodiscard]] std::size_t spool_files() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(folder_ + "/spool"), fs::directory_iterator{}));
  }
  static std::string outcome(const std::function<void()>& body) {
    try {
      body();
    } catch (const base::Failure& failure) {
      return std::to_string(static_cast<int>(failure.exit)) + " " + failure.slug;
    }
    return "0";
  }

  std::string folder_;
  std::unique_ptr<stage::Store> store_;
  std::unique_ptr<Watched> watched_;
  std::unique_ptr<stage::Spool> spool_;
  zip::Compressor compressor_{1};
  io::LineWriter out_;
  std::unique_ptr<cdc_stage_put::Put> put_;
  std::vector<std::uint64_t> acks_;
};

TEST_F(PutTest, EpochsAreAppendedAcknowledgedAndTakenFromTheSpool) {
  give(source_line());
  give(epoch(0x100, 0x130, {0x110, 0x120}));
  give(epoch(0x130, 0x140, {}));
  give(epoch(0x140, 0x150, {0x140}));
  EXPECT_EQ(log(), "[100,130) 110 120;[130,140);[140,150) 140;");
  EXPECT_EQ(acks_, (std::vector<std::uint64_t>{0x130, 0x140, 0x150}));
  EXPECT_EQ(spool_files(), 0u);
}

TEST_F(PutTest, TheSameEpochsAgainChangeNothingAndAreAcknowledged) {
  for (int run = 0; run < 3; ++run) {
    restart();
    give(source_line());
    give(epoch(0x100, 0x130, {0x110, 0x120}));
    give(epoch(0x130, 0x150, {0x140}));
  }
  EXPECT_EQ(log(), "[100,130) 110 120;[130,150) 140;");
  EXPECT_EQ(acks_.size(), 6u);
  EXPECT_EQ(acks_.back(), 0x150u);
}

TEST_F(PutTest, AnOverlapIsCutAtTheLogsEndWhereverItLies) {
  // Epochs of a first run; then every other way to cut the same commits again.
  const std::vector<std::uint64_t> commits{0x110, 0x114, 0x120, 0x130, 0x134, 0x140};
  give(source_line());
  give(epoch(0x100, 0x118, {0x110, 0x114}));
  give(epoch(0x118, 0x128, {0x120}));
  for (const std::uint64_t split : {0x114ull, 0x118ull, 0x124ull, 0x130ull, 0x134ull, 0x138ull}) {
    restart();
    std::vector<std::uint64_t> low;
    std::vector<std::uint64_t> high;
    for (const std::uint64_t at : commits) (at < split ? low : high).push_back(at);
    give(source_line());
    give(epoch(0x100, split, low));
    give(epoch(split, 0x144, high));
    EXPECT_EQ(acks_.back(), 0x144u);
  }
  std::string all = log();
  std::erase_if(all, [](char c) { return c == ';'; });
  for (const char* at : {" 110", " 114", " 120", " 130", " 134", " 140"}) {
    const std::size_t found = all.find(at);
    ASSERT_NE(found, std::string::npos) << at << " is lost: " << all;
    EXPECT_EQ(all.find(at, found + 1), std::string::npos) << at << " stands twice: " << all;
  }
  EXPECT_EQ(spool_files(), 0u);
}

TEST_F(PutTest, AnEpochThatBeginsAtTheLastEndsCommitIsNotLost) {
  // A commit record may begin exactly at an `end`.
  give(source_line());
  give(epoch(0x100, 0x114, {0x110}));
  give(epoch(0x110, 0x118, {0x110, 0x114}));
  EXPECT_EQ(log(), "[100,114) 110;[114,118) 114;");
}

TEST_F(PutTest, AGapIsRefusedAndNothingIsPut) {
  give(source_line());
  give(epoch(0x100, 0x130, {0x110}));
  EXPECT_EQ(outcome([&] { give(epoch(0x131, 0x140, {0x134})); }), "78 gap");
  EXPECT_EQ(log(), "[100,130) 110;");
  EXPECT_EQ(acks_, std::vector<std::uint64_t>{0x130});
}

TEST_F(PutTest, AnotherHistoryIsRefused) {
  give(source_line());
  give(epoch(0x100, 0x130, {0x110, 0x120}));
  EXPECT_EQ(outcome([&] { give(epoch(0x100, 0x150, {0x110, 0x120, 0x140}, 10)); }), "78 diverged");
  EXPECT_EQ(outcome([&] { give(epoch(0x100, 0x150, {0x110, 0x140})); }), "78 diverged");
  EXPECT_EQ(outcome([&] { give(epoch(0x100, 0x150, {})); }), "78 diverged");
  EXPECT_EQ(outcome([&] { give(epoch(0x100, 0x150, {0x120, 0x140})); }), "78 diverged");
  EXPECT_EQ(outcome([&] { give(epoch(0x100, 0x150, {0x110, 0x118, 0x120, 0x140})); }), "78 diverged");
  EXPECT_EQ(outcome([&] { give(epoch(0x118, 0x128, {0x118, 0x120})); }), "78 diverged");
  EXPECT_EQ(log(), "[100,130) 110 120;");
}

TEST_F(PutTest, AnOverlapWithEpochsWhoseDataAreGoneIsComparedWhereTheyAreNot) {
  give(source_line());
  give(epoch(0x100, 0x118, {0x110}));
  give(epoch(0x118, 0x128, {0x120}));
  {
    const std::string stub = R"({"from":"00000000/00000100","to":"00000000/00000118","sha256":")" +
                             std::string(64, 'd') + R"(","pruned":true})";
    std::ofstream(folder_ + "/stage/main/0/log/0000000000000100.json") << stub;
  }
  restart();
  give(source_line());
  EXPECT_EQ(outcome([&] { give(epoch(0x100, 0x138, {0x110, 0x11C, 0x120, 0x130})); }), "78 diverged");
  EXPECT_EQ(outcome([&] { give(epoch(0x100, 0x138, {0x110, 0x120, 0x130})); }), "0");
  EXPECT_EQ(acks_.back(), 0x138u);
}

TEST_F(PutTest, TheStageOfAnotherClusterEraOrLaterTimelineIsRefused) {
  give(source_line("7", 2));
  give(epoch(0x100, 0x130, {0x110}, 9, 2));
  const auto with = [&](const std::string& line) {
    restart();
    return outcome([&] { give(line); });
  };
  EXPECT_EQ(with(source_line("8", 2)), "78 wrong_cluster");
  EXPECT_EQ(with(source_line("7", 2, 1)), "78 wrong_era");
  EXPECT_EQ(with(source_line("7", 1)), "78 old_timeline");
  EXPECT_EQ(with(source_line("7", 3)), "0");
  give(epoch(0x130, 0x140, {0x134}, 9, 3));
  EXPECT_EQ(with(source_line("7", 2)), "78 old_timeline");
  EXPECT_EQ(log(), "[100,130) 110;[130,140) 134;");
}

TEST_F(PutTest, WhenAnotherWriterIsFirstTheEpochIsCutBehindIt) {
  give(source_line());
  give(epoch(0x100, 0x118, {0x110}));
  cdc_stage_put::Put other(*store_, folder_);
  give(other, source_line(), out_);
  watched_->before_manifest = [&] { give(other, epoch(0x118, 0x128, {0x118, 0x120}), out_); };
  give(epoch(0x118, 0x138, {0x118, 0x120, 0x130}));
  EXPECT_EQ(log(), "[100,118) 110;[118,128) 118 120;[128,138) 130;");
  EXPECT_EQ(acks_, (std::vector<std::uint64_t>{0x118, 0x138}));

  watched_->before_manifest = [&] { give(other, epoch(0x138, 0x148, {0x140}), out_); };
  give(epoch(0x138, 0x148, {0x140}));
  EXPECT_EQ(log(), "[100,118) 110;[118,128) 118 120;[128,138) 130;[138,148) 140;");
  EXPECT_EQ(acks_.back(), 0x148u) << "the other's epoch is as durable as ours";
}

TEST_F(PutTest, WhenAnotherWriterHasBegunTheLogItsStartHolds) {
  give(source_line());
  cdc_stage_put::Put other(*store_, folder_);
  give(other, source_line(), out_);
  give(other, epoch(0x108, 0x118, {0x110}), out_);
  give(epoch(0x100, 0x128, {0x104, 0x110, 0x120}));
  EXPECT_EQ(log(), "[108,118) 110;[118,128) 120;");
}

TEST_F(PutTest, AfterADiskThatWasFullTheSameLinesGoThrough) {
  give(source_line());
  watched_->before_manifest = [] { throw base::Failure(base::Exit::retry, "disk_full", "could not write"); };
  const std::string line = epoch(0x100, 0x130, {0x110, 0x120});
  EXPECT_EQ(outcome([&] { give(line); }), "75 disk_full");
  EXPECT_TRUE(acks_.empty());
  EXPECT_EQ(log(), "");
  EXPECT_EQ(spool_files(), 2u) << "what is not durable must stay";
  restart();
  give(source_line());
  give(line);
  EXPECT_EQ(log(), "[100,130) 110 120;");
}

TEST_F(PutTest, ASpoolFileThatIsNotWhatItsManifestSaysIsRefused) {
  give(source_line());
  const std::string line = epoch(0x100, 0x130, {0x110});
  const std::string path = stage::decode_epoch(line).files.front().path;
  std::ofstream(path, std::ios::app) << "x";
  EXPECT_EQ(outcome([&] { give(line); }), "65 wrong_digest");
  fs::remove(path);
  EXPECT_EQ(outcome([&] { give(line); }), "75 spool_missing");
  EXPECT_EQ(log(), "");
}

TEST_F(PutTest, LinesOfAnotherKindOrStreamAreRefused) {
  EXPECT_EQ(outcome([&] { give(epoch(0x100, 0x130, {})); }), "65 no_source");
  give(source_line());
  EXPECT_EQ(outcome([&] { give(source_line()); }), "65 two_sources");
  EXPECT_EQ(outcome([&] { give(R"({"op":"commit"})"); }), "65 unknown_op");
  EXPECT_EQ(outcome([&] { give("[]"); }), "65 unknown_op");
  EXPECT_EQ(outcome([&] { give("{"); }), "65 invalid_json");
  std::string foreign = epoch(0x100, 0x130, {});
  foreign.replace(foreign.find("\"system_id\":\"7\""), 15, "\"system_id\":\"8\"");
  EXPECT_EQ(outcome([&] { give(foreign); }), "65 two_sources");
}

TEST_F(PutTest, AChunkIsPutOnceAndTheSameCopyAgainIsFine) {
  const auto manifest = [&](const std::string& from_key) { return chunk("public.t", 0xF0, 2, from_key); };
  give(source_line());
  give(manifest("[5]"));
  give(manifest("[5]"));
  EXPECT_EQ(outcome([&] { give(manifest("[6]")); }), "78 other_copy");
  stage::Log stored(*store_, "main", 0);
  ASSERT_EQ(stored.chunks(), std::vector<std::string>{"copy/public.t/00000000000000F0/000002.json"});
  EXPECT_EQ(stored.chunks("public.t"), stored.chunks());
  EXPECT_EQ(stored.chunk(stored.chunks()[0]).from_key, "[5]");
  EXPECT_TRUE(acks_.empty()) << "a copy says nothing about the slot";
}

TEST_F(PutTest, ACopyThatTheLogDoesNotContinueIsRefused) {
  give(source_line());
  give(chunk("public.a", 0x120, 0, ""));
  give(chunk("public.b", 0x90, 0, ""));
  give(chunk("public.b", 0x110, 0, ""));
  // What was committed between 0x120 and 0x130 would be nowhere.
  EXPECT_EQ(outcome([&] { give(epoch(0x130, 0x140, {})); }), "78 gap");
  EXPECT_EQ(outcome([&] { give(epoch(0x118, 0x140, {})); }), "78 gap") << "public.b stands at 0x110";
  // A copy went on at a later moment, and rows were read again later still: its first chunk is as of 0x10C all the same.
  give(chunk("public.e", 0x10C, 0, ""));
  give(chunk("public.e", 0x125, 1, "[5]", 0x10C));
  give(chunk("public.e", 0x128, 0, "", 0x10C, true));
  EXPECT_EQ(outcome([&] { give(epoch(0x110, 0x140, {})); }), "78 gap") << "public.e stands at 0x10C";
  give(chunk("public.e", 0x111, 0, "", 0x111));
  EXPECT_EQ(outcome([&] { give(epoch(0x110, 0x140, {})); }), "78 gap")
      << "a chunk of the newer copy is older than one of the older";
  give(chunk("public.e", 0x129, 1, "[5]", 0x111));
  // The older copies of public.b and public.e have been superseded.
  give(epoch(0x110, 0x140, {}));
  EXPECT_EQ(acks_, std::vector<std::uint64_t>{0x140});
  give(chunk("public.c", 0x110, 0, ""));
  EXPECT_EQ(outcome([&] { give(chunk("public.d", 0x10F, 0, "")); }), "78 gap");
}

}  // namespace
