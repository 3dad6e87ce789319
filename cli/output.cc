#include "cli/output.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <numeric>
#include <system_error>
#include <utility>

#include "cli/error.h"
#include "cli/messages.h"
#include "cli/terminal.h"

namespace standin::cli {
namespace {

constexpr std::size_t flush_at = 1 << 16;
constexpr std::size_t narrowest = 8;  // a cell is not cut below this
constexpr std::string_view gap = "  ";

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

std::string cut(const std::string& text, std::size_t width) {
  if (display_width(text) <= width) return text;
  std::size_t end = 0;
  for (std::size_t shown = 0; end < text.size(); ++end) {
    if (!is_continuation(text[end]) && shown++ == width - 1) break;
  }
  return text.substr(0, end) + "…";
}

std::string padded(const std::string& text, std::size_t width) {
  return text + std::string(width - std::min(width, display_width(text)), ' ');
}

/// Takes columns from the widest until the row fits or nothing can be given.
void fit(std::vector<std::size_t>& widths, std::size_t available) {
  const auto total = [&] {
    return std::accumulate(widths.begin(), widths.end(), (widths.size() - 1) * gap.size());
  };
  while (total() > available) {
    const auto widest = std::max_element(widths.begin(), widths.end());
    if (*widest <= narrowest) return;
    --*widest;
  }
}

}  // namespace

void Output::print(std::string_view text) {
  buffer_ += text;
  if (buffer_.size() >= flush_at) flush();
}

void Output::line(std::string_view text) {
  buffer_ += text;
  print("\n");
}

void Output::flush() {
  const std::string pending = std::exchange(buffer_, {});
  std::string_view rest = pending;
  while (!rest.empty()) {
    const ssize_t n = ::write(descriptor_, rest.data(), rest.size());
    if (n >= 0) {
      rest.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno == EPIPE) {
      throw ClosedPipe{};
    } else if (errno != EINTR) {
      throw Error(Error::Kind::output, "cannot write to stdout: " + std::generic_category().message(errno));
    }
  }
}

void Table::add(std::vector<std::string> row) {
  for (std::string& cell : row) cell = printable(cell);
  rows_.push_back(std::move(row));
}

void Table::print(Output& out) const {
  std::vector<std::size_t> widths(rows_.front().size());
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], display_width(row[i]));
  }
  if (const auto width = terminal_width(out.descriptor())) fit(widths, *width);
  for (const auto& row : rows_) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string cell = cut(row[i], widths[i]);
      line += i + 1 == row.size() ? cell : padded(cell, widths[i]).append(gap);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    const bool bold = &row == &rows_.front() && may_colour(out.descriptor());
    out.line(bold ? "\x1b[1m" + line + "\x1b[0m" : line);
  }
}

void Facts::add(std::string label, std::vector<std::string> values) {
  for (std::string& value : values) value = printable(value);
  facts_.push_back({std::move(label), std::move(values)});
}

void Facts::append(Facts others) {
  std::move(others.facts_.begin(), others.facts_.end(), std::back_inserter(facts_));
}

void Facts::print(Output& out) const {
  std::size_t width = 0;
  for (const Fact& fact : facts_) width = std::max(width, display_width(fact.label));
  for (const Fact& fact : facts_) {
    std::string label = fact.label;
    for (const std::string& value : fact.values) {
      out.line(padded(label, width).append(gap).append(value));
      label.clear();
    }
  }
}

std::size_t display_width(std::string_view text) noexcept {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return !is_continuation(c); }));
}

}  // namespace standin::cli
