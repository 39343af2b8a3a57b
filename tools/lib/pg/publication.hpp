// pg: libpq behind a small interface. This file: whether a publication still has what it had. A table that leaves its publication leaves
// the stream without a word, so somebody has to look. Knows the publication's catalogs; must not know what is read.
#pragma once

#include <map>
#include <string>

#include "pg/connection.hpp"

namespace pg {

/// Remembers what a publication names, and which operations it sends.
class PublicationWatch {
 public:
  /// in   session      a plain session; kept, and must outlive this object
  ///      publication  which exists
  PublicationWatch(Connection& session, std::string publication);

  /// Looks again.
  ///
  /// err  refused/publication_missing when it was dropped, refused/table_unpublished when a table or schema that is still there was
  ///      taken out of it, refused/operations_missing when it sends less than before; each with the command that repairs it
  void look();

 private:
  struct Content {
    std::string oid;
    bool all_tables = false;
    std::map<std::string, std::string> operations;  ///< word to `t` or `f`
    std::map<std::string, std::string> named;       ///< `t16400`, `n2200` to what SQL calls it
  };
  [[nodiscard]] Content read();
  [[nodiscard]] bool exists(const std::string& key);

  Connection& session_;
  std::string publication_;
  Content had_;
};

}  // namespace pg
