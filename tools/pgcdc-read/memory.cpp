// pgcdc-read: the file ACK.publication. See memory.hpp.
#include "pgcdc-read/memory.hpp"

#include "base/failure.hpp"
#include "io/file.hpp"

namespace reader {

PublicationMemory::PublicationMemory(const std::string& ack) : path_(ack.empty() ? "" : ack + ".publication") {}

std::optional<pg::PublicationContent> PublicationMemory::recall() {
  if (path_.empty()) return std::nullopt;
  const std::optional<std::string> text = io::read_file(path_);
  if (!text) return std::nullopt;
  text_ = *text;
  try {
    return pg::decode_publication(text_);
  } catch (const base::Failure& failure) {
    throw base::Failure(base::Exit::refused, "bad_memory",
                        path_ + " is not what pgcdc-read writes (" + failure.what() + "); repair: " + forget());
  }
}

void PublicationMemory::remember(const pg::PublicationContent& content) {
  if (path_.empty()) return;
  std::string text = pg::encode(content);
  if (text == text_) return;
  io::replace_file(path_, text);
  text_ = std::move(text);
}

}  // namespace reader
