// Promises of rules with a condition and of second outputs: what leaves of a row depends on that row, and on the safe side where the
// row does not tell. Driven from memory; every expected line is written out.
#include <gtest/gtest.h>

#include "base/failure.hpp"
#include "policy/plan.hpp"
#include "policy/row.hpp"

namespace {

change::Column column(const char* name, const char* type, std::uint32_t number, bool key = false) {
  change::Column made;
  made.name = name;
  made.type = type;
  made.category = std::string(type).starts_with("int") ? "N" : "S";
  made.attnum = number;
  made.bind = "1." + std::to_string(number);
  made.identity = made.pk = key;
  return made;
}

change::Schema groups() {
  change::Schema schema;
  schema.table = "public.groups";
  schema.relid = base::Oid{1};
  schema.identity = "default";
  schema.columns = {column("id", "int8", 1, true), column("parent_id", "int8", 2), column("name", "text", 3),
                    column("email", "text", 4)};
  return schema;
}

// Lines of a policy for public.groups: COLUMN ACTION CLASS WHEN.
std::string rule(const std::string& name, const std::string& action, const std::string& klass = "red>yellow",
                 const std::string& when = "-") {
  return "public.groups\t" + name + "\tany\t" + klass + "\t" + action + "\t" + when + "\t-\n";
}
const std::string kKey = rule("id", "keep", "green") + rule("parent_id", "keep", "green");

class Outputs : public testing::Test {
 protected:
  void use(const std::string& rules, const change::Schema& schema = groups()) {
    planner_.reset();
    policy_.emplace(policy::Policy::read(
        kKey + rules, "p", policy::ClearClasses("green,yellow"),
        [](const std::string& name) { return name == "internal" ? std::optional<std::string>("7\n") : std::nullopt; }));
    pins_.clear();
    planner_.emplace(*policy_, keys_.get(), "main", pins_);
    plan_ = planner_->plan(schema);
  }
  std::string refusal(const std::string& rules) {
    try {
      use(rules);
    } catch (const base::Failure& failure) {
      return failure.slug;
    }
    return "";
  }
  static std::string line(const std::string& op, const std::string& parts) {
    return R"({"op":")" + op +
           R"(","table":"public.groups","lsn":"00000000/00000001","seq":0,"ts":"2026-01-01T00:00:00.000000Z","xid":1,)" +
           parts + "}";
  }
  // What is left of a line's parts.
  std::string masked(const std::string& op, const std::string& parts) {
    const std::string whole = line(op, parts);
    std::string into;
    const std::string result = mask_.row(parser_.parse_copy(whole), plan_, into) ? into : whole;
    const std::string head = line(op, "");
    EXPECT_TRUE(result.starts_with(head.substr(0, head.size() - 1))) << result;
    return result.substr(head.size() - 1, result.size() - head.size());
  }
  void replan(const change::Schema& schema) { plan_ = planner_->plan(schema); }

  // in   more  lines beside the active key k1
  void give_keys(const std::string& more) {
    planner_.reset();
    keys_ = std::make_unique<policy::Keys>("k1\tactive\t" + std::string(64, 'a') + "\n" + more, "keys");
  }
  std::string hash(const std::string& id, const std::string& domain, const std::string& value) {
    char hex[policy::Hasher::kWideDigits];
    return std::string(hex, keys_->hasher(id, domain)(value, false, hex));
  }

  std::unique_ptr<policy::Keys> keys_ =
      std::make_unique<policy::Keys>("k1\tactive\t" + std::string(64, 'a') + "\nnames\tsalt\tpepper\n", "keys");
  std::optional<policy::Policy> policy_;
  policy::PinBook::Tables pins_;
  std::optional<policy::Planner> planner_;
  policy::Plan plan_;
  policy::RowMask mask_;
  change::Parser parser_;
};

TEST_F(Outputs, AConditionThatHoldsBeatsNoneAndNoRuleIsWithheld) {
  use(rule("name", "keep", "red>yellow", "parent_id is null"));
  EXPECT_EQ(masked("c", R"("after":{"id":1,"parent_id":null,"name":"top"})"),
            R"("after":{"id":1,"parent_id":null,"name":"top"})");
  EXPECT_EQ(masked("c", R"("after":{"id":1,"parent_id":5,"name":"sub"})"),
            R"("after":{"id":1,"parent_id":5},"withheld":["name"])");
  use(rule("name", "keep", "red>yellow", "parent_id is null") + rule("name", "null", "red"));
  EXPECT_EQ(masked("c", R"("after":{"id":1,"parent_id":5,"name":"sub"})"),
            R"("after":{"id":1,"parent_id":5,"name":null})");
}

