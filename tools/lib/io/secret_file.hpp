// io: files that hold a secret: read only when nobody else can, created so that nobody else ever could.
// Knows modes and descriptors.
// Must not know what the secret is for.
#pragma once

#include <string>
#include <string_view>

namespace io {

/// Reads a secrets file, or a pipe given as /dev/fd/N.
///
/// out  its whole content, in one piece of memory that the caller wipes
/// err  denied/secret_exposed when its group or others have any right to it; usage/no_file; denied/permission;
///      retry/file_failed
[[nodiscard]] std::string read_secret(const std::string& path);

/// Creates a secrets file, mode 0600 whatever the umask, durable when it returns.
///
/// out  false when a file of that name exists (left as it is)
/// err  as io/file.hpp
[[nodiscard]] bool create_secret(const std::string& path, std::string_view content);

/// Puts another content in the place of a secrets file, whole and durable, mode 0600.
///
/// err  refused/file_exists when PATH.new is there: somebody else is at it, or was killed; as io/file.hpp
void replace_secret(const std::string& path, std::string_view content);

}  // namespace io
