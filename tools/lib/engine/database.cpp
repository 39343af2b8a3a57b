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

std::size_t Numbered::place(int at) const {
  const auto number = static_cast<std::size_t>(at);
  return number < places.size() ? places[number] : 0;
}

Numbered number_parameters(std::string_view sql, std::string (*write)(std::size_t place)) {
  Numbered out;
  std::size_t used = 0;
  char quote = 0;
  for (std::size_t i = 0; i < sql.size(); ++i) {
    const char c = sql[i];
    if (quote != 0 || c == '\'' || c == '"') {
      quote = quote == 0 ? c : quote == c ? '\0' : quote;
      out.sql.push_back(c);
      continue;
    }
    if (c != '?' || i + 1 >= sql.size() || sql[i + 1] < '0' || sql[i + 1] > '9') {
      out.sql.push_back(c);
      continue;
    }
    std::size_t number = 0;
    while (i + 1 < sql.size() && sql[i + 1] >= '0' && sql[i + 1] <= '9') {
      number = number * 10 + static_cast<std::size_t>(sql[++i] - '0');
    }
    if (out.places.size() <= number) out.places.resize(number + 1);
    if (out.places[number] == 0) out.places[number] = ++used;
    out.sql += write(out.places[number]);
  }
  return out;
}

std::string quote_name(std::string_view name) { return quoted(name, '"'); }
std::string quote_text(std::string_view text) { return quoted(text, '\''); }

}  // namespace engine
