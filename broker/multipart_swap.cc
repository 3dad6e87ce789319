#include "broker/multipart_swap.h"

#include <utility>

#include "broker/part_head.h"

namespace standin::broker {

// The body begins as if behind a line break: the first delimiter may stand there (RFC 2046 5.1.1).
MultipartSwap::MultipartSwap(ValueSwap value, std::string_view boundary)
    : value_(std::move(value)), delimiter_("--"), held_("\r\n"), gone_(held_.size()) {
  delimiter_ += boundary;
}

std::optional<proxy::Refusal> MultipartSwap::feed(std::string_view piece, proxy::WipingBuffer& out) {
  std::size_t at = 0;
  while (at < piece.size()) {
    if (state_ == State::passing) {
      proxy::append(out, piece.substr(at));
      return std::nullopt;
    }
    if (state_ == State::content) {
      if (auto refusal = content(piece, at, out)) return refusal;
      continue;
    }
    const char c = piece[at++];
    out.push_back(c);
    if (state_ == State::boundary) {
      boundary_line(c);
    } else {
      head(c);
    }
  }
  return std::nullopt;
}

std::optional<proxy::Refusal> MultipartSwap::finish(proxy::WipingBuffer& out) {
  if (!swapping_) return std::nullopt;
  if (auto refusal = release(out)) return refusal;
  return value_.end(out);
}

/// One run of content, or one character of what may be a delimiter.
std::optional<proxy::Refusal> MultipartSwap::content(std::string_view text, std::size_t& at,
                                                     proxy::WipingBuffer& out) {
  if (held_.empty()) {
    std::size_t end = at;
    while (end < text.size() && text[end] != '\r' && text[end] != '\n') ++end;
    const std::string_view run = text.substr(at, end - at);
    at = end;
    if (!run.empty()) return emit(run, out);
  }
  const char c = text[at];
  if (!held_.empty() && !goes_on(c)) return release(out);
  ++at;
  held_ += c;
  if (!swapping_) out.push_back(c);
  return held_.ends_with(delimiter_) ? delimiter(out) : std::nullopt;
}

std::optional<proxy::Refusal> MultipartSwap::emit(std::string_view text, proxy::WipingBuffer& out) {
  if (swapping_) return value_.feed(text, out);
  proxy::append(out, text);
  return std::nullopt;
}

/// What is held is no delimiter: it is of the value.
std::optional<proxy::Refusal> MultipartSwap::release(proxy::WipingBuffer& out) {
  const std::string held = std::exchange(held_, {});
  const std::size_t gone = std::exchange(gone_, 0);
  return swapping_ ? value_.feed(std::string_view(held).substr(gone), out) : std::nullopt;
}

/// Whether held_ and `c` are the beginning of a line break and a delimiter, of any kind of line break.
bool MultipartSwap::goes_on(char c) const noexcept {
  if (held_ == "\r" && c == '\n') return true;
  const std::size_t line = held_.starts_with("\r\n") ? 2 : 1;
  return c == delimiter_[held_.size() - line];
}

std::optional<proxy::Refusal> MultipartSwap::delimiter(proxy::WipingBuffer& out) {
  const bool sound = held_.starts_with("\r\n");
  if (swapping_) {
    swapping_ = false;
    if (auto refusal = value_.end(out)) return refusal;
    proxy::append(out, std::string_view(held_).substr(gone_));
  }
  held_.clear();
  gone_ = 0;
  line_.clear();
  state_ = sound ? State::boundary : State::passing;
  return std::nullopt;
}

/// "--" closes the body; white space and a line break begin a part.
void MultipartSwap::boundary_line(char c) {
  line_ += c;
  if (line_ == "\r\n") {
    line_.clear();
    state_ = State::head;
  } else if (line_ == " " || line_ == "\t") {
    line_.clear();
  } else if (line_ != "-" && line_ != "\r") {
    state_ = State::passing;
  }
}

void MultipartSwap::head(char c) {
  line_ += c;
  const bool whole = line_ == "\r\n" || line_.ends_with("\r\n\r\n");
  if (!whole) {
    if (line_.size() > longest_part_head) state_ = State::passing;
    return;
  }
  // A delimiter in a head ends it for a reader that looks for delimiters first.
  const auto head = line_.contains(delimiter_)
                        ? std::nullopt
                        : parse_part_head(std::string_view(line_).substr(0, line_.size() - 2));
  state_ = head ? State::content : State::passing;
  held_ = "\r\n";
  gone_ = held_.size();
  line_.clear();
  const std::size_t field = head && head->name ? value_.sites().find(*head->name) : BodySites::none;
  swapping_ = field != BodySites::none;
  if (swapping_) value_.begin(field);
}

}  // namespace standin::broker
