// stage: notes of what is lost, and the log of which they are: what is noted is found again, and nothing else is.
#include "stage/losses.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "base/failure.hpp"

namespace {

namespace fs = std::filesystem;

class LossesTest : public ::testing::Test {
 protected:
  LossesTest() {
    std::string name = (fs::temp_directory_path() / "unit-stage.XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    store_ = stage::open_store(folder_ + "/stage", true);
    log_.emplace(*store_, "main", 0);
  }
  ~LossesTest() override { fs::remove_all(folder_); }

  static stage::Identity identity(std::uint64_t era) { return {"main", "7", 1, era, 150000, "shop"}; }

  std::string folder_;
  std::unique_ptr<stage::Store> store_;
  std::optional<stage::Log> log_;
};

TEST_F(LossesTest, NothingIsNotedInALogThatLostNothing) {
  const stage::Losses losses = stage::read_losses(*log_);
  EXPECT_TRUE(losses.ranges.empty());
  EXPECT_TRUE(losses.objects.empty());
  EXPECT_EQ(losses.complete_from("public.t").value, 0U);
}

TEST_F(LossesTest, ALostRangeConcernsEveryTableAndALostObjectItsOwn) {
  stage::note_lost_range(*log_, base::Lsn{10}, base::Lsn{20});
  stage::note_lost_object(*log_, "data/public.t/x.ndjson.zst", {"public.t", base::Lsn{30}});
  const stage::Losses losses = stage::read_losses(*log_);
  EXPECT_EQ(losses.complete_from("public.t").value, 30U);
  EXPECT_EQ(losses.complete_from("public.u").value, 20U);
  EXPECT_TRUE(losses.objects.contains("data/public.t/x.ndjson.zst"));
}

TEST_F(LossesTest, ANoteThatIsMadeAgainWithALaterEndCounts) {
  stage::note_lost_range(*log_, base::Lsn{10}, base::Lsn{20});
  stage::note_lost_range(*log_, base::Lsn{10}, base::Lsn{40});
  EXPECT_EQ(stage::read_losses(*log_).complete_from("public.t").value, 40U);
}

TEST_F(LossesTest, ANoteThatMakesNoSenseIsNotReadPast) {
  ASSERT_TRUE(store_->put_if_absent("main/0/lost/x.json", "{\"object\":\"x\"}\n"));
  try {
    static_cast<void>(stage::read_losses(*log_));
    FAIL() << "was read";
  } catch (const base::Failure& failure) {
    EXPECT_EQ(failure.slug, "broken_stage");
  }
}

TEST_F(LossesTest, ALostRangeIsPassedByFollowing) {
  ASSERT_EQ(log_->begin(base::Lsn{10}).value, 10U);
  ASSERT_TRUE(log_->append_lost(base::Lsn{10}, base::Lsn{20}, std::string(64, 'a')));
  EXPECT_FALSE(log_->append_lost(base::Lsn{10}, base::Lsn{30}, ""));
  const auto stored = log_->next(base::Lsn{10});
  ASSERT_TRUE(stored);
  EXPECT_TRUE(stored->epoch.lost);
  EXPECT_EQ(stored->epoch.to.value, 20U);
  EXPECT_EQ(stored->sha256, std::string(64, 'a'));
}

TEST_F(LossesTest, APositionWithinALostRangeFindsIt) {
  ASSERT_EQ(log_->begin(base::Lsn{10}).value, 10U);
  ASSERT_TRUE(log_->append_lost(base::Lsn{10}, base::Lsn{20}, ""));
  EXPECT_TRUE(log_->lost_around(base::Lsn{15}));
  EXPECT_TRUE(log_->lost_around(base::Lsn{20}));
  EXPECT_FALSE(log_->lost_around(base::Lsn{10}));
  EXPECT_FALSE(log_->lost_around(base::Lsn{21}));
}

TEST_F(LossesTest, TheNewestEraIsTheOneThatHoldsAndOthersAreStillKnown) {
  ASSERT_EQ(stage::Log::claim(*store_, identity(0)).era, 0U);
  stage::Identity next = identity(1);
  next.system_id = "8";
  EXPECT_EQ(stage::Log::begin_era(*store_, next).system_id, "8");
  EXPECT_EQ(stage::Log::identity(*store_, "main")->era, 1U);
  EXPECT_EQ(stage::Log::identity(*store_, "main", 0)->system_id, "7");
  EXPECT_EQ(stage::Log::claim(*store_, identity(0)).era, 1U);
  // Somebody else was first.
  stage::Identity other = identity(1);
  other.system_id = "9";
  EXPECT_EQ(stage::Log::begin_era(*store_, other).system_id, "8");
  log_->use_era(1);
  EXPECT_EQ(log_->full_name("log"), "main/1/log");
}

}  // namespace
