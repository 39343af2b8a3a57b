// pgcdc-check: what is judged of the publication and its tables: what is sent, under which name, whether the role can copy it,
// and whether the application's own writes survive being published. The contract is in judge.hpp. Knows pgoutput's rules of what
// is sent as what. Must not know the slot. Pure.
#include <algorithm>
#include <set>
#include <utility>

#include "change/types.hpp"
#include "pgcdc-check/judge.hpp"

namespace check {
namespace {

constexpr std::uint32_t kGenerated = 180000;

std::string name_of(const Relation& relation) { return change::quote_table(relation.schema, relation.name); }

// A table as pgoutput sees it.
//
// sent_as  the relation under whose name its rows are sent: itself, or under publish_via_partition_root its topmost published
//          ancestor, whose column list and filter count
struct Sent {
  const Relation* relation;
  const Relation* sent_as;
};

const Index* primary_key(const Relation& relation) {
  for (const Index& index : relation.indexes) {
    if (index.primary) return &index;
  }
  return nullptr;
}

// The index by which changes tell the old row; src PostgreSQL, RelationGetIndexList(): a deferrable key is none.
const Index* identity_index(const Relation& relation) {
  for (const Index& index : relation.indexes) {
    if (!index.serves) continue;
    if ((relation.identity == 'd' && index.primary) || (relation.identity == 'i' && index.identity)) return &index;
  }
  return nullptr;
}

class Tables {
 public:
  Tables(const Facts& facts, const Publication& publication, std::vector<Finding>& into)
      : facts_(facts), publication_(publication), into_(into) {}

  void judge() {
    find_sent();
    judge_publication();
    for (const Relation* relation : copied_) judge_copied(*relation);
    for (const Sent& sent : sent_) judge_identity(sent);
    for (const Relation& relation : facts_.relations) judge_unsent(relation);
    judge_types();
    for (const OtherList& other : facts_.other_lists) {
      if (const Relation* relation = facts_.relation(other.relation)) {
        add(kind("lists_differ"), *relation,
            "Publication " + change::quote_identifier(other.publication) +
                " has another column list for it: a reader of both at once would stop.",
            "");
      }
    }
  }

 private:
  void add(std::size_t kind, const Relation& relation, std::string message, std::string repair) {
    into_.push_back({kind, name_of(relation), std::move(message), std::move(repair)});
  }

  [[nodiscard]] std::string publication() const { return change::quote_identifier(facts_.publication_name); }

  // src  PostgreSQL, get_rel_sync_entry() of pgoutput
  void find_sent() {
    for (const Relation& relation : facts_.relations) {
      if (relation.kind == 'f' || relation.persistence != 'p') continue;
      const Relation* topmost = nullptr;
      for (const Relation* at = &relation; at != nullptr; at = facts_.relation(at->parent)) {
        if (publication_.all_tables || at->named) topmost = at;
      }
      if (topmost == nullptr) continue;
      const Relation* sent_as = publication_.via_root ? topmost : &relation;
      published_.insert(relation.oid);
      if (relation.kind == 'r') sent_.push_back({&relation, sent_as});
      const bool whole = relation.kind == 'r' || publication_.via_root;
      if (whole && sent_as == &relation) copied_.push_back(&relation);
    }
  }

