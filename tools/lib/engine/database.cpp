// engine: what the interface does itself: parameters and quotes.
#include "engine/database.hpp"

#include "base/failure.hpp"

namespace engine {
namespace {

std::string quoted(std::string_view text, char sign) {
  std::string out(1, sign);
  for (const char c : text) {
    if (c == sign) out.push_back(sign);
    out.push_back(c);
  }
  out.push_back(sign);
  return out;
}

}  // namespace

std::int64_t Database::last_row() const {
  throw base::Failure(base::Exit::bug, "no_last_row", "this engine does not number rows");
}

std::unique_ptr<Bulk> Database::bulk(const std::string&, const std::vector<ScratchColumn>&, std::string_view) {
  throw base::Failure(base::Exit::bug, "no_bulk", "this engine takes row by row");
}

std::string rewrite_parameters(std::string_view sql, std::string (*write)(std::size_t number)) {
  std::string out;
  char quote = 0;
  for (std::size_t i = 0; i < sql.size(); ++i) {
    const char c = sql[i];
    if (quote != 0 || c == '\'' || c == '"') {
      quote = quote == 0 ? c : quote == c ? 0 : quote;
      out.push_back(c);
      continue;
    }
    if (c != '?' || i + 1 >= sql.size() || sql[i + 1] < '0' || sql[i + 1] > '9') {
      out.push_back(c);
      continue;
    }
    std::size_t number = 0;
    while (i + 1 < sql.size() && sql[i + 1] >= '0' && sql[i + 1] <= '9') {
      number = number * 10 + static_cast<std::size_t>(sql[++i] - '0');
    }
    out += write(number);
  }
  return out;
}

std::string quote_name(std::string_view name) { return quoted(name, '"'); }
std::string quote_text(std::string_view text) { return quoted(text, '\''); }

}  // namespace engine
