// pgcdc-slot: what is printed of a slot. Creating and dropping need a server: tests/e2e/pgcdc-slot.bats.
#include "pgcdc-slot/slot.hpp"

#include <gtest/gtest.h>

namespace {

pg::Slot a_slot() {
  pg::Slot slot;
  slot.name = "pgcdc";
  slot.plugin = "pgoutput";
  slot.logical = true;
  slot.database = "shop";
  slot.wal_status = "reserved";
  return slot;
}

TEST(Describe, WhatIsKnownStandsInOneLine) {
  pg::Slot slot = a_slot();
  slot.active = true;
  slot.active_pid = 77;
  slot.restart_lsn = base::Lsn{0xA00000010};
  slot.confirmed_flush = base::Lsn{0xA3A41C8F0};
  slot.retained_bytes = 4096;
  slot.safe_wal_bytes = 8192;
  slot.failover = true;
  slot.synced = false;
  slot.invalidation_reason = "wal_removed";
  slot.inactive_since = "2026-11-22T10:53:01.123456Z";
  EXPECT_EQ(slot::describe(slot),
            R"({"slot":"pgcdc","plugin":"pgoutput","database":"shop","active":true,"active_pid":77,)"
            R"("restart_lsn":"0000000A/00000010","confirmed_flush_lsn":"0000000A/3A41C8F0","wal_status":"reserved",)"
            R"("retained_bytes":4096,"safe_wal_bytes":8192,"two_phase":false,"failover":true,"synced":false,)"
            R"("invalidation_reason":"wal_removed","inactive_since":"2026-11-22T10:53:01.123456Z"})");
}

TEST(Describe, WhatIsNotKnownIsNullAndNeverZero) {
  EXPECT_EQ(slot::describe(a_slot()),
            R"({"slot":"pgcdc","plugin":"pgoutput","database":"shop","active":false,"active_pid":null,)"
            R"("restart_lsn":null,"confirmed_flush_lsn":null,"wal_status":"reserved",)"
            R"("retained_bytes":null,"safe_wal_bytes":null,"two_phase":false,"failover":null,"synced":null,)"
            R"("invalidation_reason":null,"inactive_since":null})");
}

TEST(Describe, ASlotAheadOfTheLogRetainsAnUnknownAmount) {
  pg::Slot slot = a_slot();
  slot.retained_bytes = -1;
  EXPECT_NE(slot::describe(slot).find(R"("retained_bytes":null)"), std::string::npos);
}

TEST(Describe, ANameOfTheServerIsEscaped) {
  pg::Slot slot = a_slot();
  slot.database = "a\"b\\c";
  EXPECT_NE(slot::describe(slot).find(R"("database":"a\"b\\c")"), std::string::npos);
}

}  // namespace
