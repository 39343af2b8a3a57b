// pgcdc-read: messages that wait come out as they went in and in their order, through memory and spool; of a streamed
// transaction only what counts at its commit.
#include "pgcdc-read/open_transactions.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "base/failure.hpp"

namespace {

using reader::MessageQueue;
using reader::OpenTransactions;
using reader::Spool;
using reader::StreamedTransaction;

class OpenTransactionsTest : public testing::Test {
 protected:
  // A streamed message: its type, the number of its (sub)transaction, big-endian, and the rest.
  static std::string streamed(char type, std::uint32_t xid, const std::string& rest) {
    std::string bytes(1, type);
    for (int shift = 24; shift >= 0; shift -= 8)
      bytes.push_back(static_cast<char>(xid >> static_cast<unsigned>(shift)));
    return bytes + rest;
  }
  static std::vector<std::string> all_of(StreamedTransaction& transaction) {
    std::vector<std::string> messages;
    for (StreamedTransaction::Entry entry; transaction.take(entry);) {
      messages.push_back(std::to_string(entry.arrival) + std::string(entry.message));
    }
    return messages;
  }
  Spool spool_{testing::TempDir(), 64U << 20U};
  OpenTransactions open_{spool_};
};

std::string numbered(std::size_t number) { return std::to_string(number) + std::string(number % 3000, 'x'); }

TEST_F(OpenTransactionsTest, a_queue_gives_every_message_back_in_order_through_memory_and_spool) {
  MessageQueue queue(spool_, 2);
  std::size_t added = 0;
  std::size_t taken = 0;
  MessageQueue::Entry entry;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 3000; ++i, ++added) {
      queue.add(base::Xid{static_cast<std::uint32_t>(added)}, 'I', numbered(added));
    }
    EXPECT_GT(spool_.bytes(), 0U);
    for (int i = 0; i < 2000; ++i, ++taken) {
      ASSERT_TRUE(queue.take(entry));
      ASSERT_EQ(entry.xid.value, taken);
      ASSERT_EQ(entry.message, "I" + numbered(taken));
    }
  }
  for (; taken < added; ++taken) {
    ASSERT_TRUE(queue.take(entry));
    ASSERT_EQ(entry.message, "I" + numbered(taken));
  }
  EXPECT_FALSE(queue.take(entry));
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(spool_.bytes(), 0U);
}

TEST_F(OpenTransactionsTest, a_queue_that_goes_gives_its_space_back) {
  {
    MessageQueue queue(spool_, 0);
    for (std::size_t i = 0; i < 1000; ++i) queue.add(base::Xid{1}, 'I', numbered(i));
    queue.settle();
    EXPECT_GT(spool_.bytes(), 400'000U);
  }
  EXPECT_EQ(spool_.bytes(), 0U);
}

TEST_F(OpenTransactionsTest, a_full_spool_refuses_a_message_and_keeps_the_others) {
  Spool small(testing::TempDir(), 600'000);
  MessageQueue queue(small, 0);
  std::size_t added = 0;
  try {
    for (;; ++added) queue.add(base::Xid{1}, 'I', numbered(added));
  } catch (const base::Failure& failure) {
    EXPECT_EQ(failure.slug, "spool_full");
  }
  MessageQueue::Entry entry;
  for (std::size_t i = 0; i < added; ++i) {
    ASSERT_TRUE(queue.take(entry));
    ASSERT_EQ(entry.message, "I" + numbered(i));
  }
  EXPECT_FALSE(queue.take(entry));
}

TEST_F(OpenTransactionsTest, interleaved_transactions_are_told_apart) {
  open_.start(base::Xid{7}, true, 1);
  open_.add(streamed('R', 7, "rel"));
  open_.add(streamed('I', 7, "a"));
  open_.stop();
  open_.start(base::Xid{9}, true, 2);
  open_.add(streamed('I', 9, "other"));
  open_.stop();
  open_.start(base::Xid{7}, false, 3);
  open_.add(streamed('I', 8, "b"));
  open_.stop();
  EXPECT_EQ(open_.count(), 2U);
  EXPECT_EQ(all_of(*open_.commit(base::Xid{7})), (std::vector<std::string>{"1Rrel", "1Ia", "3Ib"}));
  EXPECT_EQ(all_of(*open_.commit(base::Xid{9})), (std::vector<std::string>{"2Iother"}));
  EXPECT_EQ(open_.count(), 0U);
  EXPECT_EQ(spool_.bytes(), 0U);
}

TEST_F(OpenTransactionsTest, rows_of_a_part_that_was_rolled_back_are_left_out_and_its_descriptions_are_not) {
  open_.start(base::Xid{7}, true, 1);
  open_.add(streamed('I', 7, "a"));
  open_.add(streamed('R', 8, "rel"));
  open_.add(streamed('I', 8, "gone"));
  open_.add(streamed('T', 8, "gone too"));
  open_.add(streamed('I', 10, "b"));
  open_.stop();
  open_.abort(base::Xid{7}, base::Xid{8});
  EXPECT_EQ(all_of(*open_.commit(base::Xid{7})), (std::vector<std::string>{"1Ia", "1Rrel", "1Ib"}));
}

TEST_F(OpenTransactionsTest, a_whole_one_that_was_rolled_back_is_forgotten_with_its_space) {
  open_.start(base::Xid{7}, true, 1);
  for (std::size_t i = 0; i < 1000; ++i) open_.add(streamed('I', 7, numbered(i)));
  open_.stop();
  EXPECT_GT(spool_.bytes(), 0U);
  open_.abort(base::Xid{7}, base::Xid{7});
  EXPECT_EQ(spool_.bytes(), 0U);
  EXPECT_EQ(open_.count(), 0U);
}

TEST_F(OpenTransactionsTest, what_does_not_fit_together_is_refused) {
  const auto slug = [](const std::function<void()>& act) {
    try {
      act();
    } catch (const base::Failure& failure) {
      return failure.slug;
    }
    return std::string("nothing");
  };
  EXPECT_EQ(slug([&] { open_.stop(); }), "wrong_order");
  EXPECT_EQ(slug([&] { open_.add(streamed('I', 7, "a")); }), "wrong_order");
  EXPECT_EQ(slug([&] { open_.start(base::Xid{7}, false, 1); }), "wrong_order");
  EXPECT_EQ(slug([&] { static_cast<void>(open_.commit(base::Xid{7})); }), "wrong_order");
  EXPECT_EQ(slug([&] { open_.abort(base::Xid{7}, base::Xid{7}); }), "wrong_order");
  open_.start(base::Xid{7}, true, 1);
  EXPECT_EQ(slug([&] { open_.start(base::Xid{9}, true, 2); }), "wrong_order");
  EXPECT_EQ(slug([&] { static_cast<void>(open_.commit(base::Xid{7})); }), "wrong_order");
  EXPECT_EQ(slug([&] { open_.add("I12"); }), "bad_message");
  open_.stop();
  EXPECT_EQ(slug([&] { open_.start(base::Xid{7}, true, 3); }), "wrong_order");
}

}  // namespace
