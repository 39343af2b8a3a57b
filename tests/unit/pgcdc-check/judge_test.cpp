// pgcdc-check: findings from facts, where a server to show them is not at hand, and how they are told. The rest is seen on real
// servers: tests/e2e/pgcdc-check.bats.
#include "pgcdc-check/judge.hpp"

#include <gtest/gtest.h>

namespace {

using check::Facts;
using check::Finding;
using check::kind;

// A source that is ready, over one table with a key.
Facts ready() {
  Facts facts;
  facts.slot_name = "pgcdc";
  facts.publication_name = "pgcdc";
  facts.server_version = 150018;
  facts.encoding = "UTF8";
  facts.database = "shop";
  facts.settings = {{"wal_level", {"logical", "default"}},        {"max_replication_slots", {"10", "default"}},
                    {"max_wal_senders", {"10", "default"}},       {"max_slot_wal_keep_size", {"10240", "default"}},
                    {"wal_sender_timeout", {"60000", "default"}}, {"max_wal_size", {"1024", "default"}}};
  facts.role = {"cdc", false, true};
  pg::Slot slot;
  slot.name = "pgcdc";
  slot.plugin = "pgoutput";
  slot.logical = true;
  slot.database = "shop";
  slot.wal_status = "reserved";
  facts.slot = slot;
  facts.slots = {{"pgcdc", false, 0}};
  facts.publication = check::Publication{};
  facts.publication->via_root = true;
  check::Relation table;
  table.oid = 20000;
  table.schema = "public";
  table.name = "orders";
  table.named = true;
  table.indexes = {{"orders_pkey", true, false, true, {1}}};
  table.columns = {{1, {"id", 0}}, {2, {"total", 0}}};
  facts.relations = {table};
  facts.relation_of = {{20000, 0}};
  return facts;
}

const Finding* find(const std::vector<Finding>& findings, std::string_view slug) {
  for (const Finding& finding : findings) {
    if (finding.what().slug == slug) return &finding;
  }
  return nullptr;
}

TEST(Judge, ASourceThatIsReadyHasNoFindings) { EXPECT_TRUE(check::judge(ready()).empty()); }

TEST(Judge, AServerThatIsTooOldIsTheOnlyFinding) {
  Facts facts;
  facts.server_version = 130022;
  const auto findings = check::judge(facts);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].kind, kind("server_version"));
}

TEST(Judge, APluginThatTheServerDoesNotListKeepsTheListedOnes) {
  Facts facts = ready();
  facts.settings["output_plugin_libraries"] = {"test_decoding, \"wal2json\"", "default"};
  const auto findings = check::judge(facts);
  const Finding* finding = find(findings, "plugin_not_allowed");
  ASSERT_NE(finding, nullptr);
  EXPECT_EQ(
      finding->repair,
      "ALTER SYSTEM SET output_plugin_libraries = 'test_decoding', 'wal2json', 'pgoutput'; SELECT pg_reload_conf();");
  facts.settings["output_plugin_libraries"] = {"", "default"};
  EXPECT_EQ(find(check::judge(facts), "plugin_not_allowed")->repair,
            "ALTER SYSTEM SET output_plugin_libraries = 'pgoutput'; SELECT pg_reload_conf();");
}

TEST(Judge, APluginThatIsListedNeedsNothingAndASuperuserIsBoundToo) {
  Facts facts = ready();
  facts.settings["output_plugin_libraries"] = {"pgoutput, test_decoding", "default"};
  EXPECT_EQ(find(check::judge(facts), "plugin_not_allowed"), nullptr);
  facts.settings["output_plugin_libraries"] = {"test_decoding", "default"};
  facts.role.superuser = true;
  EXPECT_NE(find(check::judge(facts), "plugin_not_allowed"), nullptr);
}

TEST(Judge, AnActiveReaderNeedsNoSecondSender) {
  Facts facts = ready();
  facts.settings["max_wal_senders"] = {"2", "default"};
  facts.senders = 1;
  facts.slot->active = true;
  EXPECT_EQ(find(check::judge(facts), "senders_full"), nullptr);
  facts.slot->active = false;
  EXPECT_NE(find(check::judge(facts), "senders_full"), nullptr);
}

