// Promises of bucket files: what each value becomes does not depend on the order of lines, and nothing has no bucket.
#include "policy/buckets.hpp"

#include <gtest/gtest.h>

namespace {

using policy::Buckets;

std::optional<Buckets> read(const std::string& text) {
  std::string why;
  auto buckets = Buckets::read(text, why);
  EXPECT_EQ(buckets.has_value(), why.empty()) << why;
  return buckets;
}

std::string find(const Buckets& buckets, const char* value) {
  const std::string* name = buckets.find(value);
  return name == nullptr ? "(null)" : *name;
}

TEST(Buckets, ExactBeatsPatternAndTheLongerPatternTheShorter) {
  const std::string lines[] = {"*\tother\n",          "rspec*\ttest\n",     "rspec-ee*\tee\n",
                               "rspec\ttest alone\n", "*deploy*\tdeploy\n", "secret\t-\n"};
  std::string forward;
  std::string backward;
  for (const std::string& line : lines) {
    forward += line;
    backward.insert(0, line);
  }
  for (const std::string& text : {forward, backward}) {
    const Buckets buckets = read(text).value();
    EXPECT_EQ(find(buckets, "rspec"), "test alone");
    EXPECT_EQ(find(buckets, "rspec 1/3"), "test");
    EXPECT_EQ(find(buckets, "rspec-ee 1/3"), "ee");
    EXPECT_EQ(find(buckets, "my-deploy-now"), "deploy");
    EXPECT_EQ(find(buckets, "secret"), "(null)");
    EXPECT_EQ(find(buckets, "customer's own name"), "other");
    EXPECT_EQ(find(buckets, ""), "other");
  }
}

TEST(Buckets, AMistakeIsRefused) {
  for (const char* text : {"", "a\tb\n", "*\tother", "*\tother\nno tab\n", "*\tother\na\tb\tc\n", "*\tother\n\tb\n",
                           "*\tother\na\t\n", "*\tother\na\tb\na\tc\n", "*\tother\na*\tb\na*\tc\n"}) {
    std::string why;
    EXPECT_FALSE(Buckets::read(text, why)) << text;
    EXPECT_NE(why, "");
  }
  EXPECT_TRUE(read("# jobs\n\n*\tother\n"));
}

}  // namespace
