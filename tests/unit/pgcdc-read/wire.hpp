// pgcdc-read: what the tests of captured messages (tests/wire) share: where they lie, and what can be said without a catalog.
#pragma once

#include <fstream>
#include <string>
#include <vector>

#include "base/encoding.hpp"
#include "pgcdc-read/translate.hpp"

// What can be said without a catalog.
inline reader::Described without_catalog(const pgoutput::Relation& relation, base::Xid) {
  reader::Described described;
  described.schema.table = change::quote_table(relation.schema, relation.name);
  described.schema.relid = relation.relid;
  described.schema.identity = relation.identity == 'f'   ? "full"
                              : relation.identity == 'n' ? "nothing"
                              : relation.identity == 'i' ? "index"
                                                         : "default";
  for (const auto& wire : relation.columns) {
    change::Column column;
    column.name = wire.name;
    column.type = std::to_string(wire.type.value);
    column.typmod = wire.typmod;
    column.identity = wire.key;
    column.category = "X";
    described.schema.columns.push_back(column);
    described.shapes.push_back(value::shape_of({wire.type, base::Oid{}, ','}));
  }
  return described;
}

inline std::string wire_path(const std::string& file) { return std::string(PGCDC_TEST_DATA) + "/wire/" + file; }

inline std::vector<std::string> messages_of(const std::string& name) {
  std::ifstream file(wire_path(name + ".hex"));
  std::vector<std::string> messages;
  for (std::string line; std::getline(file, line);) messages.push_back(base::decode_hex(line).value());
  return messages;
}
