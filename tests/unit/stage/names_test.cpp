// stage: a table's name can lead nowhere else, be folded into another or be too long; positions sort as text.
#include "stage/names.hpp"

#include <gtest/gtest.h>

#include "base/failure.hpp"

namespace {

TEST(Names, OnlyPlainBytesStandAsTheyAre) {
  EXPECT_EQ(stage::encode_name("ci_builds-9"), "ci_builds-9");
  EXPECT_EQ(stage::encode_name("Odd.Name"), "%4Fdd%2E%4Eame");
  EXPECT_EQ(stage::encode_name("../../x"), "%2E%2E%2F%2E%2E%2Fx");
  EXPECT_EQ(stage::encode_name("ä%"), "%C3%A4%25");
}

TEST(Names, SchemaAndTableAreToldApartByTheOnlyPoint) {
  EXPECT_EQ(stage::encode_table("public.users"), "public.users");
  EXPECT_EQ(stage::encode_table(R"(public."Odd.Name")"), "public.%4Fdd%2E%4Eame");
  EXPECT_EQ(stage::encode_table(R"("a.b".c)"), "a%2Eb.c");
  EXPECT_NE(stage::encode_table(R"("a.b".c)"), stage::encode_table(R"(a."b.c")"));
  EXPECT_THROW((void)stage::encode_table("users"), base::Failure);
  EXPECT_THROW((void)stage::encode_table("a.b.c"), base::Failure);
}

TEST(Names, NamesThatDifferInCaseOnlyDoNotMeetOnAFoldingFileSystem) {
  std::string lower = stage::encode_table(R"(public."users")");
  std::string upper = stage::encode_table(R"(public."USERS")");
  for (char& c : upper) c = static_cast<char>(std::tolower(c));
  EXPECT_NE(lower, upper);
}

TEST(Names, ALongNameFitsIntoAPathComponentAndStaysItsOwn) {
  const std::string a = "\"" + std::string(63, 'A') + "\".\"" + std::string(63, 'B') + "\"";
  const std::string b = "\"" + std::string(63, 'A') + "\".\"" + std::string(62, 'B') + "C\"";
  EXPECT_LE(stage::encode_table(a).size(), 200u);
  EXPECT_NE(stage::encode_table(a), stage::encode_table(b));
}

TEST(Names, PositionsSortAsText) {
  EXPECT_EQ(stage::encode_lsn(base::Lsn{0xA3A41C8F0}), "0000000A3A41C8F0");
  EXPECT_LT(stage::encode_lsn(base::Lsn{0xFFFFFFFF}), stage::encode_lsn(base::Lsn{0x100000000}));
}

TEST(Names, ObjectsLieWhereTheFormatSays) {
  const base::Lsn from{0x10};
  const base::Lsn to{0x20};
  EXPECT_EQ(stage::era_folder("Git Lab", 2), "%47it%20%4Cab/2/");
  EXPECT_EQ(stage::log_object(from), "log/0000000000000010.json");
  EXPECT_EQ(stage::data_object("a.b", from, to, 3, "cafe"),
            "data/a.b/0000000000000010-0000000000000020-0003-cafe.ndjson.zst");
  EXPECT_EQ(stage::data_object("", from, to, 0, "cafe"),
            "data/_commits/0000000000000010-0000000000000020-0000-cafe.ndjson.zst");
  EXPECT_EQ(stage::chunk_object("a.b", from, 7), "copy/a.b/0000000000000010/000007.json");
  EXPECT_EQ(stage::chunk_data_object("a.b", from, 7, 0, "cafe"),
            "copy/a.b/0000000000000010/000007-0000-cafe.ndjson.zst");
}

}  // namespace