  void judge_publication() {
    if (published_.empty() && !publication_.all_tables) {
      std::string tables;
      for (const Relation& relation : facts_.relations) {
        if (relation.kind == 'f' || relation.persistence != 'p' || relation.parent != 0) continue;
        tables += (tables.empty() ? "" : ", ") + name_of(relation);
      }
      into_.push_back({kind("publication_empty"), publication(), "It has no table: nothing is sent.",
                       tables.empty() ? "" : "ALTER PUBLICATION " + publication() + " ADD TABLE " + tables + ";"});
    }
    std::string missing;
    const std::pair<bool, const char*> operations[] = {{publication_.inserts, "insert"},
                                                       {publication_.updates, "update"},
                                                       {publication_.deletes, "delete"},
                                                       {publication_.truncates, "truncate"}};
    for (const auto& [sent, word] : operations) {
      if (!sent) missing += (missing.empty() ? "" : ", ") + std::string(word);
    }
    if (!missing.empty()) {
      into_.push_back({kind("operations_missing"), publication(), "It does not send " + missing + ".",
                       "ALTER PUBLICATION " + publication() + " SET (publish = 'insert, update, delete, truncate');"});
    }
    if (publication_.via_root) return;
    std::size_t parents = 0;
    const Relation* example = nullptr;
    for (const Relation& relation : facts_.relations) {
      if (relation.kind != 'p' || !published_.contains(relation.oid) || relation.parent != 0) continue;
      if (parents++ == 0) example = &relation;
    }
    if (parents != 0) {
      into_.push_back({kind("partitions_apart"), publication(),
                       "Rows of " + std::to_string(parents) + " partitioned tables, " + name_of(*example) +
                           " for one, are sent under their partitions' names: each partition becomes a table.",
                       "ALTER PUBLICATION " + publication() + " SET (publish_via_partition_root);"});
    }
  }

  // What is asked of a table under whose name rows are sent.
  void judge_copied(const Relation& relation) {
    const std::string role = change::quote_identifier(facts_.role.name);
    if (!relation.usable && closed_.insert(relation.schema).second) {
      const std::string schema = change::quote_identifier(relation.schema);
      into_.push_back({kind("no_usage"), schema, "This role may not look into the schema: its tables cannot be copied.",
                       "GRANT USAGE ON SCHEMA " + schema + " TO " + role + ";"});
    }
    if (!relation.selectable) {
      add(kind("no_select"), relation, "This role may not read it: it cannot be copied.",
          "GRANT SELECT ON " + name_of(relation) + " TO " + role + ";");
    }
    if (relation.secured) {
      add(kind("row_security"), relation, "Row-level security hides rows from this role: it cannot be copied whole.",
          "ALTER ROLE " + role + " BYPASSRLS;");
    }
    if (relation.filtered) {
      add(kind("row_filter"), relation,
          "Only rows that pass the row filter are sent, and an update across it becomes an insert or a delete.",
          again(relation, true, false));
    }
    judge_generated(relation);
  }

  void judge_generated(const Relation& relation) {
    // With a column list the list has decided.
    if (relation.listed || publication_.generated) return;
    std::string columns;
    bool stored = false;
    for (const auto& [attnum, column] : relation.columns) {
      if (column.generated == 0) continue;
      columns += (columns.empty() ? "" : ", ") + column.name;
      stored = stored || column.generated == 's';
    }
    if (columns.empty()) return;
    const bool can = stored && facts_.server_version >= kGenerated;
    add(kind("generated_column"), relation,
        "Generated columns are not sent (" + columns + ")" + (can ? "." : ": compute them in the warehouse."),
        can ? "ALTER PUBLICATION " + publication() + " SET (publish_generated_columns = stored);" : "");
  }

  // Takes the table out of the publication and in again, with another list or filter: there is no other way to change them.
  [[nodiscard]] std::string again(const Relation& relation, bool keep_list, bool keep_filter,
                                  const std::set<std::string>& more = {}) const {
    if (keep_filter && relation.filtered && relation.filter_text.empty()) return "";
    std::string columns;
    for (const auto& [attnum, column] : relation.columns) {
      const bool listed = std::find(relation.list.begin(), relation.list.end(), attnum) != relation.list.end();
      if (!listed && !more.contains(column.name)) continue;
      columns += (columns.empty() ? " (" : ", ") + change::quote_identifier(column.name);
    }
    const std::string alter = "ALTER PUBLICATION " + publication();
    return "BEGIN; " + alter + " DROP TABLE " + name_of(relation) + "; " + alter + " ADD TABLE " + name_of(relation) +
           (relation.listed && keep_list ? columns + ")" : "") +
           (relation.filtered && keep_filter ? " WHERE (" + relation.filter_text + ")" : "") + "; COMMIT;";
  }

