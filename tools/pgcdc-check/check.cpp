// pgcdc-check: the run. See check.hpp.
#include "pgcdc-check/check.hpp"

#include <algorithm>

#include "io/line_writer.hpp"
#include "pgcdc-check/facts.hpp"
#include "pgcdc-check/finding.hpp"
#include "pgcdc-check/judge.hpp"
#include "tool/filter.hpp"

namespace check {

base::Exit check_source(const Options& options) {
  tool::catch_stop_signals();
  pg::Connection session = pg::Connection::open(options.dsn, pg::Mode::plain, "pgcdc-check");
  session.show_server_words(true);
  session.interrupt_when([] { return tool::stop_asked(); });
  const std::vector<Finding> findings = judge(gather(session, options.slot, options.publication));
  io::LineWriter out(1);
  if (options.json) {
    for (const Finding& finding : findings) out.line(describe(finding));
  } else {
    out.buffer().append(table(findings));
    out.lines_added();
  }
  out.flush();
  const bool bad = std::any_of(findings.begin(), findings.end(), [](const Finding& finding) {
    return finding.what().severity == Severity::stop || finding.what().severity == Severity::lose;
  });
  return bad ? base::Exit::no : base::Exit::done;
}

}  // namespace check
