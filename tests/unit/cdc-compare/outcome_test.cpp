// What was found of a table, as text and as JSON.
#include "cdc-compare/outcome.hpp"

#include <gtest/gtest.h>

namespace {

TEST(Outcome, equal_is_said_only_of_a_table_that_was_compared_and_is) {
  warehouse::Compared compared;
  compared.equal = 12;
  compared.moved = 3;
  EXPECT_EQ(cdc_compare::as_text("public.t", compared),
            "public.t                                   12         3         0         0         0         0  equal\n");
  for (std::uint64_t warehouse::Compared::*wrong : {&warehouse::Compared::missing, &warehouse::Compared::differs,
                                                    &warehouse::Compared::unknown, &warehouse::Compared::extra}) {
    warehouse::Compared other = compared;
    other.*wrong = 1;
    EXPECT_FALSE(other.is_equal());
    EXPECT_NE(cdc_compare::as_text("public.t", other).find("DIFFERENT\n"), std::string::npos);
  }
  compared.trouble = "it is parked";
  EXPECT_FALSE(compared.is_equal());
  EXPECT_NE(cdc_compare::as_text("public.t", compared).find("  NOT COMPARED: it is parked\n"), std::string::npos);
}

TEST(Outcome, the_numbers_stand_below_their_words) {
  warehouse::Compared compared;
  compared.extra = 7;
  const std::string head = cdc_compare::text_head();
  const std::string line = cdc_compare::as_text("public.t", compared);
  EXPECT_EQ(head.find("extra") + 4, line.find('7'));
}

TEST(Outcome, suspects_are_named_and_as_json_quoted) {
  warehouse::Compared compared;
  compared.missing = 1;
  compared.suspects = {{"missing", {"a\"b", "1"}}};
  EXPECT_NE(cdc_compare::as_text("public.t", compared).find("\n    missing: a\"b,1\n"), std::string::npos);
  EXPECT_EQ(cdc_compare::as_json("public.\"T\"", compared, {base::Lsn{1}, base::Lsn{2}}),
            "{\"table\":\"public.\\\"T\\\"\",\"is_equal\":false,\"from_lsn\":\"00000000/"
            "00000001\",\"to_lsn\":\"00000000/00000002\","
            "\"equal\":0,\"moved\":0,\"missing\":1,\"differs\":0,\"unknown\":0,\"extra\":0,"
            "\"suspects\":[{\"verdict\":\"missing\",\"key\":\"a\\\"b,1\"}],\"trouble\":\"\"}\n");
}

}  // namespace
