// io: what the process was given. Nothing is kept: a variable is asked for when it is needed.
#include "io/environment.hpp"

#include <cstdlib>

namespace io {

std::optional<std::string> variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

std::string temporary_folder(const char* otherwise) {
  const std::optional<std::string> folder = variable("TMPDIR");
  return folder && !folder->empty() ? *folder : otherwise;
}

}  // namespace io