TEST_F(Outputs, ARowThatLeavesItsConditionLosesWhatItHadAlsoWhenThatWasNotSent) {
  use(rule("name", "keep", "red>yellow", "parent_id is null"));
  EXPECT_EQ(masked("u", R"("after":{"id":1,"parent_id":5},"unchanged":["name"])"),
            R"("after":{"id":1,"parent_id":5},"withheld":["name"])");
  EXPECT_EQ(masked("u", R"("after":{"id":1,"parent_id":null},"unchanged":["name"])"),
            R"("after":{"id":1,"parent_id":null},"unchanged":["name"])");
  use(rule("name", "keep", "red>yellow", "parent_id is null") + rule("name", "const:hidden", "red"));
  EXPECT_EQ(masked("u", R"("after":{"id":1,"parent_id":5},"unchanged":["name"])"),
            R"("after":{"id":1,"parent_id":5,"name":"hidden"})");
  // A hash could only be made of the value itself.
  use(rule("name", "keep", "red>yellow", "parent_id is null") + rule("name", "hash:n", "red"));
  EXPECT_EQ(masked("u", R"("after":{"id":1,"parent_id":5},"unchanged":["name"])"),
            R"("after":{"id":1,"parent_id":5},"withheld":["name"])");
}

TEST_F(Outputs, AConditionThatIsNotToldTakesTheStrictestRule) {
  use(rule("name", "keep", "red>yellow", "email = open") + rule("name", "null", "red", "email = shut") +
      rule("name", "truncate:1", "red>yellow") + rule("email", "keep", "orange>yellow"));
  EXPECT_EQ(masked("c", R"("after":{"id":1,"name":"abc","email":"open"})"),
            R"("after":{"id":1,"name":"abc","email":"open"})");
  EXPECT_EQ(masked("c", R"("after":{"id":1,"name":"abc","email":"shut"})"),
            R"("after":{"id":1,"name":null,"email":"shut"})");
  EXPECT_EQ(masked("c", R"("after":{"id":1,"name":"abc","email":"else"})"),
            R"("after":{"id":1,"name":"a","email":"else"})");
  EXPECT_EQ(masked("u", R"("after":{"id":1,"name":"abc"},"unchanged":["email"])"),
            R"("after":{"id":1,"name":null},"unchanged":["email"])");
}

TEST_F(Outputs, TheOldRowIsHiddenByItsOwnConditionAndByTheNewOnes) {
  use(rule("name", "keep", "red>yellow", "parent_id is null") + rule("name", "null", "red"));
  EXPECT_EQ(masked("d", R"("before":{"id":1,"parent_id":null,"name":"top"})"),
            R"("before":{"id":1,"parent_id":null,"name":"top"})");
  EXPECT_EQ(masked("d", R"("before":{"id":1,"parent_id":5,"name":"sub"})"),
            R"("before":{"id":1,"parent_id":5,"name":null})");
  EXPECT_EQ(masked("d", R"("before":{"id":1,"name":"who knows"})"), R"("before":{"id":1,"name":null})");
  EXPECT_EQ(masked("u", R"("after":{"id":1,"parent_id":5,"name":"b"},"before":{"id":1,"parent_id":null,"name":"a"})"),
            R"("after":{"id":1,"parent_id":5,"name":null},"before":{"id":1,"parent_id":null,"name":null})");
}

TEST_F(Outputs, ListsOfAFileAndValuesOfEachKindAreCompared) {
  use(rule("name", "keep", "red>yellow", "parent_id in @internal"));
  EXPECT_EQ(masked("c", R"("after":{"id":1,"parent_id":7,"name":"ours"})"),
            R"("after":{"id":1,"parent_id":7,"name":"ours"})");
  EXPECT_EQ(masked("c", R"("after":{"id":1,"parent_id":77,"name":"theirs"})"),
            R"("after":{"id":1,"parent_id":77},"withheld":["name"])");
  use(rule("name", "keep", "red>yellow", "email = 'a\"b'") + rule("email", "drop", "red"));
  EXPECT_EQ(masked("c", R"("after":{"id":1,"name":"x","email":"a\"b"})"), R"("after":{"id":1,"name":"x"})");
}

