// pg: libpq behind a small interface. This file: whether a publication still has what it had. A table that leaves its publication leaves
// the stream without a word, so somebody has to look, and to remember across runs. Knows the publication's catalogs; must not know what
// is read, nor where a memory is kept.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "pg/connection.hpp"

namespace pg {

/// What a publication names, and which operations it sends.
struct PublicationContent {
  /// A table or schema that it names.
  struct Entry {
    std::string oid;     ///< of the catalog's row that says so: another one when it was taken out and put back
    std::string limits;  ///< stands for the column list and row filter; changing them makes a new catalog row too
    std::string what;    ///< as SQL calls it: `TABLE public.t`
    bool operator==(const Entry&) const = default;
  };
  std::string oid;  ///< empty: there is no such publication
  bool all_tables = false;
  std::map<std::string, bool> operations;  ///< `insert`, `update`, `delete`, `truncate`: sent or not
  std::map<std::string, Entry> named;      ///< by kind and oid: `t16400`, `n2200`
  bool operator==(const PublicationContent&) const = default;
};

/// One JSON object, one line.
[[nodiscard]] std::string encode(const PublicationContent& content);
/// err  data/bad_json, data/missing_key
[[nodiscard]] PublicationContent decode_publication(std::string_view text);

/// Remembers what a publication has, and looks whether it still does.
class PublicationWatch {
 public:
  /// in   session      a plain session; kept, and must outlive this object
  ///      publication  which exists
  ///      forget       for people: what makes this watch accept the publication as it is, `rm FILE`
  PublicationWatch(Connection& session, std::string publication, std::string forget);

  /// What it had when last looked at.
  [[nodiscard]] const PublicationContent& content() const { return had_; }
  /// Looks again.
  ///
  /// in   before  what it had when an earlier run last looked, to be compared in place of what this one saw
  /// err  refused/publication_missing when it was dropped, refused/table_unpublished when a table or schema that is still there was
  ///      taken out of it, also when it has been put back, refused/operations_missing when it sends less than before; each with the
  ///      command that repairs it
  void look();
  void look(const PublicationContent& before);

 private:
  [[nodiscard]] PublicationContent read();
  [[nodiscard]] bool exists(const std::string& key);

  Connection& session_;
  std::string publication_;
  std::string forget_;
  PublicationContent had_;
};

}  // namespace pg
