// policy: pins, compared, remembered, read and written. Must not let doubt pass: what is not proven is another column. Pure.
#include "policy/pins.hpp"

#include <array>

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

}  // namespace

Standing standing_of(const TablePins& pins, const change::Column& column) {
  if (!column.bind) return Standing::replaced;
  const auto pin = pins.columns.find(column.name);
  if (pin == pins.columns.end()) {
    return pins.all_binds_known && !pins.binds.contains(*column.bind) ? Standing::same : Standing::replaced;
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
      pins.all_binds_known = false;
    }
  }
}

void add_others(TablePins& pins, const TablePins& others) {
  for (const auto& [name, pin] : others.columns) pins.columns.insert_or_assign(name, pin);
  pins.binds.insert(others.binds.begin(), others.binds.end());
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
    const std::optional<std::string> bind = fields[3] == "-" ? std::nullopt : std::optional<std::string>(fields[3]);
    if (bind) {
      pins.binds.insert(*bind);
    } else {
      pins.all_binds_known = false;
    }
    if (fields[2] == "-") continue;
    if (!pins.columns.emplace(*column, Pin{bind, std::string(fields[4])}).second) bad("the column has a pin already");
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
      bool unknown = false;
      for (const auto& [column, pin] : pins.columns) {
        line(escaped(column), pin.bind.value_or("-"), pin.type);
        if (pin.bind) {
          accepted.insert(*pin.bind);
        } else {
          unknown = true;
        }
      }
      for (const std::string& bind : pins.binds) {
        if (!accepted.contains(bind)) line("-", bind, "-");
      }
      if (!pins.all_binds_known && !unknown) line("-", "-", "-");
    }
  }
  return text;
}

}  // namespace policy
