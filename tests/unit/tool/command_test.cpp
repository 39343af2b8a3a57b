// Tests of tool: options from command line and pipeline file, exit codes, the loop of a filter, metrics text.
#include "tool/command.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>

#include "io/file.hpp"
#include "io/line_writer.hpp"
#include "tool/filter.hpp"
#include "tool/metrics.hpp"

namespace tool {
namespace {

using base::Exit;

class Commands : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/pgcdc-tool-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    folder_ = name;
  }
  void TearDown() override { (void)std::system(("rm -rf " + folder_).c_str()); }

  // Runs a program with an option of each kind over the words given.
  Exit run_with(std::vector<std::string> words) {
    words.insert(words.begin(), "cdc-test");
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    Command command("cdc-test", "A test");
    command.text("stage", "FOLDER", stage_, "where").required();
    command.bytes("max-bytes", "BYTES", bytes_, "how much");
    command.number("max-seconds", "SECONDS", seconds_, "how long");
    command.flag("edited", edited_, "whether");
    return run(static_cast<int>(argv.size()), argv.data(), command, [this] {
      ran_ = true;
      return Exit::done;
    });
  }
  std::string file(const std::string& content) {
    const std::string path = folder_ + "/p.ini";
    io::replace_file(path, content);
    return path;
  }
  std::string folder_, stage_;
  std::uint64_t bytes_ = 7, seconds_ = 300;
  bool edited_ = false, ran_ = false;
};

TEST_F(Commands, TheCommandLineWinsOverOwnSectionOverPipeline) {
  const std::string config = file(
      "[pipeline]\nstage = from-pipeline\nmax-bytes = 1KiB\nmax-seconds = 1\n[cdc-test]\nmax-bytes = 2MiB # "
      "note\nmax-seconds = 2\n"
      "edited = true\n[other]\nanything = goes\n");
  EXPECT_EQ(run_with({"--config", config, "--max-seconds", "3"}), Exit::done);
  EXPECT_EQ(stage_, "from-pipeline");
  EXPECT_EQ(bytes_, 2u * 1024 * 1024);
  EXPECT_EQ(seconds_, 3u);
  EXPECT_TRUE(edited_);
}

TEST_F(Commands, BadWordsAreUsageAndNothingRuns) {
  EXPECT_EQ(run_with({"--stage", "x", "--nonsense"}), Exit::usage);
  EXPECT_EQ(run_with({}), Exit::usage);
  EXPECT_EQ(run_with({"--stage", "x", "--max-bytes", "many"}), Exit::usage);
  EXPECT_EQ(run_with({"--stage", "x", "--max-bytes", "99999999999999999GiB"}), Exit::usage);
  EXPECT_EQ(run_with({"--stage", "x", "--max-seconds", "-1"}), Exit::usage);
  EXPECT_EQ(run_with({"--config", folder_ + "/missing.ini"}), Exit::usage);
  EXPECT_EQ(run_with({"--config", file("[cdc-test]\nstage = x\nstagge = y\n")}), Exit::usage);
  EXPECT_EQ(run_with({"--config", file("[cdc-test]\nstage = x\nstage = y\n")}), Exit::usage);
  EXPECT_EQ(run_with({"--config", file("stage = x\n")}), Exit::usage);
  EXPECT_EQ(run_with({"--config", file("[cdc-test]\nstage = x\nnonsense\n")}), Exit::usage);
  EXPECT_FALSE(ran_);
}

// Hands lines through, with a boundary after each line that is "end".
class Echo : public Filter {
 public:
  void line(std::string_view text, io::LineWriter& out) override {
    if (text == "bad") throw base::Failure(Exit::data, "invalid_json", "bad");
    boundary_ = text == "end";
    out.line(text);
  }
  void end(io::LineWriter&) override {
    if (!boundary_) throw base::Failure(Exit::retry, "cut_short", "inside");
  }
  [[nodiscard]] bool at_boundary() const override { return boundary_; }

 private:
  bool boundary_ = true;
};

TEST_F(Commands, AFilterWritesWhatWasGoodBeforeTheBadLine) {
  for (const auto& [input, output, exit] :
       std::vector<std::tuple<std::string, std::string, Exit>>{{"a\nend\n", "a\nend\n", Exit::done},
                                                               {"a\nend\nb\n", "a\nend\nb\n", Exit::retry},
                                                               {"a\nend\nen", "a\nend\n", Exit::retry},
                                                               {"a\nbad\nend\n", "a\n", Exit::data},
                                                               {"", "", Exit::done}}) {
    io::replace_file(folder_ + "/in", input);
    const io::Fd in(::open((folder_ + "/in").c_str(), O_RDONLY));
    const io::Fd out = io::create_for_writing(folder_ + "/out");
    Echo echo;
    Exit how = Exit::bug;
    try {
      how = run_filter(echo, in.get(), out.get());
    } catch (const base::Failure& failure) {
      how = failure.exit;
    }
    EXPECT_EQ(how, exit) << input;
    EXPECT_EQ(io::read_file(folder_ + "/out"), output);
  }
}

TEST(MetricsText, SaysHelpAndTypeOnce) {
  Metrics::name_pipeline("");
  Metrics metrics("", "cdc-test");
  metrics.declare("cdc_rows_total", "Rows seen");
  metrics.add("cdc_rows_total", "table=\"public.a\"", 2);
  metrics.add("cdc_rows_total", "table=\"public.a\"");
  metrics.set("cdc_last_seconds", "", 1.5);
  EXPECT_EQ(metrics.text(),
            "# HELP cdc_last_seconds cdc_last_seconds\n# TYPE cdc_last_seconds "
            "gauge\ncdc_last_seconds{program=\"cdc-test\"} 1.5\n"
            "# HELP cdc_rows_total Rows seen\n# TYPE cdc_rows_total counter\n"
            "cdc_rows_total{program=\"cdc-test\",table=\"public.a\"} 3\n");
}

TEST(Metrics, those_of_a_pipeline_bear_its_name) {
  tool::Metrics::name_pipeline("/etc/pgcdc/sh\"op.ini");
  tool::Metrics metrics("", "cdc-test");
  metrics.set("cdc_last_seconds", "", 1);
  metrics.set("cdc_rows_total", tool::label("table", "public.a"), 3);
  EXPECT_NE(metrics.text().find("cdc_last_seconds{program=\"cdc-test\",pipeline=\"sh\\\"op\"} 1\n"), std::string::npos);
  EXPECT_NE(metrics.text().find("cdc_rows_total{program=\"cdc-test\",pipeline=\"sh\\\"op\",table=\"public.a\"} 3\n"),
            std::string::npos);
}

}  // namespace
}  // namespace tool