TEST_F(Outputs, ASecondOutputStandsBesideTheFirstAndWithoutIt) {
  use(rule("email", "hash:email", "orange") + rule("email", "email-domain as email_domain", "orange>yellow"));
  const std::string both = masked("c", R"("after":{"id":1,"email":"ann@example.com"})");
  EXPECT_TRUE(both.starts_with(R"("after":{"id":1,"email":")")) << both;
  EXPECT_TRUE(both.ends_with(R"(","email_domain":"example.com"})")) << both;
  EXPECT_EQ(masked("u", R"("after":{"id":1},"unchanged":["email"])"),
            R"("after":{"id":1},"unchanged":["email","email_domain"])");
  EXPECT_EQ(masked("c", R"("after":{"id":1,"email":null})"), R"("after":{"id":1,"email":null,"email_domain":null})");
  ASSERT_EQ(plan_.schema.columns.size(), 4u);
  EXPECT_EQ(plan_.schema.columns[3].name, "email_domain");
  EXPECT_EQ(plan_.schema.columns[3].type, "text");
  EXPECT_EQ(plan_.schema.columns[3].bind, "1.4/email_domain");
  use(rule("email", "email-domain as email_domain", "orange>yellow"));
  EXPECT_EQ(masked("c", R"("after":{"id":1,"email":"no address"})"), R"("after":{"id":1,"email_domain":null})");
  EXPECT_EQ(plan_.columns[3].unfit_rows, 1u);
  const std::string filled =
      R"({"op":"r","table":"public.groups","lsn":"00000000/00000001","ts":"2026-01-01T00:00:00.000000Z",)"
      R"("after":{"id":1,"email":"a@b.de"},"only":["email"]})";
  std::string into;
  ASSERT_TRUE(mask_.row(parser_.parse_copy(filled), plan_, into));
  EXPECT_TRUE(into.ends_with(R"("after":{"id":1,"email_domain":"b.de"},"only":["email_domain"]})")) << into;
}

TEST_F(Outputs, WhatCannotBeIsRefusedWhenTheTableIsSeen) {
  EXPECT_EQ(refusal(rule("email", "hash:x as name", "orange") + rule("name", "drop", "red")), "name_taken");
  EXPECT_EQ(refusal(rule("email", "hash:x as one", "orange") + rule("name", "hash:x as one", "orange")), "name_taken");
  EXPECT_EQ(refusal("public.groups\tid\tany\tgreen\tdrop\tparent_id is null\t-\n"), "key_hidden");
  EXPECT_EQ(refusal("public.groups\tparent_id\tany\tgreen\thash:x\tname is null\t-\n"), "mixed_types");
  EXPECT_EQ(refusal(rule("name", "year", "red>yellow")), "wrong_type");
  EXPECT_EQ(refusal(rule("name", "hash-compat:other", "red")), "missing_salt");
}

TEST_F(Outputs, AConditionOnAColumnThatWasReplacedIsNotTold) {
  use(rule("name", "keep", "red>yellow", "parent_id is null") + rule("name", "null", "red"));
  change::Schema swapped = groups();
  swapped.columns[1].bind = "1.9";
  replan(swapped);
  EXPECT_EQ(masked("c", R"("after":{"id":1,"parent_id":null,"name":"top"})"), R"("after":{"id":1,"name":null})");
  EXPECT_EQ(plan_.columns[2].reason, policy::Reason::condition_unknown);
}

TEST_F(Outputs, ResiduesPassThePlainPath) {
  use(rule("name", "truncate:2", "red>yellow") + rule("email", "hash-compat:names", "orange"));
  EXPECT_TRUE(plan_.plain);
  const std::string parts = masked("c", R"("after":{"id":1,"name":"abc","email":"X"})");
  EXPECT_TRUE(parts.starts_with(R"("after":{"id":1,"name":"ab","email":")")) << parts;
  EXPECT_EQ(masked("c", R"("after":{"id":1,"name":null,"email":null})"),
            R"("after":{"id":1,"name":null,"email":null})");
}

TEST_F(Outputs, WhatLeavesInNoRowIsNamedInNone) {
  use(rule("name", "drop", "red", "parent_id is null"));
  EXPECT_EQ(masked("c", R"("after":{"id":1,"parent_id":null,"name":"a"})"), R"("after":{"id":1,"parent_id":null})");
  EXPECT_EQ(masked("u", R"("after":{"id":1,"parent_id":5},"unchanged":["name"])"), R"("after":{"id":1,"parent_id":5})");
  EXPECT_EQ(plan_.schema.columns.size(), 2u);
}

TEST_F(Outputs, TextsOfAnyTypeGoTogetherAndBecomeText) {
  change::Schema schema = groups();
  schema.columns[2].type = "varchar";
  schema.columns[2].typmod = 24;
  use(rule("name", "keep", "red>yellow", "parent_id is null") + rule("name", "hash:n", "red"), schema);
  EXPECT_EQ(plan_.schema.columns[2].type, "text");
  EXPECT_EQ(plan_.schema.columns[2].typmod, -1);
  use(rule("name", "keep", "red>yellow", "parent_id is null") + rule("name", "null", "red"), schema);
  EXPECT_EQ(plan_.schema.columns[2].type, "varchar");
}

const std::string kNext = "k2\tnext\t" + std::string(64, 'b') + "\n";

TEST_F(Outputs, AHashSaysWhichKeyMadeIt) {
  use(rule("name", "hash:n", "red") + rule("email", "hash-compat:names", "red"));
  EXPECT_EQ(plan_.schema.columns[2].action, "hash:n by k1");
  EXPECT_EQ(plan_.schema.columns[2].bind, "1.3/k1");
  EXPECT_EQ(plan_.schema.columns[3].action, "hash-compat:names") << "that one has a salt, and no key";
  EXPECT_EQ(plan_.schema.columns[3].bind, "1.4");
}

TEST_F(Outputs, WhileAKeyRotatesEveryHashLeavesTwice) {
  give_keys(kNext + "fixed\tkey\tk1\n");
  use(rule("name", "hash:n", "red") + rule("name", "hash as own", "red") + rule("email", "hash:fixed", "red"));
  ASSERT_EQ(plan_.schema.columns.size(), 7u);
  const change::Column& next = plan_.schema.columns[3];
  EXPECT_EQ(next.name, "name__k2");
  EXPECT_EQ(next.bind, "1.3/k2");
  EXPECT_EQ(next.action, "hash:n by k2");
  EXPECT_EQ(next.has_default, true) << "older rows do not have it";
  EXPECT_EQ(plan_.schema.columns[5].name, "own__k2");
  EXPECT_EQ(plan_.schema.columns[5].bind, "1.3/own/k2");
  EXPECT_EQ(plan_.schema.columns[6].bind, "1.4/k1") << "held by its key";
  const std::string own = "public.groups.name";
  EXPECT_EQ(masked("c", R"("after":{"id":1,"parent_id":5,"name":"x","email":null})"),
            R"("after":{"id":1,"parent_id":5,"name":")" + hash("k1", "n", "x") + R"(","name__k2":")" +
                hash("k2", "n", "x") + R"(","own":")" + hash("k1", own, "x") + R"(","own__k2":")" +
                hash("k2", own, "x") + R"(","email":null})");
  EXPECT_EQ(masked("u", R"("after":{"id":1,"parent_id":5,"email":null},"unchanged":["name"])"),
            R"("after":{"id":1,"parent_id":5,"email":null},"unchanged":["name","name__k2","own","own__k2"])");
}