TEST(Judge, TheKeptLogIsHeldAgainstTheRate) {
  Facts facts = ready();
  facts.settings["max_slot_wal_keep_size"] = {"3600", "default"};
  facts.wal_bytes_per_s = 1024 * 1024;
  facts.slot->retained_bytes = 0;
  EXPECT_EQ(find(check::judge(facts), "wal_keep_short"), nullptr);
  facts.slot->retained_bytes = 1024 * 1024;
  const auto findings = check::judge(facts);
  const Finding* finding = find(findings, "wal_keep_short");
  ASSERT_NE(finding, nullptr);
  // A day, rounded up to whole GiB.
  EXPECT_EQ(finding->repair, "ALTER SYSTEM SET max_slot_wal_keep_size = '87040MB'; SELECT pg_reload_conf();");
}

TEST(Judge, TheGravestComesFirst) {
  Facts facts = ready();
  facts.publication->deletes = false;
  facts.slot.reset();
  facts.encoding = "SQL_ASCII";
  const auto findings = check::judge(facts);
  ASSERT_EQ(findings.size(), 3U);
  EXPECT_EQ(findings[0].kind, kind("no_encoding"));
  EXPECT_EQ(findings[1].kind, kind("operations_missing"));
  EXPECT_EQ(findings[2].kind, kind("slot_missing"));
}

TEST(Judge, AFilterThatCouldNotBeReadLeavesNoStatementThatWouldLoseIt) {
  Facts facts = ready();
  check::Relation& table = facts.relations[0];
  table.listed = true;
  table.list = {2};
  table.filtered = true;
  table.filter = {1};
  auto findings = check::judge(facts);
  ASSERT_NE(find(findings, "list_misses_identity"), nullptr);
  EXPECT_EQ(find(findings, "list_misses_identity")->repair, "");
  table.filter_text = "(id > 0)";
  findings = check::judge(facts);
  EXPECT_EQ(
      find(findings, "list_misses_identity")->repair,
      "BEGIN; ALTER PUBLICATION pgcdc DROP TABLE public.orders; ALTER PUBLICATION pgcdc ADD TABLE public.orders (id, "
      "total) WHERE ((id > 0)); COMMIT;");
}

TEST(Judge, SomebodyElsesSlotIsNeverDropped) {
  Facts facts = ready();
  facts.slot->plugin = "wal2json";
  facts.slots.push_back({"pgcdc_2", false, 0});
  const auto findings = check::judge(facts);
  EXPECT_EQ(find(findings, "slot_plugin")->repair,
            "SELECT pg_create_logical_replication_slot('pgcdc_3', 'pgoutput'); -- and --slot pgcdc_3");
}

TEST(Words, DurationsAndSizesAreRoundedToWhatCanBeRead) {
  EXPECT_EQ(check::duration(119), "119 s");
  EXPECT_EQ(check::duration(3600), "60 minutes");
  EXPECT_EQ(check::duration(86400 * 3), "3 days");
  EXPECT_EQ(check::size(2047), "2047 bytes");
  EXPECT_EQ(check::size(5.0 * (1 << 30)), "5 GiB");
}

TEST(Describe, AFindingIsOneLineWithNullForNoStatement) {
  EXPECT_EQ(
      check::describe({kind("no_key"), R"(public."a""b")", "It has none.", ""}),
      R"({"severity":"stop","slug":"no_key","object":"public.\"a\"\"b\"","message":"It has none.","repair":null})");
}

TEST(Table, EachFindingHasItsLinesAndTheEndCountsThem) {
  const std::vector<Finding> findings{{kind("no_key"), "public.t", "It has none.", "ALTER TABLE t;"},
                                      {kind("row_filter"), "public.u", "It has one.", ""}};
  EXPECT_EQ(check::table(findings),
            "stop  no_key      public.t\n      It has none.\n      ALTER TABLE t;\n"
            "info  row_filter  public.u\n      It has one.\n1 stop, 0 lose, 0 warn, 1 info\n");
  EXPECT_EQ(check::table({}), "0 stop, 0 lose, 0 warn, 0 info\n");
}

}  // namespace
