#include "proxy/head_scanner.h"

#include <algorithm>

namespace standin::proxy {

namespace {
/// CTL but HTAB (RFC 9110 5.5): never part of a start line or a value.
bool is_control(unsigned char c) noexcept { return (c < 0x20 && c != '\t') || c == 0x7f; }
}  // namespace

HeadScanner::State HeadScanner::feed(std::string_view bytes) noexcept {
  const char* p = bytes.data();
  const char* const end = p + bytes.size();
  while (p != end && state_ == State::more) {
    if (at_ == At::value || at_ == At::start_line) {
      // Most of a head is this: run to the next byte that means something.
      const char* stop =
          std::find_if(p, end, [](char c) { return is_control(static_cast<unsigned char>(c)); });
      if (stop != p) line_is_empty_ = false;
      length_ += static_cast<std::size_t>(stop - p);
      p = stop;
      if (p == end) break;
    }
    step(static_cast<unsigned char>(*p++));
    ++length_;
  }
  return state_;
}

void HeadScanner::step(unsigned char c) noexcept {
  switch (at_) {
    case At::start_line:
    case At::value:
      if (c == '\r') {
        at_ = At::after_cr;
      } else if (c == '\n') {
        fail("a bare line feed");
      } else {
        fail("a control byte");
      }
      return;
    case At::after_cr:
      if (c != '\n') {
        fail("a bare carriage return");
      } else if (line_is_empty_) {
        // One empty line before a request line is allowed (RFC 9112 2.2); the caller removed that one.
        fail("an empty start line");
      } else {
        at_ = At::line_start;
      }
      return;
    case At::line_start:
      if (c == '\r') {
        at_ = At::last_cr;
      } else if (c == '\n') {
        fail("a bare line feed");
      } else if (c == ' ' || c == '\t') {
        fail("a folded field line");
      } else if (c == ':') {
        fail("a field without a name");
      } else if (is_control(c)) {
        fail("a control byte");
      } else {
        at_ = At::name;
      }
      return;
    case At::name:
      if (c == ':') {
        at_ = At::value;
      } else if (c == ' ' || c == '\t') {
        fail("white space before a colon");
      } else if (c == '\r' || c == '\n') {
        fail("a field line without a colon");
      } else if (is_control(c)) {
        fail("a control byte");
      }
      return;
    case At::last_cr:
      if (c != '\n') {
        fail("a bare carriage return");
      } else {
        state_ = State::done;
      }
      return;
  }
}

}  // namespace standin::proxy