TEST_F(Outputs, WhatANextKeyMadeIsTheColumnOnceThatKeyIsActive) {
  give_keys(kNext);
  use(rule("name", "hash:n", "red", "parent_id is null") + rule("name", "null", "red"));
  const change::Column next = plan_.schema.columns[3];
  keys_ = std::make_unique<policy::Keys>(
      "k1\tretired\t" + std::string(64, 'a') + "\nk2\tactive\t" + std::string(64, 'b') + "\n", "keys");
  use(rule("name", "hash:n", "red", "parent_id is null") + rule("name", "null", "red"));
  EXPECT_EQ(plan_.schema.columns.size(), 3u);
  EXPECT_EQ(plan_.schema.columns[2].name, "name");
  EXPECT_EQ(plan_.schema.columns[2].bind, next.bind);
  EXPECT_EQ(plan_.schema.columns[2].action, next.action);
}

TEST_F(Outputs, AColumnThatIsThereIsNotOverwrittenByANextKeysHashes) {
  give_keys(kNext);
  change::Schema schema = groups();
  schema.columns[2].name = "email__k2";
  try {
    use(rule("email", "hash:e", "red") + rule("email__k2", "null", "red"), schema);
    FAIL();
  } catch (const base::Failure& failure) {
    EXPECT_EQ(failure.slug, "name_taken");
  }
}

TEST_F(Outputs, TheKeyOfARowDoesNotRotate) {
  give_keys(kNext);
  change::Schema schema = groups();
  schema.columns[2].identity = schema.columns[2].pk = true;
  try {
    use(rule("name", "hash:n", "red"), schema);
    FAIL();
  } catch (const base::Failure& failure) {
    EXPECT_EQ(failure.slug, "key_rotates");
    EXPECT_NE(failure.message.find("'n, key, k1'"), std::string::npos) << failure.message;
  }
  give_keys(kNext + "n\tkey\tk1\n");
  use(rule("name", "hash:n", "red"), schema);
  EXPECT_TRUE(plan_.passes);
}

TEST_F(Outputs, PartsInAnotherOrderAreRefused) {
  use(rule("name", "keep", "red>yellow", "parent_id is null"));
  EXPECT_THROW(masked("u", R"("unchanged":["name"],"after":{"id":1,"parent_id":5})"), base::Failure);
}

}  // namespace
