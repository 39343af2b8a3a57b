// pg: where the last record ends, beside the headers of the log's pages.
#include "pg/slot.hpp"

#include <gtest/gtest.h>

namespace {

constexpr std::uint64_t kPage = 8192;
constexpr std::uint64_t kSegment = 16 * 1024 * 1024;

base::Lsn end_of(std::uint64_t insert) { return pg::end_of_records(base::Lsn{insert}, kPage, kSegment); }

TEST(EndOfRecords, BehindAHeaderIsThePagesBeginning) {
  EXPECT_EQ(end_of(3 * kPage + 24).value, 3 * kPage);
  EXPECT_EQ(end_of(5 * kSegment + 40).value, 5 * kSegment);
}

// What is left of a record that crosses the pages may be 8 bytes long.
TEST(EndOfRecords, ARecordThatEndsBehindAHeaderKeepsItsEnd) {
  for (const std::uint64_t end :
       {3 * kPage + 32, 3 * kPage + 40, 3 * kPage + 48, 5 * kSegment + 48, 5 * kSegment + 56}) {
    EXPECT_EQ(end_of(end).value, end);
  }
}

TEST(EndOfRecords, OtherPositionsStay) {
  for (const std::uint64_t end : {3 * kPage, 4 * kPage - 8, 3 * kPage + 4096, 5 * kSegment, 6 * kSegment - 8}) {
    EXPECT_EQ(end_of(end).value, end);
  }
}

}  // namespace
