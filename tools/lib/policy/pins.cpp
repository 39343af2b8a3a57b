// policy: pins, compared, remembered, read and written. Must not let doubt pass: what is not proven is another column. Pure.
#include "policy/pins.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "base/failure.hpp"

namespace policy {
namespace {

constexpr std::string_view kHead =
    "# pgcdc pins: source, table, column, what it is, its type. Written by cdc-mask and cdc-policy accept; see "
    "cdc-policy(5).\n";

// A name in a field: as it is, but for what ends fields and lines.
std::string escaped(std::string_view name) {
  std::string text;
  for (const char c : name) {
    if (c == '\\' || c == '\t' || c == '\n') {
      text.push_back('\\');
      text.push_back(c == '\\' ? '\\' : c == '\t' ? 't' : 'n');
    } else {
      text.push_back(c);
    }
  }
  // A name that is a dash is not the sign for none.
  return text == "-" ? "\\-" : text;
}

std::optional<std::string> unescaped(std::string_view field) {
  std::string name;
  for (std::size_t i = 0; i < field.size(); ++i) {
    if (field[i] != '\\') {
      name.push_back(field[i]);
      continue;
    }
    if (++i == field.size() || std::string_view("\\tn-").find(field[i]) == std::string_view::npos) return std::nullopt;
    name.push_back(field[i] == 't' ? '\t' : field[i] == 'n' ? '\n' : field[i]);
  }
  return name;
}

constexpr std::uint32_t kAny = std::numeric_limits<std::uint32_t>::max();

// A whole number that is all of the text.
std::optional<std::uint32_t> number_of(std::string_view text) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// `RELID.REST`
std::optional<std::pair<std::uint32_t, std::string_view>> split(std::string_view bind) {
  const std::size_t dot = bind.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const auto relid = number_of(bind.substr(0, dot));
  if (!relid) return std::nullopt;
  return std::pair{*relid, bind.substr(dot + 1)};
}

// No column that was ever seen in the table under another name can have been this one.
bool is_new(const TablePins& pins, const std::string& name, const std::string& bind) {
  if (!pins.all_binds_known || pins.binds.contains(bind)) return false;
  const auto parts = split(bind);
  const auto number = parts ? number_of(parts->second) : std::nullopt;
  return std::all_of(pins.unknown.begin(), pins.unknown.end(), [&](const auto& seen) {
    const auto& [where, until] = seen;
    if (parts && parts->first != where.first) return true;
    return where.second == name || (number && *number > until);
  });
}

void add_unknown(TablePins& pins, std::uint32_t relid, const std::string& name, std::uint32_t until) {
  std::uint32_t& greatest = pins.unknown[{relid, name}];
  greatest = std::max(greatest, until);
}

// The sign for one of the first columns of a relation.
constexpr std::string_view kFrom = "1-";

std::string unknown_text(std::uint32_t relid, std::uint32_t until) {
  return std::to_string(relid) + "." + std::string(kFrom) + (until == kAny ? "*" : std::to_string(until));
}

// out  nothing: the text is no such sign
std::optional<std::pair<std::uint32_t, std::uint32_t>> read_unknown(std::string_view text) {
  const auto parts = split(text);
  if (!parts || !parts->second.starts_with(kFrom)) return std::nullopt;
  const std::string_view until = parts->second.substr(kFrom.size());
  const auto number = until == "*" ? std::optional(kAny) : number_of(until);
  if (!number) return std::nullopt;
  return std::pair{parts->first, *number};
}

}  // namespace

Standing standing_of(const TablePins& pins, const change::Column& column) {
  if (!column.bind) return Standing::replaced;
  const auto pin = pins.columns.find(column.name);
  if (pin == pins.columns.end()) {
    return is_new(pins, column.name, *column.bind) ? Standing::same : Standing::replaced;
  }
  if (pin->second.bind != column.bind) return Standing::replaced;
  return pin->second.type == column.type ? Standing::same : Standing::retyped;
}

void remember(TablePins& pins, const change::Schema& schema, bool first) {
  for (const change::Column& column : schema.columns) {
    if (!pins.columns.contains(column.name) && (first || standing_of(pins, column) == Standing::same)) {
      pins.columns.emplace(column.name, Pin{column.bind, column.type});
    }
  }
  for (const change::Column& column : schema.columns) {
    if (column.bind) {
      pins.binds.insert(*column.bind);
    } else {
      add_unknown(pins, schema.relid.value, column.name, column.greatest_attnum.value_or(kAny));
    }
  }
}

void add_others(TablePins& pins, const TablePins& others) {
  for (const auto& [name, pin] : others.columns) pins.columns.insert_or_assign(name, pin);
  pins.binds.insert(others.binds.begin(), others.binds.end());
  for (const auto& [where, until] : others.unknown) add_unknown(pins, where.first, where.second, until);
  pins.all_binds_known = pins.all_binds_known && others.all_binds_known;
}

void PinBook::add_others(const PinBook& others) {
  for (const auto& [source, tables] : others.sources_) {
    for (const auto& [name, pins] : tables) policy::add_others(sources_[source][name], pins);
  }
}

PinBook PinBook::read(std::string_view text, const std::string& file_name) {
  PinBook book;
  std::size_t number = 0;
  const auto bad = [&](const char* what) {
    throw base::Failure(base::Exit::usage, "bad_pins", file_name + ":" + std::to_string(number) + ": " + what);
  };
  while (!text.empty()) {
    ++number;
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) bad("the last line has no end: the file may have been cut");
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    if (line.empty() || line.starts_with('#')) continue;
    std::array<std::string_view, 5> fields;
    for (std::size_t i = 0; i < fields.size(); ++i) {
      const std::size_t tab = line.find('\t');
      if ((tab == std::string_view::npos) != (i + 1 == fields.size())) {
        bad("a pin has five fields with one tab between them: source, table, column, bind, type");
      }
      fields[i] = line.substr(0, tab);
      if (fields[i].empty()) bad("a field is empty");
      line.remove_prefix(tab == std::string_view::npos ? line.size() : tab + 1);
    }
    const auto table = unescaped(fields[1]);
    const auto column = unescaped(fields[2]);
    if (!table || !column) bad("a name holds a backslash that stands for nothing");
    TablePins& pins = book.of(std::string(fields[0]))[*table];
    if (const auto unknown = fields[4] == "-" && fields[2] != "-" ? read_unknown(fields[3]) : std::nullopt) {
      add_unknown(pins, unknown->first, *column, unknown->second);
      continue;
    }
    const std::optional<std::string> bind = fields[3] == "-" ? std::nullopt : std::optional<std::string>(fields[3]);
    if (bind) pins.binds.insert(*bind);
    if (fields[2] == "-") {
      if (!bind) pins.all_binds_known = false;
      continue;
    }
    if (!pins.columns.emplace(*column, Pin{bind, std::string(fields[4])}).second) bad("the column has a pin already");
  }
  // A name for a column of which nobody could say which it was, and no line that says what it may have been.
  for (auto& [source, tables] : book.sources_) {
    for (auto& [table, pins] : tables) {
      const bool any =
          std::any_of(pins.columns.begin(), pins.columns.end(), [](const auto& of) { return !of.second.bind; });
      if (any && pins.unknown.empty()) pins.all_binds_known = false;
    }
  }
  return book;
}

std::string PinBook::text() const {
  std::string text(kHead);
  for (const auto& [source, tables] : sources_) {
    for (const auto& [table, pins] : tables) {
      const auto line = [&, source = &source, table = escaped(table)](
                            const std::string& column, const std::string& bind, const std::string& type) {
        text += *source + "\t" + table + "\t" + column + "\t" + bind + "\t" + type + "\n";
      };
      std::set<std::string> accepted;
      for (const auto& [column, pin] : pins.columns) {
        line(escaped(column), pin.bind.value_or("-"), pin.type);
        if (pin.bind) accepted.insert(*pin.bind);
      }
      for (const std::string& bind : pins.binds) {
        if (!accepted.contains(bind)) line("-", bind, "-");
      }
      for (const auto& [where, until] : pins.unknown)
        line(escaped(where.second), unknown_text(where.first, until), "-");
      if (!pins.all_binds_known) line("-", "-", "-");
    }
  }
  return text;
}

}  // namespace policy
