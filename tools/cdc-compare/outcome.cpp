// cdc-compare: what was found, as text. A table that could not be compared is never called equal.
#include "cdc-compare/outcome.hpp"

#include "json/write.hpp"

namespace cdc_compare {
namespace {

std::string joined(const std::vector<std::string>& key) {
  std::string text;
  for (const std::string& part : key) text += (&part == &key.front() ? "" : ",") + part;
  return text;
}

constexpr std::size_t kNameWidth = 34;
constexpr std::size_t kNumberWidth = 10;

std::string padded(std::string text, std::size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text;
}

}  // namespace

std::string text_head() {
  return padded("table", kNameWidth) + "      equal     moved   missing   differs   unknown     extra\n";
}

std::string as_text(const std::string& table, const warehouse::Compared& compared) {
  std::string text = padded(table, kNameWidth) + " ";
  for (const std::uint64_t rows :
       {compared.equal, compared.moved, compared.missing, compared.differs, compared.unknown, compared.extra}) {
    const std::string digits = std::to_string(rows);
    text += std::string(digits.size() < kNumberWidth ? kNumberWidth - digits.size() : 1, ' ') + digits;
  }
  text += compared.is_equal()        ? "  equal\n"
          : compared.trouble.empty() ? "  DIFFERENT\n"
                                     : "  NOT COMPARED: " + compared.trouble + "\n";
  for (const warehouse::Suspect& suspect : compared.suspects)
    text += "    " + suspect.verdict + ": " + joined(suspect.key) + "\n";
  return text;
}

std::string as_json(const std::string& table, const warehouse::Compared& compared, const Copied& copied) {
  std::string text;
  json::ObjectWriter object(text);
  object.text("table", table)
      .boolean("is_equal", compared.is_equal())
      .text("from_lsn", base::format(copied.copy))
      .text("to_lsn", base::format(copied.high));
  object.number("equal", compared.equal)
      .number("moved", compared.moved)
      .number("missing", compared.missing)
      .number("differs", compared.differs);
  object.number("unknown", compared.unknown).number("extra", compared.extra);
  std::string keys = "[";
  for (const warehouse::Suspect& suspect : compared.suspects) {
    keys += keys.size() > 1 ? "," : "";
    json::ObjectWriter one(keys);
    one.text("verdict", suspect.verdict).text("key", joined(suspect.key)).close();
  }
  object.raw("suspects", keys + "]").text("trouble", compared.trouble);
  object.close();
  return text + "\n";
}

}  // namespace cdc_compare
