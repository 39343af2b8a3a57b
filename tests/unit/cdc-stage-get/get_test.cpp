// cdc-stage-get: a stage made here, epoch by epoch, comes back as the stream it was made of, or in the part that is wanted.
#include "cdc-stage-get/get.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/failure.hpp"
#include "io/file.hpp"
#include "stage/names.hpp"
#include "stage/spool.hpp"
#include "zip/zstd.hpp"

namespace {

namespace fs = std::filesystem;

const std::string kTime = "2026-11-22T10:53:01.123456Z";

std::string lsn(std::uint64_t value) { return base::format(base::Lsn{value}); }
std::string schema(const std::string& table, std::uint64_t at) {
  return R"({"op":"schema","table":")" + table + R"(","relid":16384,"root":null,"lsn":")" + lsn(at) +
         R"(","version":1,"identity":"default","columns":[]})";
}
std::string row(const std::string& table, std::uint64_t at, int seq) {
  return R"({"op":"c","table":")" + table + R"(","lsn":")" + lsn(at) + R"(","seq":)" + std::to_string(seq) +
         R"(,"ts":")" + kTime + R"(","xid":9,"after":{"id":1}})";
}
std::string commit(std::uint64_t at, int rows, int read_rows) {
  return R"({"op":"commit","lsn":")" + lsn(at) + R"(","end":")" + lsn(at + 4) + R"(","ts":")" + kTime +
         R"(","xid":9,"rows":)" + std::to_string(rows) + R"(,"read_rows":)" + std::to_string(read_rows) + "}";
}

// Rows of public.a and public.b in turn: a at even, b at odd positions within each transaction.
class GetTest : public ::testing::Test {
 protected:
  GetTest() {
    std::string name = (fs::temp_directory_path() / "unit-get.XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    store_ = stage::open_store(folder_ + "/stage", true);
    spool_ = std::make_unique<stage::Spool>(folder_ + "/spool", folder_);
    static_cast<void>(stage::Log::claim(*store_, {"shop", "7", 1, 0, 150018, "shop"}));
    log_.emplace(*store_, "shop", 0);
  }
  ~GetTest() override {
    spool_.reset();
    fs::remove_all(folder_);
  }

  stage::FileEntry store_file(stage::SpooledFile& file, base::Lsn from, base::Lsn to) {
    stage::FileEntry entry = file.finish();
    entry.object = stage::data_object(entry.table, from, to, entry.part, entry.sha256);
    store_->place(entry.path, log_->full_name(entry.object));
    entry.path.clear();
    return entry;
  }

  // An epoch with a transaction of three rows (a, b, a) at each position; its lines are added to `stream_`.
  void publish(std::uint64_t from, std::uint64_t to, const std::vector<std::uint64_t>& commits) {
    stage::Epoch epoch;
    epoch.source = "shop";
    epoch.run = "0123456789abcdef0123456789abcdef";
    epoch.system_id = "7";
    epoch.timeline = 1;
    epoch.from = base::Lsn{from};
    epoch.to = base::Lsn{to};
    epoch.first_ts = epoch.last_ts = kTime;
    epoch.prev = prev_;
    if (!commits.empty()) {
      stage::SpooledFile a(*spool_, compressor_, "public.a", 0);
      stage::SpooledFile b(*spool_, compressor_, "public.b", 0);
      stage::SpooledFile marks(*spool_, compressor_, "", 0);
      epoch.schemas = {schema("public.a", commits.front()), schema("public.b", commits.front())};
      for (const std::uint64_t at : commits) {
        a.add(row("public.a", at, 0));
        b.add(row("public.b", at, 1));
        a.add(row("public.a", at, 2));
        marks.add(commit(at, 3, 3));
      }
      for (const std::string& later : later_schemas_) epoch.schemas.push_back(later);
      epoch.transactions = commits.size();
      epoch.rows = 3 * commits.size();
      epoch.commit = stage::CommitMark{base::Lsn{commits.back()}, 9, kTime};
      epoch.files = {store_file(a, epoch.from, epoch.to), store_file(b, epoch.from, epoch.to)};
      epoch.commits = store_file(marks, epoch.from, epoch.to);
    }
    static_cast<void>(log_->begin(epoch.from));
    prev_ = log_->append(epoch).value();
  }

  std::vector<std::string> get(cdc_stage_get::Wanted wanted = {}) {
    const std::string path = folder_ + "/out";
    {
      const io::Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600));
      io::LineWriter out(file.get());
      cdc_stage_get::Get(*store_, std::move(wanted)).write(out);
      out.flush();
    }
    std::ifstream in(path);
    std::vector<std::string> lines;
    for (std::string text; std::getline(in, text);) lines.push_back(text);
    return lines;
  }

  std::string folder_;
  std::unique_ptr<stage::Store> store_;
  std::unique_ptr<stage::Spool> spool_;
  zip::Compressor compressor_{1};
  std::optional<stage::Log> log_;
  std::string prev_;
  std::vector<std::string> later_schemas_;  // of shapes that begin inside of an epoch
};

