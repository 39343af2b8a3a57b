// pgcdc-read: transactions in progress; the contracts are in open_transactions.hpp. A message is kept without the number
// that streaming put into it: that stands beside it, and so everything behind the commit reads one form.
#include "pgcdc-read/open_transactions.hpp"

#include <cstring>

#include "base/failure.hpp"
#include "pgoutput/message.hpp"

namespace reader {
namespace {

// Stands for no message of the server: what follows it came with this number.
constexpr char kArrival = '\0';

[[noreturn]] void wrong_order(const char* what) {
  throw base::Failure(base::Exit::data, "wrong_order",
                      std::string("the server's messages do not fit together: ") + what);
}

}  // namespace

bool StreamedTransaction::take(Entry& into) {
  for (MessageQueue::Entry entry; messages_.take(entry);) {
    const char type = entry.message.front();
    if (type == kArrival) {
      std::memcpy(&arrival_, entry.message.data() + 1, sizeof arrival_);
      continue;
    }
    const bool described = type == 'R' || type == 'Y';
    if (!described && !aborted_.empty() && aborted_.contains(entry.xid.value)) continue;
    into.arrival = arrival_;
    into.message = entry.message;
    return true;
  }
  return false;
}

void OpenTransactions::start(base::Xid xid, bool first, std::uint64_t arrival) {
  if (in_block()) wrong_order("a stream begins inside another");
  const auto found = open_.find(xid.value);
  if (first != (found == open_.end())) wrong_order("a stream's first block is not its first");
  block_ = first ? (open_[xid.value] = std::make_unique<StreamedTransaction>(spool_)).get() : found->second.get();
  char bytes[sizeof arrival];
  std::memcpy(bytes, &arrival, sizeof arrival);
  block_->messages_.add(xid, kArrival, std::string_view(bytes, sizeof bytes));
}

void OpenTransactions::add(std::string_view payload) {
  if (!in_block()) wrong_order("a streamed change outside of a stream");
  const pgoutput::Streamed split = pgoutput::split_streamed(payload);
  if (split.type == kArrival) wrong_order("a message without a type");
  block_->messages_.add(split.xid, split.type, split.rest);
}

void OpenTransactions::stop() {
  if (!in_block()) wrong_order("a stream ends that did not begin");
  block_->messages_.settle();
  block_ = nullptr;
}

void OpenTransactions::abort(base::Xid xid, base::Xid subxid) {
  if (in_block()) wrong_order("a rollback inside of a stream");
  const auto found = open_.find(xid.value);
  if (found == open_.end()) wrong_order("a rollback of a transaction that was not streamed");
  if (xid == subxid) {
    open_.erase(found);
  } else {
    found->second->aborted_.insert(subxid.value);
  }
}

std::unique_ptr<StreamedTransaction> OpenTransactions::commit(base::Xid xid) {
  if (in_block()) wrong_order("a commit inside of a stream");
  const auto found = open_.find(xid.value);
  if (found == open_.end()) wrong_order("a commit of a transaction that was not streamed");
  std::unique_ptr<StreamedTransaction> transaction = std::move(found->second);
  open_.erase(found);
  return transaction;
}

void OpenTransactions::clear() {
  open_.clear();
  block_ = nullptr;
}

}  // namespace reader
