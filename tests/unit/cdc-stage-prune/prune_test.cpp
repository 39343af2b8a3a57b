// Promises of house-keeping that need no warehouse's engine: whose words count, what a data object's name says, how far several needs
// let it go. What happens in a stage is tests/e2e/cdc-stage-prune.bats.
#include <gtest/gtest.h>

#include "base/failure.hpp"
#include "cdc-stage-prune/options.hpp"
#include "cdc-stage-prune/sweep.hpp"
#include "warehouse/needs.hpp"

namespace {

using cdc_stage_prune::complete;
using cdc_stage_prune::from_of;
using cdc_stage_prune::Options;

std::string slug_of(const Options& options, const tool::PipelineFile& file) {
  try {
    static_cast<void>(complete(options, file));
  } catch (const base::Failure& failure) {
    return failure.slug;
  }
  return "none";
}

TEST(Words, EveryWarehouseOfThePipelineFileCountsOnce) {
  const tool::PipelineFile file{{"pipeline", {{"source", "s"}, {"warehouse", "sqlite:a"}}},
                                {"cdc-load", {{"stage", "x"}, {"warehouse", "sqlite:b"}}},
                                {"cdc-status", {{"warehouse", "sqlite:a"}}}};
  Options given;
  given.source = "s";
  given.warehouses = {"sqlite:c", "sqlite:a"};
  const Options options = complete(given, file);
  EXPECT_EQ(options.warehouses, (std::vector<std::string>{"sqlite:a", "sqlite:b", "sqlite:c"}));
  EXPECT_EQ(options.stage, "x") << "the loader's";
  given.stage = "y";
  EXPECT_EQ(complete(given, file).stage, "y");
}

TEST(Words, WithoutStageSourceOrWarehouseNothingIsDone) {
  Options given;
  given.stage = "x";
  given.source = "s";
  EXPECT_EQ(slug_of(given, {}), "missing_option");
  given.warehouses = {"sqlite:a"};
  EXPECT_EQ(slug_of(given, {}), "none");
  given.keep_hours = 100'000'000;
  EXPECT_EQ(slug_of(given, {}), "bad_value");
  given.keep_hours = 0;
  given.parallel = 0;
  EXPECT_EQ(slug_of(given, {}), "bad_value");
  given.parallel = 1;
  given.source.clear();
  EXPECT_EQ(slug_of(given, {}), "missing_option");
}

TEST(Names, SayWhereTheirEpochBegins) {
  EXPECT_EQ(from_of("data/public.t/0000000100000002-0000000100000003-0000-ab.ndjson.zst"), base::Lsn{0x100000002});
  for (const char* other : {"data/public.t/readme", "data/public.t/0000000100000002.ndjson.zst",
                            "copy/public.t/0000000100000002-0000000100000003-0000-ab.ndjson.zst",
                            "data/public.t/00000001x0000002-0000000100000003-0000-ab.ndjson.zst",
                            "data/public.t/0000000100000002-0000000100000003-0000-ab.ndjson.zst.part", "data/", ""}) {
    EXPECT_FALSE(from_of(other)) << other;
  }
}

TEST(Needs, AreTheLowestOfPositionAndTablesThatWait) {
  warehouse::Needs needs;
  needs.applied_to = base::Lsn{50};
  EXPECT_EQ(needs.lowest(), base::Lsn{50});
  needs.held = {{"a", "parked", base::Lsn{20}}, {"b", "doubted", base::Lsn{70}}};
  EXPECT_EQ(needs.lowest(), base::Lsn{20});
}

}  // namespace
