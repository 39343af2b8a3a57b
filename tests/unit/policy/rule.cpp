// Promises of reading a policy and of choosing among its rules. What each mistake is told as stands in the golden cases.
#include "policy/rule.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <vector>

#include "base/failure.hpp"

namespace {

using policy::Action;
using policy::Ground;

policy::Policy read(const std::string& text, const char* clear = "green,yellow") {
  return policy::Policy::read(text, "p", policy::ClearClasses(clear));
}

std::string refusal(const std::string& text) {
  try {
    (void)read(text);
  } catch (const base::Failure& failure) {
    EXPECT_EQ(failure.exit, base::Exit::usage);
    EXPECT_EQ(failure.slug, "bad_policy");
    return failure.message;
  }
  return "";
}

change::Column column(const char* name, const char* type = "text", const char* category = "S") {
  change::Column made;
  made.name = name;
  made.type = type;
  made.category = category;
  return made;
}

const change::TableName kUsers{"public", "users"};

policy::Decision decide(const policy::Policy& policy, const change::Column& of, const char* source = "main") {
  return policy.decide(source, kUsers, of);
}

TEST(Policy, ExactBeatsPatternAlsoWhenMilder) {
  const auto policy = read("*\t*\tany\tred\tdrop\t-\t-\npublic.users\tname\ttext\tgreen\tkeep\t-\t-\n");
  EXPECT_EQ(decide(policy, column("name")).rule->action, Action::keep);
  EXPECT_EQ(decide(policy, column("other")).rule->action, Action::drop);
}

TEST(Policy, OfPatternsTheStrictestWinsWhateverTheOrder) {
  const std::string keep = "*\tn*\tint\tgreen\tkeep\t-\t-\n";
  const std::string hash = "*\t*n\tany\tred\thash:x\t-\t-\n";
  const std::string constant = "public.*\tn\tany\tred\tconst:0\t-\t-\n";
  const std::string null = "*.users\t*\tany\tred\tnull\t-\t-\n";
  const auto winner = [&](const std::string& text) {
    return decide(read(text), column("n", "int4", "N")).rule->action;
  };
  EXPECT_EQ(winner(keep), Action::keep);
  EXPECT_EQ(winner(keep + hash), Action::hash);
  EXPECT_EQ(winner(constant + hash + keep), Action::constant);
  EXPECT_EQ(winner(keep + null + constant + hash), Action::null);
}

TEST(Policy, OfEquallyStrictRulesTheOneThatSortsFirstWins) {
  const std::string a = "*\t*a*\tany\tred\thash:aa\t-\t-\n";
  const std::string b = "*\ta*\tany\tred\thash:bb\t-\t-\n";
  EXPECT_EQ(decide(read(a + b), column("a")).rule->parameter, "aa");
  EXPECT_EQ(decide(read(b + a), column("a")).rule->parameter, "aa");
}

TEST(Policy, WhatNoRuleNamesHasNone) {
  const auto policy = read("public.users\tname\ttext\tgreen\tkeep\t-\t-\n");
  EXPECT_EQ(decide(policy, column("email")).ground, Ground::no_rule);
  EXPECT_EQ(policy.decide("main", {"public", "users2"}, column("name")).ground, Ground::no_rule);
  EXPECT_EQ(policy.decide("main", {"other", "users"}, column("name")).ground, Ground::no_rule);
}

TEST(Policy, APatternNeverKeepsWhatMayHoldMuch) {
  for (const char* rule : {"*\tname\tany\tgreen\tkeep\t-\t-\n", "public.users\tna*\ttext\tgreen\tkeep\t-\t-\n"}) {
    EXPECT_EQ(decide(read(rule), column("name")).ground, Ground::pattern_too_wide) << rule;
  }
}

TEST(Policy, ARuleThatCannotBeCarriedOutMakesNoRoomForAMilderOne) {
  const auto policy = read("*\t*\tany\tgreen\tkeep\t-\t-\n*\tname\tany\tred\thash:x\t-\t-\n");
  EXPECT_EQ(decide(policy, column("name", "jsonb", "U")).ground, Ground::pattern_cannot_hash);
}

TEST(Policy, AnExactRuleForAnotherTypeKeepsPatternsOut) {
  const auto policy = read("*\t*\tany\tgreen\tkeep\t-\t-\npublic.users\tn\ttext\tred\tdrop\t-\t-\n");
  EXPECT_EQ(decide(policy, column("n", "int4", "N")).ground, Ground::other_kind);
}

TEST(Policy, AnExactHashOfWhatCannotBeHashedIsRefused) {
  const auto policy = read("public.users\tname\tany\tred\thash:x\t-\t-\n");
  try {
    (void)decide(policy, column("name", "float8", "N"));
    FAIL() << "not refused";
  } catch (const base::Failure& failure) {
    EXPECT_EQ(failure.exit, base::Exit::refused);
    EXPECT_EQ(failure.slug, "cannot_hash");
  }
}

TEST(Policy, RulesOfOtherSourcesDoNotCount) {
  const auto policy = read("git-*:public.users\tname\ttext\tgreen\tkeep\t-\t-\nci:*\tname\tany\tred\tdrop\t-\t-\n");
  EXPECT_EQ(decide(policy, column("name"), "git-main").rule->action, Action::keep);
  EXPECT_EQ(decide(policy, column("name"), "ci").rule->action, Action::drop);
  EXPECT_EQ(decide(policy, column("name"), "other").ground, Ground::no_rule);
  EXPECT_TRUE(policy.names("git-x", kUsers));
  EXPECT_FALSE(policy.names("ci", kUsers));
}

TEST(Policy, MayNameOneColumnOncePerType) {
  EXPECT_EQ(refusal("public.users\tn\tint\tgreen\tkeep\t-\t-\npublic.users\tn\ttext\tred\tdrop\t-\t-\n"), "");
  EXPECT_EQ(refusal("public.users\tn\tint\tgreen\tkeep\t-\ta\n#\npublic.\"users\"\tn\tint\tred\tdrop\t-\tb\n"),
            "p:3: a rule for the same table, column and type stands in line 1");
  EXPECT_EQ(refusal("*\tn\tint\tgreen\tkeep\t-\t-\n*.*\tn\tint\tred\tdrop\t-\t-\n"),
            "p:2: a rule for the same table, column and type stands in line 1");
}

TEST(Policy, AClassNotClearedIsRefusedWhenItIsRead) {
  EXPECT_NE(refusal("public.users\tn\ttext\torange\tkeep\t-\t-\n"), "");
  EXPECT_EQ(refusal("public.users\tn\ttext\torange\thash:x\t-\t-\n"), "");
  EXPECT_EQ(refusal("public.users\tn\ttext\tred>yellow\tkeep\t-\t-\n"), "");
  EXPECT_NO_THROW((void)read("public.users\tn\ttext\torange\tkeep\t-\t-\n", "green,orange"));
  EXPECT_THROW((void)read("public.users\tn\ttext\tyellow\tkeep\t-\t-\n", "green,orange"), base::Failure);
  EXPECT_THROW(policy::ClearClasses(""), base::Failure);
  EXPECT_THROW(policy::ClearClasses("green,"), base::Failure);
  EXPECT_THROW(policy::ClearClasses("green, yellow"), base::Failure);
}

TEST(Policy, KnowsItsWholeLanguage) {
  const policy::Files files = [](const std::string& name) -> std::optional<std::string> {
    if (name == "jobs.tsv") return "*\tother\n";
    if (name == "ours") return "1\n";
    return std::nullopt;
  };
  const auto rule = [&](const std::string& action, const std::string& when) {
    const std::string line = "public.users\tn\ttext\tred\t" + action + "\t" + when + "\t-\n";
    const std::string passing = "public.users\tn\ttext\tred>green\t" + action + "\t" + when + "\t-\n";
    const bool hides =
        action.starts_with("hash") || action == "drop" || action == "null" || action.starts_with("const");
    return policy::Policy::read(hides ? line : passing, "p", policy::ClearClasses("green"), files).rules().front();
  };
  for (const char* action :
       {"keep", "truncate:3", "month", "year", "email-domain", "map:jobs.tsv", "hash", "hash:x", "hash:x:256",
        "hash:exact:x", "hash:exact:x:256", "hash-compat:x", "const:", "const:a as b", "null", "drop"}) {
    EXPECT_EQ(rule(action, "-").action_text, action);
    EXPECT_EQ(rule(action, "-").output, "");
  }
  EXPECT_EQ(rule("email-domain as domain", "-").output, "domain");
  EXPECT_EQ(rule("hash:email as \"Odd Name\"", "-").output, "Odd Name");
  EXPECT_EQ(rule("keep", "project_id in @ours").when->column(), "project_id");
}

TEST(Policy, WhatItsFilesHoldIsPartOfWhatItMeans) {
  const std::string text = "public.users\tn\ttext\tred>green\tmap:jobs.tsv\t-\t-\n";
  const auto digest = [&](const std::string& content) {
    return policy::Policy::read(text, "p", policy::ClearClasses("green"),
                                [&](const std::string&) { return std::optional(content); })
        .sha256();
  };
  EXPECT_EQ(digest("*\tother\n"), digest("*\tother\n"));
  EXPECT_NE(digest("*\tother\n"), digest("*\tothers\n"));
}

TEST(Policy, AConditionThatHoldsBeatsNoneAndOnlyUntilAnExactRuleDecides) {
  std::vector<std::unique_ptr<policy::Policy>> policies;  // a decision points into its policy
  const auto decision = [&](const std::string& rules) {
    policies.push_back(std::make_unique<policy::Policy>(read(rules)));
    return decide(*policies.back(), column("name"));
  };
  const std::string exact = "public.users\tname\ttext\tgreen\tkeep\tid = 1\t-\n";
  const std::string pattern = "*\tname\ttext\tred\tnull\tid = 2\t-\n*\tname\ttext\tred\tdrop\t-\t-\n";
  EXPECT_EQ(decision(exact).steps.size(), 1u);
  EXPECT_EQ(decision(exact).rule, nullptr);
  EXPECT_EQ(decision(exact + pattern).steps.size(), 2u);
  EXPECT_EQ(decision(exact + pattern).rule->action, Action::drop);
  const auto own = decision(exact + pattern + "public.users\tname\ttext\tred\thash:x\t-\t-\n");
  EXPECT_EQ(own.steps.size(), 1u);
  EXPECT_EQ(own.rule->action, Action::hash);
}

TEST(Policy, MessagesPassByTheirPrefixAndSource) {
  const auto policy = read("main:message:audit.*\t-\tany\tgreen\tkeep\t-\t-\npublic.t\tid\tany\tgreen\tkeep\t-\t-\n");
  EXPECT_TRUE(policy.passes_message("main", "audit.login"));
  EXPECT_FALSE(policy.passes_message("ci", "audit.login"));
  EXPECT_FALSE(policy.passes_message("main", "secret"));
  EXPECT_EQ(policy.rules().size(), 1u);
}

TEST(Policy, DigestCountsMeaningNotOrderCommentsOrReasons) {
  const std::string a = "public.users\ta\ttext\tred\tdrop\t-\twhy a\n";
  const std::string b = "public.users\tb\ttext\tred\tdrop\t-\twhy b\n";
  EXPECT_EQ(read(a + b).sha256(),
            read("# c\n\n" + b + "public.users\ta\ttext\tred\tdrop\t-\tanother reason\n").sha256());
  EXPECT_NE(read(a + b).sha256(), read(a).sha256());
  EXPECT_NE(read(a).sha256(), read("public.users\ta\ttext\tred\tnull\t-\twhy a\n").sha256());
}

TEST(Policy, OfTenThousandColumnsIsReadAndAsked) {
  std::vector<std::string> lines;
  for (int i = 0; i < 10'000; ++i) {
    lines.push_back("public.t" + std::to_string(i / 10) + "\tc" + std::to_string(i % 10) + "\tany\tgreen\t" +
                    (i % 3 == 0 ? "drop" : "keep") + "\t-\t-\n");
  }
  std::shuffle(lines.begin(), lines.end(), std::mt19937(1));
  std::string text;
  for (const auto& line : lines) text += line;
  const auto policy = read(text);
  for (int i = 0; i < 10'000; ++i) {
    const std::string name = "c" + std::to_string(i % 10);
    const auto decision = policy.decide("main", {"public", "t" + std::to_string(i / 10)}, column(name.c_str()));
    ASSERT_EQ(decision.rule->action, i % 3 == 0 ? Action::drop : Action::keep);
  }
}

// A mutated policy is refused or lets out only what one of its lines names: never a column that stands in none.
TEST(Policy, AMutatedOneNeverNamesWhatNeitherNames) {
  const std::string good =
      "public.users\tname\ttext\tgreen\tkeep\t-\t-\npublic.users\temail\ttext\torange\thash:email\t-\t-\n*\t*_"
      "at\ttime\tgreen\tkeep\t-\t-\n";
  std::mt19937 random(7);
  for (int round = 0; round < 20'000; ++round) {
    std::string text = good;
    for (int edits = 0; edits < 2; ++edits) {
      const std::size_t at = random() % text.size();
      switch (random() % 3) {
        case 0:
          text[at] = static_cast<char>(random() % 256);
          break;
        case 1:
          text.erase(at, random() % 4);
          break;
        default:
          text.insert(at, 1, static_cast<char>("\t\n*\"#:>a"[random() % 8]));
      }
    }
    try {
      const auto policy = read(text);
      ASSERT_EQ(policy.decide("main", {"public", "users"}, column("secret")).rule, nullptr) << text;
      ASSERT_EQ(policy.decide("main", {"public", "secrets"}, column("password")).rule, nullptr) << text;
    } catch (const base::Failure& failure) {
      ASSERT_EQ(failure.slug, "bad_policy");
    }
  }
}

}  // namespace
