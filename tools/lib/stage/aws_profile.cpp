// stage: AWS's two shared files. See aws_credentials.hpp. Both are read as botocore reads them: sections in brackets, `name = value`, and
// what is indented belongs to the name above it.
// Knows the names that matter to a bucket; must not know what else profiles are used for.
#include <algorithm>

#include "crypto/digest.hpp"
#include "io/file.hpp"
#include "stage/aws_credentials.hpp"

namespace stage {
namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r";
  const std::size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

// `[profile x]`, `[profile "x"]` and `[default]` of the config file, `[x]` of the credentials file.
bool names_profile(std::string_view section, std::string_view profile, bool is_config) {
  if (is_config && section != "default") {
    constexpr std::string_view kWord = "profile";
    if (!section.starts_with(kWord) || section.size() == kWord.size()) return false;
    const char behind = section[kWord.size()];
    if (behind != ' ' && behind != '\t') return false;
    section = trimmed(section.substr(kWord.size()));
    if (section.size() >= 2 && section.front() == '"' && section.back() == '"') {
      section = section.substr(1, section.size() - 2);
    }
  }
  return section == profile;
}

void read_profile(const std::string& path, std::string_view profile, bool is_config, AwsProfile& into) {
  if (path.empty()) return;
  std::string text = io::read_file(path).value_or("");
  bool is_mine = false;
  bool has_name = false;  // above, for an indented line to belong to
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    const std::string_view words = trimmed(line);
    if (words.empty() || words.front() == '#' || words.front() == ';') continue;
    const std::size_t equals = words.find('=');
    if (words.front() == '[') {
      is_mine = names_profile(trimmed(words.substr(1, words.find(']') - 1)), profile, is_config);
      has_name = false;
    } else if (equals != std::string_view::npos && (line.front() == words.front() || !has_name)) {
      has_name = true;
      if (is_mine) into[std::string(trimmed(words.substr(0, equals)))] = trimmed(words.substr(equals + 1));
    }
  }
  crypto::wipe(text);
}

}  // namespace

AwsProfile aws_profile(const Variable& variable) {
  const auto value = [&](const char* name) { return variable(name).value_or(""); };
  const std::string home = value("HOME");
  const auto path = [&](const char* name, const char* usual) {
    const std::string said = value(name);
    return !said.empty() ? said : home.empty() ? "" : home + usual;
  };
  std::string profile = value("AWS_PROFILE");
  if (profile.empty()) profile = "default";
  AwsProfile names;
  read_profile(path("AWS_CONFIG_FILE", "/.aws/config"), profile, true, names);
  read_profile(path("AWS_SHARED_CREDENTIALS_FILE", "/.aws/credentials"), profile, false, names);
  return names;
}

}  // namespace stage
