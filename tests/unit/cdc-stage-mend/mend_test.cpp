// cdc-stage-mend: an old pipe that puts what it has in hand while the log's end is looked at: less is lost then, and what it has put stays.
// Knows a store that lets somebody in before an object is created. How a stage is looked through is in tests/e2e/cdc-stage-mend.bats.
#include "cdc-stage-mend/mend.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <utility>

#include "stage/store.hpp"

namespace {

namespace fs = std::filesystem;
using base::Lsn;

// Before the first manifest is created, somebody does something.
class Watched : public stage::Store {
 public:
  explicit Watched(stage::Store& inner) : inner_(inner) {}
  std::function<void()> before_manifest;

  std::optional<std::string> read(const std::string& name) override { return inner_.read(name); }
  std::unique_ptr<stage::ObjectReader> open(const std::string& name) override { return inner_.open(name); }
  std::vector<std::string> list(const std::string& folder) override { return inner_.list(folder); }
  std::vector<std::string> list_one_level(const std::string& folder, const std::string& after) override {
    return inner_.list_one_level(folder, after);
  }
  void each(const std::string& folder, const std::function<void(const stage::Listed&)>& act) override {
    inner_.each(folder, act);
  }
  void replace(const std::string& name, std::string_view content) override { inner_.replace(name, content); }
  void remove(const std::string& name) override { inner_.remove(name); }
  bool put_if_absent(const std::string& name, std::string_view content) override {
    if (name.find("/0/log/") != std::string::npos && before_manifest) std::exchange(before_manifest, nullptr)();
    return inner_.put_if_absent(name, content);
  }
  void place(const std::string& path, const std::string& name) override { inner_.place(path, name); }
  void settle(const std::string& folder) override { inner_.settle(folder); }
  std::string where() const override { return inner_.where(); }

 private:
  stage::Store& inner_;
};

class MendTest : public ::testing::Test {
 protected:
  MendTest() {
    std::string name = (fs::temp_directory_path() / "unit-mend.XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    store_ = stage::open_store(folder_, true);
    log_.emplace(*store_, "s", 0);
    EXPECT_EQ(stage::Log::claim(*store_, {"s", "7", 1, 0, 150018, "d"}).system_id, "7");
    EXPECT_EQ(log_->begin(Lsn{1}), Lsn{1});
    put(1, 5);
  }
  ~MendTest() override { fs::remove_all(folder_); }

  // An epoch without rows.
  void put(std::uint64_t from, std::uint64_t to) {
    stage::Epoch epoch;
    epoch.source = "s";
    epoch.run = "r";
    epoch.system_id = "7";
    epoch.timeline = 1;
    epoch.from = Lsn{from};
    epoch.to = Lsn{to};
    EXPECT_TRUE(log_->append(epoch));
  }
  [[nodiscard]] stage::Epoch at(std::uint64_t from) { return log_->at(Lsn{from}).value().epoch; }

  std::string folder_;
  std::unique_ptr<stage::Store> store_;
  std::optional<stage::Log> log_;
};

TEST_F(MendTest, WhatAnOldPipePutsMeanwhileStaysAndTheRestIsLost) {
  Watched watched(*store_);
  watched.before_manifest = [&] { put(5, 8); };
  const int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  io::LineWriter out(nowhere);
  mend::Wanted wanted;
  wanted.source = "s";
  wanted.server = mend::Server{"7", 1, "d", Lsn{20}, Lsn{30}, {}};
  EXPECT_GT(mend::Mend(watched, wanted, out).run(), 0U);
  EXPECT_FALSE(at(5).lost);
  EXPECT_TRUE(at(8).lost);
  EXPECT_EQ(at(8).to, Lsn{20});
  // The slot begins where the log ends now: once is enough.
  EXPECT_EQ(mend::Mend(watched, wanted, out).run(), 0U);
  ::close(nowhere);
}

}  // namespace
