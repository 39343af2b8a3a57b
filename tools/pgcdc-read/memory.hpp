// pgcdc-read: what is remembered from run to run: the publication as it was last seen, in the file ACK.publication beside the ack file.
// Without it a table that was out of the publication while nobody read would be missed by nobody. Knows that file; must not know what
// makes two publications differ.
#pragma once

#include <optional>
#include <string>

#include "pg/publication.hpp"

namespace reader {

class PublicationMemory {
 public:
  /// in   ack  path of the ack file; empty: nothing is remembered
  explicit PublicationMemory(const std::string& ack);

  /// What makes the publication be accepted as it is: a command for people.
  [[nodiscard]] std::string forget() const { return "rm " + path_; }
  /// out  what an earlier run remembered; nothing when there was none
  /// err  refused/bad_memory when the file holds something else; denied/permission, retry/file_failed
  [[nodiscard]] std::optional<pg::PublicationContent> recall();
  /// Durable when it returns. Writes only what is new.
  /// err  retry/disk_full, retry/file_failed, denied/permission
  void remember(const pg::PublicationContent& content);

 private:
  std::string path_;  ///< empty: none
  std::string text_;  ///< what the file holds
};

}  // namespace reader
