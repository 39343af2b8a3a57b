// Promises of the sub-commands: what they print is what cdc-mask does.
#include "cdc-policy/commands.hpp"

#include <gtest/gtest.h>

#include "base/failure.hpp"

namespace {

const std::string kKeys = "k1\tactive\t" + std::string(64, 'a') + "\n";

std::string look_up(std::string_view domain, std::string_view value, bool exact, bool wide) {
  const policy::Keys keys(kKeys, "keys");
  std::string into;
  cdc_policy::LookUp(keys, "", domain, exact, wide).append(value, into);
  return into;
}

TEST(NewKey, IsAKeysFileWithAnotherKeyEachTime) {
  const std::string first = cdc_policy::new_keys_file();
  const std::string second = cdc_policy::new_keys_file();
  EXPECT_NO_THROW(policy::Keys(first, "keys"));
  EXPECT_NE(first.substr(first.size() - 65), second.substr(second.size() - 65));
}

TEST(Rotate, MakesANextKeyAndThenLetsItTakeOver) {
  const std::string before =
      "# mine\nold\tretired\t" + std::string(64, 'b') + "\n" + kKeys + "d\tkey\told\nd\tsalt\tnext\n";
  const cdc_policy::Rotation begun = cdc_policy::rotate(before, "keys", false);
  EXPECT_TRUE(begun.file.starts_with(before + begun.id + "\tnext\t"));
  EXPECT_EQ(*policy::Keys(begun.file, "keys").next_id_for("email"), begun.id);
  EXPECT_THROW(static_cast<void>(cdc_policy::rotate(begun.file, "keys", false)), base::Failure);

  const cdc_policy::Rotation ended = cdc_policy::rotate(begun.file, "keys", true);
  EXPECT_EQ(ended.id, begun.id);
  const policy::Keys keys(ended.file, "keys");
  EXPECT_EQ(keys.id_for("email"), begun.id);
  EXPECT_EQ(keys.id_for("d"), "old");
  EXPECT_EQ(keys.salt("d"), "next") << "a salt's text is not read as a state";
  EXPECT_NE(ended.file.find("\nk1\tretired\t"), std::string::npos);
  EXPECT_THROW(static_cast<void>(cdc_policy::rotate(ended.file, "keys", true)), base::Failure);
}

TEST(LookUp, HasACanonicalFormForEmailOnlyAndNotForKeys) {
  EXPECT_EQ(look_up("email", " A@B.C", false, false), look_up("email", "a@b.c", true, false));
  EXPECT_NE(look_up("email", " A@B.C", true, false), look_up("email", "a@b.c", true, false));
  EXPECT_NE(look_up("name", "Jane", false, false), look_up("name", "jane", false, false));
}

TEST(LookUp, WideBeginsWithNarrow) {
  EXPECT_EQ(look_up("name", "x", false, false).size(), 32u);
  EXPECT_EQ(look_up("name", "x", false, true).size(), 64u);
  EXPECT_EQ(look_up("name", "x", false, true).substr(0, 32), look_up("name", "x", false, false));
}

TEST(Summary, CountsRulesByActionAndWhatIsLeft) {
  const auto policy = policy::Policy::read(
      "public.t\ta\tany\tgreen\tkeep\t-\t-\npublic.t\tb\tany\tred>green\tkeep\t-\t-\npublic.t\tc\tany\tred\tdrop\t-\t-"
      "\n",
      "p", policy::ClearClasses("green"));
  EXPECT_EQ(cdc_policy::summary(policy), "keep\tgreen\t2\ndrop\tred\t1\nsha256\t-\t" + policy.sha256() + "\n");
}

}  // namespace
