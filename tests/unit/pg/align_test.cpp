// Which attribute a column is: every proof must hold in every history that could have led to what is seen. The last test
// makes such histories and compares.
#include "pg/align.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace {

using pg::Candidate;
using pg::Presence;
constexpr auto certain = Presence::certain;
constexpr auto always = Presence::always;
constexpr auto perhaps = Presence::perhaps;
constexpr auto never = Presence::never;

// out  the greatest that each column can be, counted from 1, a dash where it can be any
std::string greatest(const std::vector<std::string_view>& columns, const std::vector<Candidate>& candidates) {
  std::string text;
  for (const auto& found : pg::align(columns, candidates)) {
    if (!text.empty()) text += ' ';
    text += found.greatest ? std::to_string(*found.greatest + 1) : "-";
  }
  return text;
}

// out  attnums, counted from 1, a dash where nothing is proven: "1 - 3"
std::string attnums(const std::vector<std::string_view>& columns, const std::vector<Candidate>& candidates) {
  std::string text;
  for (const auto& found : pg::align(columns, candidates)) {
    if (!text.empty()) text += ' ';
    text += found.proven ? std::to_string(*found.proven + 1) : "-";
    EXPECT_TRUE(!found.proven || found.greatest == found.proven);
  }
  return text;
}

TEST(Align, ATableWithoutDroppedColumnsIsProvenWhole) {
  EXPECT_EQ(attnums({"a", "b", "c"}, {{"a"}, {"b"}, {"c"}}), "1 2 3");
}
TEST(Align, AColumnAddedLaterDoesNotMatter) { EXPECT_EQ(attnums({"a", "b"}, {{"a"}, {"b"}, {"c"}}), "1 2"); }
TEST(Align, ARenameIsProven) { EXPECT_EQ(attnums({"a", "old"}, {{"a"}, {"new"}}), "1 2"); }

TEST(Align, AColumnDroppedSinceIsProvenByCounting) {
  EXPECT_EQ(attnums({"a", "b", "c"}, {{"a"}, {"", perhaps}, {"c"}}), "1 2 3");
}
TEST(Align, AColumnKnownToHaveBeenAliveSettlesWhichOneIsGone) {
  EXPECT_EQ(attnums({"a", "c"}, {{"a"}, {"", perhaps}, {"c", certain}}), "1 3");
  EXPECT_EQ(attnums({"a", "old"}, {{"a"}, {"", perhaps}, {"new", certain}, {"later"}}), "1 3");
  EXPECT_EQ(attnums({"a", "b", "c"}, {{"a"}, {"", perhaps}, {"", perhaps}, {"d", certain}}), "1 - 4");
}
TEST(Align, AColumnThatKeptItsNameIsAnAnchor) {
  // a and b lie before c, whatever came later.
  EXPECT_EQ(attnums({"id", "a", "b", "c"}, {{"id", certain, true}, {"", perhaps}, {"z"}, {"c", certain, true}, {"d"}}),
            "1 2 3 4");
  EXPECT_EQ(
      attnums({"id", "a", "c"}, {{"id", certain, true}, {"", perhaps}, {"", perhaps}, {"c", certain, true}, {"d"}}),
      "1 - 4");
  EXPECT_EQ(attnums({"id", "a", "b"}, {{"id", certain, true}, {"", perhaps}, {"c", certain, true}}), "- - -");
}
TEST(Align, AMessageWithoutAColumnThatMustBeThereBindsNothing) {
  EXPECT_EQ(attnums({"a"}, {{"a"}, {"b", certain}}), "-");
}
TEST(Align, DropAndAddIsNotTakenForTheOldColumn) {
  // Was `note` attribute 2, or is it 3 already?
  EXPECT_EQ(attnums({"id", "note"}, {{"id"}, {"", perhaps}, {"note"}}), "1 -");
  EXPECT_EQ(greatest({"id", "note"}, {{"id"}, {"", perhaps}, {"note"}, {"later"}}), "1 3");
  EXPECT_EQ(greatest({"id", "note", "new"}, {{"id"}, {"", perhaps}, {"note"}, {"new"}, {"later"}}), "1 3 4");
  // What is left over says nothing.
  EXPECT_EQ(greatest({"a"}, {{"a"}, {"b", certain}}), "-");
}
TEST(Align, DropNoteThenRenameSecretToNoteIsNotTakenForNote) {
  // id, note(2), secret(3): drop note, rename secret to note. A message from before has three columns, one from after two.
  EXPECT_EQ(attnums({"id", "note", "secret"}, {{"id"}, {"", perhaps}, {"note"}}), "1 2 3");
  EXPECT_EQ(attnums({"id", "note"}, {{"id"}, {"", perhaps}, {"note"}}), "1 -");
}
TEST(Align, AColumnDroppedBeforeTheSlotsHorizonDoesNotMatter) {
  EXPECT_EQ(attnums({"id", "note"}, {{"id"}, {"", never}, {"note"}}), "1 3");
}
TEST(Align, AColumnThatIsNotPublishedDoesNotMatter) {
  EXPECT_EQ(attnums({"id", "note"}, {{"id"}, {"generated", never}, {"note"}}), "1 3");
}
TEST(Align, AGeneratedColumnMadePlainSinceIsNoticedByItsName) {
  // When the message was written, attribute 2 was generated and not sent.
  EXPECT_EQ(attnums({"id", "note"}, {{"id"}, {"twice"}, {"note"}}), "- -");
}
TEST(Align, AMessageThatTheCatalogCannotExplainBindsNothing) {
  EXPECT_EQ(attnums({"a", "b", "c"}, {{"a"}, {"b"}}), "- - -");
  EXPECT_EQ(attnums({"a"}, {}), "-");
  EXPECT_EQ(attnums({}, {{"a"}}), "");
}
TEST(Align, WithSeveralDroppedColumnsOnlyWhatIsCertainIsBound) {
  EXPECT_EQ(attnums({"a", "b", "c"}, {{"a"}, {"", perhaps}, {"", perhaps}, {"d"}, {"e"}}), "1 - -");
  EXPECT_EQ(attnums({"a", "b", "c", "d", "e"}, {{"a"}, {"", perhaps}, {"", perhaps}, {"d"}, {"e"}}), "1 2 3 4 5");
}