  // The statement that gives a table an identity: its key, an index that can serve, or else the whole row.
  [[nodiscard]] std::string identify(const Sent& sent) const {
    const std::string alter = "ALTER TABLE " + name_of(*sent.relation) + " REPLICA IDENTITY ";
    for (const Index& index : sent.relation->indexes) {
      if (index.serves && index.primary) return alter + "DEFAULT;";
    }
    for (const Index& index : sent.relation->indexes) {
      if (index.serves) return alter + "USING INDEX " + change::quote_identifier(index.name) + ";";
    }
    // The whole row and a column list exclude each other.
    return (sent.sent_as->listed ? again(*sent.sent_as, false, true) + " " : "") + alter + "FULL;";
  }

  void judge_identity(const Sent& sent) {
    const Relation& relation = *sent.relation;
    const Index* index = identity_index(relation);
    if (relation.identity == 'f') {
      const Index* key = primary_key(relation);
      const bool named = sent.sent_as == &relation;
      if (named && key != nullptr && key->serves) {
        add(kind("identity_full"), relation,
            "Its replica identity is the whole row, which makes the log longer, although it has a key.",
            "ALTER TABLE " + name_of(relation) + " REPLICA IDENTITY DEFAULT;");
      } else if (named && key == nullptr) {
        judge_keyless(relation);
      }
    } else if (index == nullptr && (publication_.updates || publication_.deletes)) {
      const char* fails = "the application's UPDATE and DELETE fail (55000).";
      if (relation.identity == 'n') {
        add(kind("identity_nothing"), relation, std::string("Its replica identity is NOTHING: ") + fails,
            identify(sent));
      } else if (relation.identity == 'i') {
        add(kind("identity_index_gone"), relation,
            std::string("The index of its replica identity is gone or cannot serve: ") + fails, identify(sent));
      } else {
        add(kind("no_key"), relation,
            std::string("It has no primary key that can tell its rows apart in the log: ") + fails, identify(sent));
      }
    }
    if (publication_.updates || publication_.deletes) judge_covered(sent, index);
  }

  void judge_keyless(const Relation& relation) {
    for (const Index& index : relation.indexes) {
      if (!index.serves) continue;
      add(kind("keyless"), relation,
          "It has no primary key: the warehouse cannot hold its present rows, only its changes.",
          "ALTER TABLE " + name_of(relation) + " ADD PRIMARY KEY USING INDEX " + change::quote_identifier(index.name) +
              ";");
      return;
    }
    add(kind("keyless"), relation,
        "It has no primary key: the warehouse cannot hold its present rows, only its changes. The statement writes the "
        "whole"
        " table anew.",
        "ALTER TABLE " + name_of(relation) + " ADD COLUMN cdc_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY;");
  }

