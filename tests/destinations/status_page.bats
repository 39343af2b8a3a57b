#!/usr/bin/env bats
# The page of cdc-status in a real browser, on a phone and on a desk: it is as wide as the screen, what it tells can be seen, and nothing is
# asked for elsewhere. Pictures are left in build/status-page.
# Knows: chromium's options, what stands on the page. Must not know: how it is made.

bats_require_minimum_version 1.5.0
set -o pipefail
load ../e2e/cluster

# A month of a pipeline that was once out of time, and of one that never was.
setup_file() {
  export PAGE=$BATS_FILE_TMPDIR/page
  mkdir "$PAGE"
  cd "$PAGE" || return
  local source
  for source in gitlab-main gitlab-ci-of-a-cell-with-quite-a-long-name; do printf '[pipeline]\nsource = %s\nwarehouse = sqlite:none.db\n' "$source" >"$source.ini"; done
  jq -rn 'now | floor as $now | range(30 * 288; 0; -1) as $i
    | ($now - $i * 300 | todate | rtrimstr("Z") + ".000000Z") as $at
    | (if $i > 2000 and $i < 2090 then (2090 - $i) * 300 else 0 end) as $late
    | [$at, "gitlab-main", "in", 60 + $i % 100, 21600, "-"],
      [$at, "gitlab-ci-of-a-cell-with-quite-a-long-name", (if $late > 21600 then "out" else "in" end), 60 + $late, 21600, (if $late > 21600 then "not_loaded" else "-" end)]
    | @tsv' >record
  # Nothing has been loaded.
  run -1 cdc-status --record record --html page.html ./*.ini
}

browser() { timeout 60 chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --user-data-dir="$BATS_TEST_TMPDIR/profile" "$@" 2>"$BATS_TEST_TMPDIR/said"; }

# What a script finds in the page at a width.   in  WIDTH, SCRIPT (an expression; d is the document)
asked() {
  cat >"$PAGE/ask.html" <<HTML
<iframe id="f" src="page.html" width="$1" height="800" style="border:0"></iframe>
<script>f.onload = () => { const d = f.contentDocument; document.title = JSON.stringify($2) }</script>
HTML
  browser --allow-file-access-from-files --virtual-time-budget=5000 --window-size=1400,1000 --dump-dom "file://$PAGE/ask.html" | sed -n 's/.*<title>\(.*\)<\/title>.*/\1/p'
}

@test "it is as wide as the screen, of a phone and of a desk" {
  local width
  for width in 360 390 768 1280; do
    # A bar to scroll up and down takes its part.
    [[ $(asked $width "[d.documentElement.scrollWidth <= d.documentElement.clientWidth, d.documentElement.clientWidth > $width - 20]") == '[true,true]' ]]
  done
}

@test "the plot, the budget and the incident can be seen" {
  [[ $(asked 390 '[d.querySelectorAll("section").length, d.querySelectorAll("polyline").length, [...d.querySelectorAll("svg")].every(s => s.getBoundingClientRect().height > 80 && s.getBoundingClientRect().width > 300)]') == '[2,2,true]' ]]
  [[ $(asked 390 '[d.body.innerText.includes("not_loaded"), d.body.innerText.includes("overspent by"), d.body.innerText.includes("dashed: the objective, 6.0 h")]') == '[true,true,true]' ]]
  # Letters are large enough to be read without a glass.
  [[ $(asked 390 '[...d.querySelectorAll("dd,dt,td,th,p,span")].every(e => parseFloat(getComputedStyle(e).fontSize) >= 13)') == true ]]
}

@test "pictures of it can be made" {
  local pictures=$BATS_TEST_DIRNAME/../../build/status-page size
  mkdir -p "$pictures"
  for size in 390,1600 1280,1200; do
    browser --hide-scrollbars --window-size=$size --screenshot="$pictures/${size%,*}.png" "file://$PAGE/page.html"
    (($(stat -c %s "$pictures/${size%,*}.png") > 20000))
  done
}

@test "nothing is asked for elsewhere, and a name that is markup is text" {
  sed -i '1,$s/source = gitlab-main/source = <b>gitlab<\/b>/' "$PAGE/gitlab-main.ini"
  run -1 cdc-status --html "$PAGE/page.html" "$PAGE"
  [[ $(asked 800 '[d.querySelectorAll("b,script,img,link").length, performance.getEntriesByType("resource").filter(e => !e.name.startsWith("file:")).length, d.body.innerText.includes("<b>gitlab</b>")]') == '[0,0,true]' ]]
}
