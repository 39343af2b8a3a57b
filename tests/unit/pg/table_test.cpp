// pg: which transactions a snapshot shows. Reading tables needs a server: tests/e2e/many_tables.bats, tests/e2e/binding.bats.
#include "pg/table.hpp"

#include <gtest/gtest.h>

#include "base/failure.hpp"

namespace {

using base::Xid;
using pg::Visibility;

TEST(Visibility, ShowsWhatWasOverAndNothingElse) {
  const Visibility seen("10:20:12,15");
  EXPECT_TRUE(seen.shows(Xid{9}));
  EXPECT_TRUE(seen.shows(Xid{10}));
  EXPECT_TRUE(seen.shows(Xid{11}));
  EXPECT_FALSE(seen.shows(Xid{12}));
  EXPECT_TRUE(seen.shows(Xid{14}));
  EXPECT_FALSE(seen.shows(Xid{15}));
  EXPECT_TRUE(seen.shows(Xid{19}));
  EXPECT_FALSE(seen.shows(Xid{20}));
  EXPECT_FALSE(seen.shows(Xid{21}));
}

TEST(Visibility, WithNothingRunningTheListIsEmpty) {
  const Visibility seen("20:20:");
  EXPECT_TRUE(seen.shows(Xid{19}));
  EXPECT_FALSE(seen.shows(Xid{20}));
}

TEST(Visibility, NumbersThatWrappedAroundAreTakenAsTheNearest) {
  // The snapshot's end is just behind 2^32: what pgoutput calls 4294967290 was before it, 5 is beyond it.
  const Visibility behind("4294967290:4294967300:4294967295");
  EXPECT_TRUE(behind.shows(Xid{4294967289U}));
  EXPECT_FALSE(behind.shows(Xid{4294967295U}));
  EXPECT_TRUE(behind.shows(Xid{3}));
  EXPECT_FALSE(behind.shows(Xid{4}));
  // ... and just before it: 5 is still to come.
  const Visibility before("4294967290:4294967294:");
  EXPECT_TRUE(before.shows(Xid{4294967293U}));
  EXPECT_FALSE(before.shows(Xid{5}));
}

TEST(Visibility, SomethingElseThanASnapshotIsABug) {
  for (const char* text : {"", "1", "1:2", "1:x:", "1:2:3,x"}) {
    EXPECT_THROW(Visibility{text}, base::Failure) << text;
  }
}

}  // namespace
