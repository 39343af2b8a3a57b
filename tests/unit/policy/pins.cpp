// Promises of pins: what is not proven is another column, and the file brings back exactly what was known.
#include "policy/pins.hpp"

#include <gtest/gtest.h>

#include "base/failure.hpp"

namespace {

using policy::PinBook;
using policy::Standing;
using policy::standing_of;

change::Column column(const char* name, const char* bind, const char* type = "text") {
  change::Column made;
  made.name = name;
  made.type = type;
  if (bind != nullptr) made.bind = bind;
  return made;
}

change::Column unproven(const char* name, std::uint32_t greatest) {
  change::Column made = column(name, nullptr);
  made.greatest_attnum = greatest;
  return made;
}

change::Schema schema(std::vector<change::Column> columns) {
  change::Schema made;
  made.table = "public.t";
  made.relid = base::Oid{1};
  made.columns = std::move(columns);
  return made;
}

PinBook again(const PinBook& book) { return PinBook::read(book.text(), "pins"); }

TEST(Pins, ANameStandsForTheColumnThatHadItFirst) {
  PinBook book;
  policy::remember(book.of("main")["public.t"], schema({column("a", "1.1"), column("b", "1.2", "int4")}), true);
  for (PinBook at : {book, again(book)}) {
    const policy::TablePins& pins = at.of("main").at("public.t");
    EXPECT_EQ(standing_of(pins, column("a", "1.1")), Standing::same);
    EXPECT_EQ(standing_of(pins, column("a", "1.3")), Standing::replaced);
    EXPECT_EQ(standing_of(pins, column("a", nullptr)), Standing::replaced);
    EXPECT_EQ(standing_of(pins, column("b", "1.2", "int8")), Standing::retyped);
    EXPECT_EQ(standing_of(pins, column("new", "1.3")), Standing::same);
    EXPECT_EQ(standing_of(pins, column("renamed", "1.1")), Standing::replaced);
  }
}

TEST(Pins, AColumnThatWasSeenUnderAnotherNameIsRememberedAcrossRuns) {
  PinBook book;
  policy::TablePins& pins = book.of("main")["public.t"];
  policy::remember(pins, schema({column("a", "1.1")}), true);
  // Dropped and made again under its name: not accepted, but seen.
  policy::remember(pins, schema({column("a", "1.2")}), false);
  PinBook later = again(book);
  EXPECT_EQ(later.of("main"), book.of("main"));
  EXPECT_EQ(standing_of(later.of("main").at("public.t"), column("other_name", "1.2")), Standing::replaced);
}

TEST(Pins, OneColumnThatNobodyCouldTellMakesAllNewNamesDoubtful) {
  PinBook book;
  policy::remember(book.of("main")["public.t"], schema({column("a", "1.1"), column("b", nullptr)}), true);
  PinBook later = again(book);
  EXPECT_EQ(later.of("main"), book.of("main"));
  EXPECT_EQ(standing_of(later.of("main").at("public.t"), column("new", "1.9")), Standing::replaced);
  // Another relation has none of its columns.
  EXPECT_EQ(standing_of(later.of("main").at("public.t"), column("new", "2.2")), Standing::same);
}

TEST(Pins, WhatCameAfterAColumnThatNobodyCouldTellIsNotThatOne) {
  PinBook book;
  policy::TablePins& pins = book.of("main")["public.t"];
  policy::remember(pins, schema({column("a", "1.1"), column("b", "1.2")}), true);
  policy::remember(pins, schema({column("a", "1.1"), unproven("b", 6)}), false);
  policy::remember(pins, schema({column("a", "1.1"), unproven("b", 4), unproven("later", 9)}), false);
  for (PinBook at : {book, again(book)}) {
    const policy::TablePins& had = at.of("main").at("public.t");
    // Under its own name it may have been seen, under no other.
    EXPECT_EQ(standing_of(had, column("later", "1.6")), Standing::replaced);
    EXPECT_EQ(standing_of(had, column("later", "1.7")), Standing::same);
    EXPECT_EQ(standing_of(had, column("new", "1.9")), Standing::replaced);
    EXPECT_EQ(standing_of(had, column("new", "1.10")), Standing::same);
    EXPECT_EQ(standing_of(had, column("new", "1.x")), Standing::replaced);
    EXPECT_EQ(standing_of(had, column("new", "odd")), Standing::replaced);
    // What has its proof again stands where it stood.
    EXPECT_EQ(standing_of(had, column("b", "1.2")), Standing::same);
  }
  PinBook others = again(book);
  policy::remember(others.of("main").at("public.t"), schema({unproven("b", 12)}), false);
  book.add_others(others);
  EXPECT_EQ(standing_of(book.of("main").at("public.t"), column("new", "1.12")), Standing::replaced);
  EXPECT_EQ(standing_of(book.of("main").at("public.t"), column("new", "1.13")), Standing::same);
}

TEST(Pins, AFileFromBeforeBoundsWereKnownMakesAllNewNamesDoubtful) {
  for (const char* text : {"main\tpublic.t\tb\t-\ttext\n", "main\tpublic.t\ta\t1.1\ttext\nmain\tpublic.t\t-\t-\t-\n"}) {
    PinBook book = PinBook::read(text, "pins");
    policy::remember(book.of("main")["public.t"], schema({unproven("c", 3)}), false);
    EXPECT_EQ(standing_of(book.of("main").at("public.t"), column("new", "1.9")), Standing::replaced);
    PinBook later = again(book);
    EXPECT_EQ(later.of("main"), book.of("main"));
    EXPECT_EQ(standing_of(later.of("main").at("public.t"), column("new", "1.9")), Standing::replaced);
  }
}

TEST(Pins, WhatAnotherProcessHasAcceptedOrSeenCounts) {
  PinBook mine;
  policy::remember(mine.of("main")["public.t"], schema({column("a", "1.1"), column("mine", "1.5")}), true);
  PinBook theirs;
  policy::remember(theirs.of("main")["public.t"], schema({column("a", "1.3"), column("theirs", "1.4")}), true);
  policy::remember(theirs.of("main")["public.other"], schema({column("id", "2.1")}), true);
  mine.add_others(theirs);
  const policy::TablePins& pins = mine.of("main").at("public.t");
  EXPECT_EQ(standing_of(pins, column("a", "1.3")), Standing::same);
  EXPECT_EQ(standing_of(pins, column("a", "1.1")), Standing::replaced);
  EXPECT_EQ(pins.columns.size(), 3u);
  EXPECT_TRUE(pins.binds.contains("1.1"));
  EXPECT_TRUE(mine.of("main").contains("public.other"));
}

TEST(Pins, OddNamesComeBack) {
  PinBook book;
  policy::remember(book.of("shop-1")["public.\"a\tb\\\""], schema({column("-", "1.1"), column("x\ny\\z", "1.2")}),
                   true);
  EXPECT_EQ(again(book).of("shop-1"), book.of("shop-1"));
  EXPECT_EQ(again(book).text(), book.text());
}

TEST(Pins, AMistakeIsRefusedWithItsLine) {
  for (const char* text : {"a\tb\tc\td\n", "a\tb\tc\td\te\tf\n", "a\tb\tc\td\te", "a\t\tc\td\te\n",
                           "a\tb\tc\\x\td\te\n", "a\tb\tc\td\te\na\tb\tc\td\te\n"}) {
    try {
      (void)PinBook::read(text, "pins");
      ADD_FAILURE() << text;
    } catch (const base::Failure& failure) {
      EXPECT_EQ(failure.slug, "bad_pins");
      EXPECT_TRUE(failure.message.starts_with("pins:")) << failure.message;
    }
  }
}

}  // namespace
