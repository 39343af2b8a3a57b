// cdc-compare: the command line. How a table is compared is in lib/warehouse/comparison.cpp.
// Must not know what a warehouse consists of, or what is printed.
#include "cdc-compare/compare.hpp"
#include "tool/command.hpp"

int main(int argc, char** argv) {
  cdc_compare::Options options;
  tool::Command command("cdc-compare", "Hold a warehouse against a copy of its source, row by row");
  command
      .text("reference", "sqlite:FILE", options.reference, "A warehouse of nothing but a copy, as cdc-verify makes it")
      .required();
  command.text("source", "NAME", options.source, "Source whose tables are compared").required();
  command
      .text("warehouse", "WHERE", options.warehouse,
            "Warehouse: sqlite:FILE, duckdb:FILE, postgresql://... or snowflake://...")
      .required();
  command.text("stage", "FOLDER", options.stage, "Stage through which rows reach Snowflake");
  command.number("suspects", "N", options.suspects, "Rows of a table that are not equal and are named by their keys");
  command
      .text("part", "K/N", options.part, "The copy is of the K-th of N parts of each table, as pgcdc-snapshot makes it")
      .by_hand();
  command
      .text("again", "FILE", options.again, "Write what is to be read again to this file, for pgcdc-snapshot --unknown")
      .by_hand();
  command.flag("json", options.json, "Print one JSON object a line for each table");
  command.words("TABLE", options.tables, 0, 100'000,
                "Tables to compare, as the stream writes them; default: those of the reference");
  return tool::main_of(argc, argv, command, [&] { return cdc_compare::compare(options); });
}
