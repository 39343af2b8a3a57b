// Promises of plans, pins and masked rows, driven from memory. Knows the stream's form; every expected line is written out.
#include "policy/plan.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "base/failure.hpp"
#include "policy/row.hpp"

namespace {

using policy::Reason;
using policy::Way;

change::Column column(const char* name, const char* type, std::uint32_t number, bool key = false) {
  change::Column made;
  made.name = name;
  made.type = type;
  made.category = "S";
  made.attnum = number;
  made.bind = "1." + std::to_string(number);
  made.identity = made.pk = key;
  return made;
}

change::Schema users(std::vector<change::Column> columns, const char* identity = "default") {
  change::Schema schema;
  schema.table = "public.users";
  schema.relid = base::Oid{1};
  schema.identity = identity;
  schema.columns = std::move(columns);
  return schema;
}

const std::string kHex(64, 'a');

// A policy with its planner; lines as in a file, for table public.users.
struct Bench {
  explicit Bench(const std::string& rules)
      : policy(policy::Policy::read(rules, "p", policy::ClearClasses("green,yellow"))),
        keys("k1\tactive\t" + kHex + "\n", "keys"),
        planner(policy, &keys, "main", pins) {}

  static std::string rule(const char* name, const char* action, const char* klass = "green") {
    return "public.users\t" + std::string(name) + "\tany\t" + klass + "\t" + action + "\t-\t-\n";
  }

  std::string masked(policy::Plan& plan, const std::string& line) {
    std::string into;
    return mask.row(parser.parse_copy(line), plan, into) ? into : line;
  }

