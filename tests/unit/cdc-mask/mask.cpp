// Promises of the filter as a whole that golden cases cannot hold: what is left behind by a bad line, and that how lines
// came before does not matter. Knows the stream's form.
#include "cdc-mask/mask.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "base/failure.hpp"

namespace {

const std::string kSource =
    R"({"op":"source","format":1,"source":"s","run":"r","system_id":"1","timeline":1,"era":0,"server_version":150018,"database":"d","slot":null,"start":"00000000/00000000"})";
const std::string kSchema =
    R"({"op":"schema","table":"public.t","relid":1,"root":null,"lsn":"00000000/00000000","version":1,"identity":"default","columns":[)"
    R"({"name":"id","type":"int8","typmod":-1,"attnum":1,"bind":"1.1","identity":true,"pk":true,"nullable":false,"category":"N","default":false},)"
    R"({"name":"a","type":"text","typmod":-1,"attnum":2,"bind":"1.2","identity":false,"pk":false,"nullable":true,"category":"S","default":false}]})";

std::string row(int seq, const std::string& after) {
  return R"({"op":"c","table":"public.t","lsn":"00000000/00000010","seq":)" + std::to_string(seq) +
         R"(,"ts":"2026-01-01T00:00:00.000000Z","xid":1,"after":)" + after + "}";
}

std::string commit(int rows) {
  return R"({"op":"commit","lsn":"00000000/00000010","end":"00000000/00000020","ts":"2026-01-01T00:00:00.000000Z","xid":1,"rows":)" +
         std::to_string(rows) + R"(,"read_rows":)" + std::to_string(rows) + "}";
}

// Feeds lines from memory. The writer has no descriptor: everything stays in its buffer.
struct Bench {
  explicit Bench(const std::string& rules)
      : policy(policy::Policy::read(rules, "p", policy::ClearClasses("green"))),
        mask({&policy, nullptr}, [this](const cdc_mask::Notice& notice) { notices.push_back(notice); }) {}
  void feed(const std::string& text) {
    std::string padded = text;
    padded.append(64, ' ');
    mask.line(std::string_view(padded).substr(0, text.size()), out);
  }
  policy::Policy policy;
  std::vector<cdc_mask::Notice> notices;
  cdc_mask::Mask mask;
  io::LineWriter out{-1};
};

const std::string kKeepId = "public.t\tid\tint\tgreen\tkeep\t-\t-\n";

TEST(Mask, ALineThatIsBadHalfWayLeavesNothingBehind) {
  Bench bench(kKeepId + "public.t\ta\ttext\tred\tdrop\t-\t-\n");
  bench.feed(kSource);
  bench.feed(kSchema);
  bench.feed(row(0, R"({"id":1,"a":"x"})"));
  const std::string before = bench.out.buffer();
  EXPECT_THROW(bench.feed(row(1, R"({"id":2,"a":"x","unknown":"secret"})")), base::Failure);
  EXPECT_EQ(bench.out.buffer(), before);
}

TEST(Mask, NothingRedIsInTheOutputOfAnyOp) {
  Bench bench(kKeepId + "public.t\ta\ttext\tred\tdrop\t-\t-\n");
  bench.feed(kSource);
  bench.feed(kSchema);
  bench.feed(row(0, R"({"id":1,"a":"SECRET"})"));
  bench.feed(
      R"({"op":"u","table":"public.t","lsn":"00000000/00000010","seq":1,"ts":"2026-01-01T00:00:00.000000Z","xid":1,"after":{"id":1,"a":"SECRET"},"before":{"id":1,"a":"SECRET"},"unchanged":["a"]})");
  bench.feed(
      R"({"op":"d","table":"public.t","lsn":"00000000/00000010","seq":2,"ts":"2026-01-01T00:00:00.000000Z","xid":1,"before":{"id":1,"a":"SECRET"}})");
  bench.feed(
      R"({"op":"m","lsn":"00000000/00000010","seq":3,"ts":"2026-01-01T00:00:00.000000Z","xid":1,"prefix":"SECRET","content":"SECRET"})");
  bench.feed(commit(4));
  io::LineWriter none(-1);
  bench.mask.end(none);
  EXPECT_EQ(bench.out.buffer().find("SECRET"), std::string::npos);
  EXPECT_EQ(bench.mask.counts().rows, 3u);
  EXPECT_EQ(bench.mask.counts().messages, 1u);
  EXPECT_NE(bench.out.buffer().find(R"("rows":3,"read_rows":4)"), std::string::npos);
}

TEST(Mask, WithheldRowsAreCountedAcrossSchemaLines) {
  Bench bench(kKeepId);
  bench.feed(kSource);
  bench.feed(kSchema);
  bench.feed(row(0, R"({"id":1,"a":"x"})"));
  bench.feed(kSchema);
  bench.feed(row(1, R"({"id":2,"a":"x"})"));
  EXPECT_EQ(bench.mask.counts().tables.at("public.t").withheld.at("a").rows, 2u);
  ASSERT_EQ(bench.notices.size(), 1u);
  EXPECT_EQ(bench.notices[0].column, "a");
}

TEST(Mask, IsAtABoundaryOnlyBetweenTransactions) {
  Bench bench(kKeepId);
  bench.feed(kSource);
  bench.feed(kSchema);
  EXPECT_TRUE(bench.mask.at_boundary());
  bench.feed(row(0, R"({"id":1})"));
  EXPECT_FALSE(bench.mask.at_boundary());
  EXPECT_THROW(bench.mask.end(bench.out), base::Failure);
  bench.feed(commit(1));
  EXPECT_TRUE(bench.mask.at_boundary());
}

TEST(Mask, WantsItsKeysBeforeTheFirstLine) {
  EXPECT_THROW(Bench("public.t\tid\tint\tgreen\thash:x\t-\t-\n"), base::Failure);
}

}  // namespace
