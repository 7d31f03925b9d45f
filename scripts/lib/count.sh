# shellcheck shell=bash

# count_junit FILE: sets TEST_PASSED, TEST_FAILED, TEST_SKIPPED from the <testcase> elements, which are
# the facts; the totals in the head of the file are somebody's sums.
count_junit() {
  TEST_PASSED=0 TEST_FAILED=0 TEST_SKIPPED=0
  [ -s "$1" ] || return 0
  TEST_FAILED=$(count_matches '<(failure|error)[ />]' "$1")
  TEST_SKIPPED=$(count_matches '<skipped[ />]' "$1")
  TEST_PASSED=$(($(count_matches '<testcase ' "$1") - TEST_FAILED - TEST_SKIPPED))
}

# The writer escapes every < of names and messages, so what looks like an element is one.
count_matches() { { grep -oE "$1" "$2" || true; } | wc -l; }
