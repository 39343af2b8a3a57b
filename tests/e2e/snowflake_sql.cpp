// Runs statements on a Snowflake account, or what stands in for one, for tests:
//     snowflake-sql [--attempts N] [--silence SECONDS] [--statement SECONDS] [--grace SECONDS] [--one] [--tag TAG] snowflake://... < STATEMENTS
// Standard input: one statement a line; all of them are one request, `--one`: the only one. Standard output: of each statement one line of
// JSON, {"columns":[...],"types":[...],"rows":[[...]],"inserted":N,"updated":N,"deleted":N}. A failure: one line on standard error,
// `SLUG CODE STATE MESSAGE`, and its exit code. Knows the client; must not know what the statements do.
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/failure.hpp"
#include "json/write.hpp"
#include "snowflake/refusal.hpp"
#include "snowflake/session.hpp"

namespace {

void print(const snowflake::Answer& answer) {
  std::string line = R"({"columns":[)";
  const auto comma = [&] {
    if (line.back() != '[') line.push_back(',');
  };
  for (const snowflake::Column& column : answer.columns) {
    comma();
    json::append_string(line, column.name);
  }
  line += R"(],"types":[)";
  for (const snowflake::Column& column : answer.columns) {
    comma();
    json::append_string(line, column.type);
  }
  line += R"(],"rows":[)";
  for (const snowflake::Row& row : answer.rows) {
    comma();
    line.push_back('[');
    for (const auto& cell : row) {
      comma();
      if (cell) {
        json::append_string(line, *cell);
      } else {
        line += "null";
      }
    }
    line.push_back(']');
  }
  line += "],\"inserted\":" + std::to_string(answer.changed.inserted_rows) +
          ",\"updated\":" + std::to_string(answer.changed.updated_rows) +
          ",\"deleted\":" + std::to_string(answer.changed.deleted_rows) + "}";
  std::puts(line.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  snowflake::Limits limits;
  limits.first_pause_ms = 20;
  limits.longest_pause_ms = 200;
  bool is_one = false;
  std::string tag;
  std::string url;
  for (int i = 1; i < argc; ++i) {
    const std::string_view option = argv[i];
    const auto value = [&] { return i + 1 < argc ? argv[++i] : "0"; };
    if (option == "--attempts") {
      limits.most_attempts = std::atoi(value());
    } else if (option == "--silence") {
      limits.silence_s = std::atol(value());
    } else if (option == "--statement") {
      limits.statement_s = std::atol(value());
    } else if (option == "--grace") {
      limits.grace_s = std::atol(value());
    } else if (option == "--tag") {
      tag = value();
    } else if (option == "--one") {
      is_one = true;
    } else {
      url = option;
    }
  }
  std::vector<std::string> statements;
  for (std::string line; std::getline(std::cin, line);) {
    if (!line.empty()) statements.push_back(line);
  }
  try {
    snowflake::Session session(snowflake::parse_account(url,
                                                        [](const char* name) {
                                                          const char* set = std::getenv(name);
                                                          return set == nullptr ? std::nullopt
                                                                                : std::optional<std::string>(set);
                                                        }),
                               limits);
    if (is_one) {
      print(session.run(statements.at(0), tag));
    } else {
      for (const std::string& handle : session.run_all(statements, tag).handles) print(session.result(handle));
    }
    return std::fflush(stdout) == 0 ? 0 : 75;
  } catch (const snowflake::Refusal& refusal) {
    std::fprintf(stderr, "%s %s %s %s\n", refusal.slug.c_str(), refusal.code.c_str(), refusal.sql_state.c_str(),
                 refusal.message.c_str());
    return static_cast<int>(refusal.exit);
  } catch (const base::Failure& failure) {
    std::fprintf(stderr, "%s - - %s\n", failure.slug.c_str(), failure.message.c_str());
    return static_cast<int>(failure.exit);
  }
}