  policy::Policy policy;
  policy::Keys keys;
  policy::PinBook::Tables pins;
  policy::Planner planner;
  policy::RowMask mask;
  change::Parser parser;
};

std::string row(const std::string& members) {
  return R"({"op":"c","table":"public.users","lsn":"00000000/00000001","seq":0,"ts":"2026-01-01T00:00:00.000000Z","xid":1,)" +
         members + "}";
}

std::string refusal(const std::function<void()>& act) {
  try {
    act();
  } catch (const base::Failure& failure) {
    return failure.slug;
  }
  return "";
}

TEST(Plan, DropsMembersWhereverTheyStand) {
  Bench bench(Bench::rule("id", "keep") + Bench::rule("b", "keep") + Bench::rule("a", "drop") +
              Bench::rule("c", "drop"));
  auto plan = bench.planner.plan(
      users({column("a", "text", 1), column("id", "int8", 2, true), column("b", "text", 3), column("c", "text", 4)}));
  EXPECT_EQ(bench.masked(plan, row(R"("after":{"a":1,"id":2,"b":3,"c":4})")), row(R"("after":{"id":2,"b":3})"));
  EXPECT_EQ(bench.masked(plan, row(R"("after":{"id":2,"c":4,"a":1,"b":3})")), row(R"("after":{"id":2,"b":3})"));
  EXPECT_EQ(bench.masked(plan, row(R"("after":{"a":1,"c":4})")), row(R"("after":{})"));
  EXPECT_EQ(bench.masked(plan, row(R"("after":{"a":[1,{"id":2}],"id":{"a":1}})")), row(R"("after":{"id":{"a":1}})"));
  EXPECT_EQ(bench.masked(plan, row(R"("after":{ "a" : 1 , "id" : 2 })")), row(R"("after":{"id" : 2 })"));
}

TEST(Plan, CopiesALineOfWhichNothingChanges) {
  Bench bench(Bench::rule("id", "keep") + Bench::rule("a", "null") + Bench::rule("h", "hash:x", "red"));
  auto plan =
      bench.planner.plan(users({column("id", "int8", 1, true), column("a", "text", 2), column("h", "text", 3)}));
  std::string into;
  EXPECT_FALSE(bench.mask.row(bench.parser.parse_copy(row(R"("after":{"id":1,"a":null,"h":null})")), plan, into));
  EXPECT_TRUE(into.empty());
}

TEST(Plan, FindsColumnsInAnyOrderAndSpelling) {
  Bench bench(Bench::rule("id", "keep") + Bench::rule("a", "null"));
  auto plan = bench.planner.plan(users({column("id", "int8", 1, true), column("a", "text", 2)}));
  EXPECT_EQ(bench.masked(plan, row(R"("after":{"\u0061":"x","i\u0064":1})")),
            row(R"("after":{"\u0061":null,"i\u0064":1})"));
}

TEST(Plan, AColumnThatTheSchemaDoesNotHaveIsRefused) {
  Bench bench(Bench::rule("id", "keep"));
  auto plan = bench.planner.plan(users({column("id", "int8", 1, true)}));
  for (const char* members :
       {R"("after":{"x":1})", R"("after":{"id":1,"x":1})", R"("after":{"id":1},"withheld":["x"])"}) {
    EXPECT_EQ(refusal([&] { (void)bench.masked(plan, row(members)); }), "unknown_column") << members;
  }
}

TEST(Plan, PartsAreMaskedInTheOrderInWhichTheyStand) {
  Bench bench(Bench::rule("id", "keep") + Bench::rule("a", "drop"));
  auto plan = bench.planner.plan(users({column("id", "int8", 1, true), column("a", "text", 2)}));
  const std::string head = R"({"op":"u",)";
  const std::string tail =
      R"(,"table":"public.users","lsn":"00000000/00000001","seq":0,"ts":"2026-01-01T00:00:00.000000Z","xid":1})";
  EXPECT_EQ(
      bench.masked(
          plan,
          head + R"("withheld":["a"],"unchanged":["a","id"],"before":{"a":1,"id":2},"after":{"id":3,"a":4})" + tail),
      head + R"("withheld":[],"unchanged":["id"],"before":{"id":2},"after":{"id":3})" + tail);
}

TEST(Plan, AHashedObjectIsRefused) {
  Bench bench(Bench::rule("id", "keep") + Bench::rule("a", "hash:x", "red"));
  auto plan = bench.planner.plan(users({column("id", "int8", 1, true), column("a", "text", 2)}));
  EXPECT_EQ(refusal([&] { (void)bench.masked(plan, row(R"("after":{"id":1,"a":{"x":1}})")); }), "bad_value");
}

TEST(Plan, WhatLeavesAHashIsText) {
  Bench bench(Bench::rule("id", "keep") + Bench::rule("a", "hash:x", "red") + Bench::rule("b", "const:7", "red") +
              Bench::rule("c", "const:x", "red"));
  const auto plan = bench.planner.plan(
      users({column("id", "int8", 1, true), column("a", "int4", 2), column("b", "int4", 3), column("c", "int4", 4)}));
  EXPECT_EQ(plan.schema.columns[1].type, "text");
  EXPECT_EQ(plan.schema.columns[2].type, "int4");
  EXPECT_EQ(plan.schema.columns[3].type, "text");
  EXPECT_EQ(plan.columns[2].constant, "7");
  EXPECT_EQ(plan.columns[3].constant, "\"x\"");
}

TEST(Plan, KeysAreHashedAsTheyStand) {
  Bench bench(Bench::rule("email", "hash:email", "orange") + Bench::rule("other", "hash:email", "orange"));
  const auto plan = bench.planner.plan(users({column("email", "text", 1, true), column("other", "text", 2)}));
  EXPECT_FALSE(plan.columns[0].canonical);
  EXPECT_TRUE(plan.columns[1].canonical);
}

TEST(Plan, UnderIdentityFullThePrimaryKeyIsTheKey) {
  Bench bench(Bench::rule("id", "keep") + Bench::rule("a", "drop"));
  auto a = column("a", "text", 2);
  a.identity = true;
  EXPECT_TRUE(bench.planner.plan(users({column("id", "int8", 1, true), a}, "full")).passes);
  Bench other(Bench::rule("id", "keep") + Bench::rule("a", "drop"));
  EXPECT_EQ(refusal([&] {
              (void)other.planner.plan(users({column("id", "int8", 1, true), a}, "index"));
            }),
            "key_hidden");
}

std::string chunk(const std::string& keys) {
  return R"({"op":"snapshot","state":"begin","table":"public.users","lsn":"00000000/00000001","chunk":0,)" + keys + "}";
}

TEST(Plan, AChunksKeyLeavesOnlyWhenTheWholeKeyIsKept) {
  Bench bench(Bench::rule("id", "keep") + Bench::rule("name", "hash:name", "red"));
  auto kept = bench.planner.plan(users({column("id", "int8", 1, true), column("name", "text", 2)}));
  std::string into;
  EXPECT_FALSE(bench.mask.snapshot(bench.parser.parse_copy(chunk(R"("from_key":[1],"to_key":null)")), kept, into));

  Bench other(Bench::rule("id", "keep") + Bench::rule("name", "hash:name", "red"));
  auto mixed = other.planner.plan(users({column("id", "int8", 1, true), column("name", "text", 2, true)}));
  for (const char* keys : {R"([7,"Jane"])", R"(["Jane",7])", R"(["Jane"])", R"([7,"Jane",7])"}) {
    into.clear();
    EXPECT_TRUE(other.mask.snapshot(other.parser.parse_copy(chunk("\"from_key\":" + std::string(keys))), mixed, into));
    EXPECT_EQ(into.find("Jane"), std::string::npos) << keys;
    EXPECT_EQ(into.find("[7"), std::string::npos) << keys;
    EXPECT_EQ(into.find(",7"), std::string::npos) << keys;
  }
}

TEST(Plan, AChunksKeyOfATableWithoutAKeyIsRefused) {
  Bench bench(Bench::rule("name", "keep"));
  auto plan = bench.planner.plan(users({column("name", "text", 1)}));
  std::string into;
  EXPECT_EQ(
      refusal([&] { (void)bench.mask.snapshot(bench.parser.parse_copy(chunk(R"("from_key":["Jane"])")), plan, into); }),
      "bad_value");
  EXPECT_FALSE(bench.mask.snapshot(bench.parser.parse_copy(chunk(R"("from_key":null,"to_key":null)")), plan, into));
}

TEST(Plan, NamesTwiceAreRefused) {
  Bench bench(Bench::rule("id", "keep"));
  EXPECT_EQ(refusal([&] {
              (void)bench.planner.plan(users({column("id", "int8", 1), column("id", "int8", 2)}));
            }),
            "bad_schema");
}

TEST(Pins, ARenameBackIsTheOldColumnAgain) {
  Bench bench(Bench::rule("id", "keep") + Bench::rule("a", "keep") + Bench::rule("b", "keep"));
  const auto id = column("id", "int8", 1, true);
  EXPECT_EQ(bench.planner.plan(users({id, column("a", "text", 2)})).columns[1].way, Way::keep);
  EXPECT_EQ(bench.planner.plan(users({id, column("b", "text", 2)})).columns[1].reason, Reason::repinned);
  EXPECT_EQ(bench.planner.plan(users({id, column("b", "text", 2)})).columns[1].reason, Reason::repinned);
  EXPECT_EQ(bench.planner.plan(users({id, column("a", "text", 2)})).columns[1].way, Way::keep);
}

TEST(Pins, TwoColumnsThatChangeNamesAreBothWithheld) {
  Bench bench(Bench::rule("id", "keep") + Bench::rule("a", "keep") + Bench::rule("b", "keep"));
  const auto id = column("id", "int8", 1, true);
  (void)bench.planner.plan(users({id, column("a", "text", 2), column("b", "text", 3)}));
  const auto plan = bench.planner.plan(users({id, column("b", "text", 2), column("a", "text", 3)}));
  EXPECT_EQ(plan.columns[1].reason, Reason::repinned);
  EXPECT_EQ(plan.columns[2].reason, Reason::repinned);
  EXPECT_TRUE(plan.passes);
}

TEST(Pins, ADroppedColumnsNameIsRemembered) {
  Bench bench(Bench::rule("id", "keep") + Bench::rule("a", "keep"));
  const auto id = column("id", "int8", 1, true);
  (void)bench.planner.plan(users({id, column("a", "text", 2)}));
  (void)bench.planner.plan(users({id}));
  EXPECT_EQ(bench.planner.plan(users({id, column("a", "text", 3)})).columns[1].reason, Reason::repinned);
}

TEST(Pins, ANewNameIsRefusedWhileItMightBeAnUnknownOldColumn) {
  Bench bench(Bench::rule("id", "keep") + Bench::rule("b", "keep"));
  const auto id = column("id", "int8", 1, true);
  auto unknown = column("secret", "text", 2);
  unknown.bind = std::nullopt;
  (void)bench.planner.plan(users({id, unknown}));
  EXPECT_EQ(bench.planner.plan(users({id, column("b", "text", 2)})).columns[1].reason, Reason::repinned);
}

TEST(Pins, AColumnThatPassesAgainAfterBeingNewIsPinned) {
  Bench bench(Bench::rule("id", "keep") + Bench::rule("b", "keep"));
  const auto id = column("id", "int8", 1, true);
  (void)bench.planner.plan(users({id}));
  EXPECT_EQ(bench.planner.plan(users({id, column("b", "text", 2)})).columns[1].way, Way::keep);
  EXPECT_EQ(bench.planner.plan(users({id, column("b", "text", 2)})).columns[1].way, Way::keep);
  EXPECT_EQ(bench.planner.plan(users({id, column("b", "text", 3)})).columns[1].reason, Reason::repinned);
}

}  // namespace
