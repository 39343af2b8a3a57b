// Tests of logging/event.hpp: logfmt is one line whatever a field holds, and never looks like a data line.
#include "logging/event.hpp"

#include <gtest/gtest.h>

namespace logging {
namespace {

TEST(Event, IsOneLineOfLogfmt) {
  EXPECT_EQ(
      format("T", "cdc-mask", Level::error, "the input ended", {{"err", "cut_short"}, {"lsn", ""}, {"path", "/a b"}}),
      "ts=T tool=cdc-mask level=error err=cut_short path=\"/a b\" msg=\"the input ended\"");
}

TEST(Event, QuotesWhatCouldBreakALine) {
  EXPECT_EQ(format("T", "t", Level::warn, "a\n{\"b\\\x7f", {}), "ts=T tool=t level=warn msg=\"a\\n{\\\"b\\\\ \"");
}

}  // namespace
}  // namespace logging