std::string source(std::uint64_t start) {
  return R"({"op":"source","format":1,"source":"shop","run":"0123456789abcdef0123456789abcdef","system_id":"7",)"
         R"("timeline":1,"era":0,"server_version":150018,"database":"shop","slot":null,"start":")" +
         lsn(start) + R"("})";
}

TEST_F(GetTest, FilesPerTableComeBackInTheOrderInWhichTheyWereRead) {
  publish(0x100, 0x204, {0x180, 0x200});
  const std::vector<std::string> wanted = {source(0x100),
                                           schema("public.a", 0x180),
                                           row("public.a", 0x180, 0),
                                           schema("public.b", 0x180),
                                           row("public.b", 0x180, 1),
                                           row("public.a", 0x180, 2),
                                           commit(0x180, 3, 3),
                                           row("public.a", 0x200, 0),
                                           row("public.b", 0x200, 1),
                                           row("public.a", 0x200, 2),
                                           commit(0x200, 3, 3)};
  EXPECT_EQ(get(), wanted);
}

TEST_F(GetTest, AShapeThatBeginsInsideATransactionStandsBeforeItsFirstRow) {
  std::string inside = schema("public.a", 0x180);
  const std::string position = lsn(0x180) + "\"";
  inside.insert(inside.find(position) + position.size(), R"(,"from_seq":1)");
  later_schemas_ = {inside};
  publish(0x100, 0x184, {0x180});
  EXPECT_EQ(get(), (std::vector<std::string>{source(0x100), schema("public.a", 0x180), row("public.a", 0x180, 0),
                                             schema("public.b", 0x180), row("public.b", 0x180, 1), inside,
                                             row("public.a", 0x180, 2), commit(0x180, 3, 3)}));
}

TEST_F(GetTest, ASchemaIsToldOnceHoweverManyEpochsCarryIt) {
  publish(0x100, 0x184, {0x180});
  publish(0x184, 0x204, {0x200});
  std::size_t schemas = 0;
  for (const std::string& line : get()) schemas += line.find(R"({"op":"schema","table":"public.a")") == 0 ? 1 : 0;
  EXPECT_EQ(schemas, 2u) << "two shapes with two positions";
}

TEST_F(GetTest, OneTableOnlyAndItsCommitsCountWhatLeft) {
  publish(0x100, 0x184, {0x180});
  cdc_stage_get::Wanted wanted;
  wanted.tables = {"public.b"};
  EXPECT_EQ(get(wanted), (std::vector<std::string>{source(0x100), schema("public.b", 0x180), row("public.b", 0x180, 1),
                                                   commit(0x180, 1, 3)}));
}

TEST_F(GetTest, ARangeBeginsAndEndsBetweenTransactionsOfAnEpoch) {
  publish(0x100, 0x304, {0x180, 0x200, 0x300});
  cdc_stage_get::Wanted wanted;
  wanted.from = base::Lsn{0x184};
  wanted.to = base::Lsn{0x300};
  const auto lines = get(wanted);
  ASSERT_FALSE(lines.empty());
  EXPECT_EQ(lines.front(), source(0x184));
  EXPECT_EQ(lines.back(), commit(0x200, 3, 3));
  EXPECT_EQ(lines.size(), 1u + 2u + 3u + 1u);
}

TEST_F(GetTest, TimeWithoutChangesIsAHeartbeat) {
  publish(0x100, 0x900, {});
  EXPECT_EQ(get(), (std::vector<std::string>{
                       source(0x100), R"({"op":"heartbeat","end":")" + lsn(0x900) + R"(","ts":")" + kTime + R"("})"}));
}

TEST_F(GetTest, AStageWithoutEpochsIsNoStreamAtAll) { EXPECT_TRUE(get().empty()); }

TEST_F(GetTest, AnEpochWithADamagedFileIsRefusedBeforeItsFirstLine) {
  publish(0x100, 0x184, {0x180});
  publish(0x184, 0x204, {0x200});
  // The second epoch's file of public.b has one other byte.
  for (const auto& entry : fs::recursive_directory_iterator(folder_ + "/stage/shop/0/data/public.b")) {
    const std::string name = entry.path().filename().string();
    if (name.find(stage::encode_lsn(base::Lsn{0x184})) != 0) continue;
    fs::permissions(entry.path(), fs::perms::owner_write, fs::perm_options::add);
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(20);
    file.put('\x7f');
  }
  std::string slug;
  try {
    static_cast<void>(get());
  } catch (const base::Failure& failure) {
    EXPECT_EQ(failure.exit, base::Exit::refused);
    slug = failure.slug;
  }
  EXPECT_FALSE(slug.empty());
  std::ifstream in(folder_ + "/out");
  const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  EXPECT_NE(text.find(commit(0x180, 3, 3)), std::string::npos) << "the epoch before it stands";
  EXPECT_EQ(text.find(lsn(0x200)), std::string::npos) << "nothing of the damaged one does";
}

}  // namespace