  // Column list and row filter against the identity: what they lack fails the application's writes.
  void judge_covered(const Sent& sent, const Index* index) {
    const Relation& as = *sent.sent_as;
    const bool full = sent.relation->identity == 'f';
    if (index == nullptr && !full) return;
    // By name: a partition's attributes have other numbers than its root's.
    std::set<std::string> identity;
    if (index != nullptr) identity = names(*sent.relation, index->columns);
    if (as.listed) {
      const std::set<std::string> listed = names(as, as.list);
      std::string missing;
      for (const std::string& column : identity) {
        if (!listed.contains(column)) missing += (missing.empty() ? "" : ", ") + column;
      }
      if (full) {
        const Index* key = primary_key(*sent.relation);
        const std::set<std::string> keys =
            key == nullptr ? std::set<std::string>{} : names(*sent.relation, key->columns);
        const bool by_key =
            key != nullptr && key->serves && std::includes(listed.begin(), listed.end(), keys.begin(), keys.end());
        add(kind("list_misses_identity"), *sent.relation,
            "Its replica identity is the whole row, and the publication has a column list for it: the application's "
            "UPDATE and"
            " DELETE fail (42P10).",
            by_key ? "ALTER TABLE " + name_of(*sent.relation) + " REPLICA IDENTITY DEFAULT;" : again(as, false, true));
      } else if (!missing.empty()) {
        add(kind("list_misses_identity"), *sent.relation,
            "The publication's column list lacks " + missing +
                " of the replica identity: the application's UPDATE and DELETE fail (42P10).",
            again(as, true, true, identity));
      }
    }
    if (!as.filtered || full) return;
    std::string outside;
    for (const std::string& column : names(as, as.filter)) {
      if (!identity.contains(column)) outside += (outside.empty() ? "" : ", ") + column;
    }
    if (outside.empty()) return;
    add(kind("filter_misses_identity"), *sent.relation,
        "The row filter reads " + outside +
            ", which is not of the replica identity: the application's UPDATE and DELETE fail (42P10).",
        as.listed ? again(as, true, false) : "ALTER TABLE " + name_of(*sent.relation) + " REPLICA IDENTITY FULL;");
  }

  static std::set<std::string> names(const Relation& relation, const Attnums& attnums) {
    std::set<std::string> found;
    for (const std::uint32_t attnum : attnums) {
      const auto column = relation.columns.find(attnum);
      if (column != relation.columns.end()) found.insert(column->second.name);
    }
    return found;
  }

  void judge_unsent(const Relation& relation) {
    if (published_.contains(relation.oid)) return;
    const bool of_published = relation.parent != 0 && published_.contains(relation.parent);
    if (relation.kind == 'f') {
      if (of_published) {
        add(kind("foreign_partition"), relation, "Rows of this foreign partition are not sent.",
            "ALTER TABLE " + name_of(*facts_.relation(relation.parent)) + " DETACH PARTITION " + name_of(relation) +
                ";");
      } else {
        add(kind("foreign_table"), relation, "Changes of a foreign table are not in this server's log.", "");
      }
    } else if (relation.persistence == 'u') {
      add(kind("unlogged_table"), relation,
          "Changes of an unlogged table are not in the log. The statement writes the whole table anew.",
          "ALTER TABLE " + name_of(relation) + " SET LOGGED;");
    } else if (relation.parent == 0) {
      add(kind("unpublished_table"), relation, "It is not in the publication.",
          "ALTER PUBLICATION " + publication() + " ADD TABLE " + name_of(relation) + ";");
    }
  }

  void judge_types() {
    std::map<std::string, std::pair<std::size_t, const Relation*>> types;
    for (const OddType& odd : facts_.odd_types) {
      const Relation* relation = facts_.relation(odd.relation);
      if (relation == nullptr || !published_.contains(odd.relation)) continue;
      auto& [tables, example] = types[odd.name];
      if (tables++ == 0) example = relation;
    }
    for (const auto& [name, where] : types) {
      into_.push_back({kind("text_type"), name,
                       "Values of this type only come as text; it is used in " + std::to_string(where.first) +
                           " tables, " + name_of(*where.second) + " for one.",
                       ""});
    }
  }

  const Facts& facts_;
  const Publication& publication_;
  std::vector<Finding>& into_;
  std::vector<Sent> sent_;
  std::vector<const Relation*> copied_;
  std::set<std::uint32_t> published_;
  std::set<std::string> closed_;  // schemas already told about
};

}  // namespace

void judge_tables(const Facts& facts, std::vector<Finding>& into) {
  if (!facts.publication) {
    const std::string name = change::quote_identifier(facts.publication_name);
    into.push_back({kind("publication_missing"), name,
                    "There is no such publication. A slot cannot pass log from before it: make the slot after it.",
                    "CREATE PUBLICATION " + name + " FOR ALL TABLES WITH (publish_via_partition_root);"});
    return;
  }
  Tables(facts, *facts.publication, into).judge();
}

}  // namespace check
