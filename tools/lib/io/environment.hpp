// io: what the process was given by whoever started it. Knows the environment.
// Must not know which variable means what.
#pragma once

#include <optional>
#include <string>

namespace io {

/// The value of an environment variable; nothing when it is not set.
[[nodiscard]] std::optional<std::string> variable(const char* name);

/// TMPDIR, or what stands for it when it is not set or empty.
[[nodiscard]] std::string temporary_folder(const char* otherwise = "/tmp");

}  // namespace io