// Random histories of one table: columns are added, dropped and renamed; at some moment a message is written, later the catalog
// is read. Whatever align() binds must be what the column was.
TEST(Align, NeverBindsWrongly) {
  std::mt19937 random(20240229);
  const auto pick = [&](std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random); };
  const std::vector<std::string> names = {"a", "b", "c", "d"};
  std::size_t bound = 0;
  std::size_t bounded = 0;
  for (int round = 0; round < 50'000; ++round) {
    struct Column {
      std::string name;
      bool dropped = false;
      bool dropped_before_message = false;
      bool in_message = false;
      std::string name_then = "";
    };
    std::vector<Column> columns = {{"id"}};
    const auto taken = [&](const std::string& name) {
      for (const auto& column : columns) {
        if (!column.dropped && column.name == name) return true;
      }
      return false;
    };
    const auto change_something = [&](bool before_message) {
      const std::string name = names[pick(names.size())];
      Column& column = columns[pick(columns.size())];
      switch (pick(3)) {
        case 0:
          if (!taken(name)) columns.push_back({name});
          break;
        case 1:
          if (!column.dropped) column.dropped_before_message = before_message;
          column.dropped = true;
          break;
        default:
          if (!taken(name) && !column.dropped) column.name = name;
      }
    };
    for (std::size_t i = pick(6); i > 0; --i) change_something(true);
    std::vector<std::string> message;
    std::vector<std::size_t> truth;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (columns[i].dropped) continue;
      message.push_back(columns[i].name);
      truth.push_back(i);
      columns[i].in_message = true;
      columns[i].name_then = columns[i].name;
    }
    for (std::size_t i = pick(5); i > 0; --i) change_something(false);
    std::vector<Candidate> candidates;
    for (const auto& column : columns) {
      const bool known_gone = column.dropped_before_message && pick(2) == 0;  // the horizon knows some of them
      // Of those that stood in the message some are known to, and of those some are known to have kept their name.
      const bool known = !column.dropped && column.in_message && pick(3) == 0;
      const bool same_name = known && column.name == column.name_then && pick(2) == 0;
      Candidate candidate{column.dropped ? std::string_view() : std::string_view(column.name), always, same_name};
      if (known) candidate.presence = certain;
      if (column.dropped) candidate.presence = known_gone ? never : perhaps;
      candidates.push_back(candidate);
    }
    const std::vector<std::string_view> names_of_message(message.begin(), message.end());
    const auto found = pg::align(names_of_message, candidates);
    for (std::size_t c = 0; c < found.size(); ++c) {
      ASSERT_LE(truth[c], found[c].greatest.value_or(columns.size()));
      bounded += !found[c].proven && found[c].greatest && *found[c].greatest + 1 < columns.size() ? 1U : 0U;
      if (!found[c].proven) continue;
      ++bound;
      ASSERT_EQ(*found[c].proven, truth[c]);
    }
  }
  EXPECT_GT(bound, 10'000U);
  EXPECT_GT(bounded, 1'000U);
}

}  // namespace
