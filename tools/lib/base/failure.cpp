// base: names of the exit classes. Pure.
#include "base/failure.hpp"

namespace base {

std::string_view class_of(Exit exit) {
  switch (exit) {
    case Exit::done:
      return "done";
    case Exit::no:
      return "no";
    case Exit::usage:
      return "usage";
    case Exit::data:
      return "data";
    case Exit::bug:
      return "bug";
    case Exit::retry:
      return "retry";
    case Exit::denied:
      return "denied";
    case Exit::refused:
      return "refused";
  }
  return "bug";
}

}  // namespace base
