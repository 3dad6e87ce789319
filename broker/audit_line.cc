#include "broker/audit_line.h"

#include <algorithm>
#include <charconv>

#include "proxy/ascii.h"

namespace standin::broker::audit {

namespace {

using proxy::is_digit;

constexpr bool is_event(char c) { return proxy::is_lower(c) || c == '_'; }
constexpr bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); }

/// A place in a line that is read from the front.
class Front {
 public:
  explicit Front(std::string_view rest) : rest_(rest) {}

  bool skip(std::string_view text) noexcept {
    if (!rest_.starts_with(text)) return false;
    rest_.remove_prefix(text.size());
    return true;
  }
  std::string_view take(std::size_t length) noexcept {
    const auto taken = rest_.substr(0, length);
    rest_.remove_prefix(taken.size());
    return taken;
  }
  template <class Belongs>
  std::string_view take_while(Belongs belongs) noexcept {
    return take(static_cast<std::size_t>(std::ranges::find_if_not(rest_, belongs) - rest_.begin()));
  }
  [[nodiscard]] std::string_view rest() const noexcept { return rest_; }

 private:
  std::string_view rest_;
};

/// The same from the back.
class Back {
 public:
  explicit Back(std::string_view rest) : rest_(rest) {}

  bool skip(std::string_view text) noexcept {
    if (!rest_.ends_with(text)) return false;
    rest_.remove_suffix(text.size());
    return true;
  }
  std::string_view take(std::size_t length) noexcept {
    const auto taken = rest_.substr(rest_.size() - std::min(length, rest_.size()));
    rest_.remove_suffix(taken.size());
    return taken;
  }
  std::string_view take_digits() noexcept {
    const auto last = rest_.find_last_not_of("0123456789");
    return take(rest_.size() - (last == std::string_view::npos ? 0 : last + 1));
  }
  [[nodiscard]] std::string_view rest() const noexcept { return rest_; }

 private:
  std::string_view rest_;
};

std::optional<std::uint64_t> parse_number(std::string_view digits) noexcept {
  std::uint64_t number = 0;
  const auto* end = digits.data() + digits.size();
  const auto [stopped, error] = std::from_chars(digits.data(), end, number);
  if (digits.empty() || error != std::errc() || stopped != end) return std::nullopt;
  return number;
}

bool is_time(std::string_view text) noexcept {
  constexpr std::string_view shape = "dddd-dd-ddTdd:dd:dd.ddddddZ";
  return text.size() == shape.size() &&
         std::ranges::equal(text, shape, [](char c, char s) { return s == 'd' ? is_digit(c) : c == s; });
}

/// Reads `after` or `prev_at`, whichever stands at the end of `back`. A quote within a value is escaped, so
/// what looks like the field is the field.
void parse_link(Back back, Frame& frame) noexcept {
  const auto last = back;
  if (back.skip("\"")) {
    const auto seq = back.take_digits();
    if (seq.empty() || !back.skip("/") || back.take(run_length).size() != run_length || !back.skip("/"))
      return;
    if (back.take(day_length).size() != day_length || !back.skip(R"(,"after":")")) return;
    const auto value = last.rest().substr(back.rest().size() + 10);
    frame.after = value.substr(0, value.size() - 1);
    return;
  }
  const auto at = back.take_digits();
  if (back.skip(R"(,"prev_at":)")) frame.prev_at = parse_number(at);
}

}  // namespace

bool is_run_id(std::string_view run) noexcept {
  return run.size() == run_length && std::ranges::all_of(run, is_hex);
}

std::optional<Head> parse_head(std::string_view piece) noexcept {
  Front front(piece);
  Head head;
  if (!front.skip(record_start)) return std::nullopt;
  head.time = front.take(time_length);
  if (!is_time(head.time) || !front.skip(R"(","run":")")) return std::nullopt;
  head.run = front.take(run_length);
  if (!is_run_id(head.run) || !front.skip(R"(","seq":)")) return std::nullopt;
  const auto seq = parse_number(front.take_while(is_digit));
  if (!seq || *seq == 0 || !front.skip(R"(,"event":")")) return std::nullopt;
  head.seq = *seq;
  head.event = front.take_while(is_event);
  if (head.event.empty() || !front.skip("\"")) return std::nullopt;
  head.length = piece.size() - front.rest().size();
  return head;
}

std::optional<Frame> parse_frame(std::string_view piece) noexcept {
  const auto head = parse_head(piece);
  if (!head) return std::nullopt;
  Frame frame{*head, {}, {}, {}, {}, {}, {}};
  Back back(piece);
  if (!back.skip(R"("})")) return std::nullopt;
  frame.mac = back.take(Mac::length);
  if (!back.skip(R"(,"mac":")")) return std::nullopt;
  frame.signed_part = back.rest();
  if (!back.skip("\"")) return std::nullopt;
  frame.prev = back.take(Mac::length);
  if (!back.skip(R"(,"prev":")")) return std::nullopt;
  if (back.rest().size() < head->length) return std::nullopt;
  frame.middle = back.rest().substr(head->length);
  if (!frame.middle.empty() && frame.middle.front() != ',') return std::nullopt;
  parse_link(back, frame);
  return frame;
}

std::string_view take_piece(std::string_view& line) noexcept {
  const auto piece = line.substr(0, line.find(record_start, 1));
  line.remove_prefix(piece.size());
  return piece;
}

}  // namespace standin::broker::audit
