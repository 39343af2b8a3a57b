// stage: notes of what is lost: `lost/log/FROM-TO.json` of a range, `lost/OBJECT.json` of an object. A note comes before whatever goes on
// because of it, so that a copy which lacks something is never taken for whole.
#include "stage/losses.hpp"

#include <algorithm>

#include "base/failure.hpp"
#include "json/tokens.hpp"
#include "json/write.hpp"
#include "stage/names.hpp"

namespace stage {

base::Lsn Losses::complete_from(std::string_view table) const {
  base::Lsn from;
  for (const auto& [begin, end] : ranges) from = std::max(from, end);
  for (const auto& [object, lost] : objects) {
    if (lost.table == table) from = std::max(from, lost.to);
  }
  return from;
}

Losses read_losses(Log& log) {
  Losses losses;
  for (const std::string& name : log.store().list(log.full_name("lost"))) {
    const auto text = log.store().read(name);
    if (!text) continue;
    try {
      json::Tokenizer tokenizer;
      const json::Value note(tokenizer.tokens_of_copy(*text), 0);
      const auto to = base::parse_lsn(note.text("to"));
      if (!to) throw base::Failure(base::Exit::data, "bad_lsn", "key 'to' is no log position");
      if (note.find("object") != nullptr) {
        losses.objects[note.text("object")] = {note.text("table"), *to};
      } else {
        base::Lsn& end = losses.ranges[base::parse_lsn(note.text("from")).value_or(base::Lsn{})];
        end = std::max(end, *to);
      }
    } catch (const base::Failure& failure) {
      if (failure.exit != base::Exit::data) throw;
      throw base::Failure(base::Exit::refused, "broken_stage",
                          "object " + name + " of the stage is not what it should be: " + failure.message);
    }
  }
  return losses;
}

void note_lost_range(Log& log, base::Lsn from, base::Lsn to) {
  static_cast<void>(log.store().put_if_absent(
      log.full_name(lost_object("log/" + encode_lsn(from) + "-" + encode_lsn(to))), encode_lost(from, to, "") + "\n"));
}

void note_lost_object(Log& log, const std::string& object, const LostObject& lost) {
  std::string text;
  json::ObjectWriter(text).text("object", object).text("table", lost.table).text("to", base::format(lost.to)).close();
  static_cast<void>(log.store().put_if_absent(log.full_name(lost_object(object)), text + "\n"));
}

}  // namespace stage
