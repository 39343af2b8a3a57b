// pg: what is remembered of a publication comes back whole, and what is no memory is refused.
#include "pg/publication.hpp"

#include <gtest/gtest.h>

#include "base/failure.hpp"

namespace {

TEST(Publication, comes_back_as_it_was) {
  pg::PublicationContent content;
  content.oid = "16500";
  content.operations = {{"insert", true}, {"update", true}, {"delete", false}, {"truncate", false}};
  content.named["t16400"] = {"16501", "", "TABLE public.a"};
  content.named["t16401"] = {"16502", "d41d8cd98f00b204e9800998ecf8427e", "TABLE \"S \"\"x\"\"\n\".\"t\\\té\""};
  content.named["n2200"] = {"16503", "", "TABLES IN SCHEMA public"};
  const std::string text = pg::encode(content);
  EXPECT_EQ(text.find('\n'), text.size() - 1);
  EXPECT_EQ(pg::decode_publication(text), content);
  content.all_tables = true;
  content.named.clear();
  EXPECT_EQ(pg::decode_publication(pg::encode(content)), content);
}

TEST(Publication, anything_else_is_no_memory) {
  for (
      const char* text :
      {"", "x", "{}", "[]", R"({"oid":"1","all_tables":false,"operations":{"insert":true},"named":{}})",
       R"({"oid":"1","all_tables":false,"operations":{"insert":true,"update":true,"delete":true,"truncate":true},"named":[]})"}) {
    EXPECT_THROW(static_cast<void>(pg::decode_publication(text)), base::Failure) << text;
  }
}

}  // namespace
