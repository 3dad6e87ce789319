#pragma once

#include <string>

#include "broker/value_swap.h"
#include "proxy/body_transform.h"

namespace standin::broker {

/// Swaps in the named fields of a multipart/form-data body (RFC 7578). A part with a file name or a
/// Content-Transfer-Encoding is left alone, and so is one whose name two readers could read in two ways.
///
/// From the first fault on nothing is swapped any more and the bytes pass. A line that only looks like a
/// boundary is one (a bare line feed before it, text behind it): a lenient origin may take it for a boundary,
/// and what follows for a part of another name.
class MultipartSwap final : public proxy::BodyTransform {
 public:
  static constexpr std::size_t longest_part_head = 8192;

  MultipartSwap(ValueSwap value, std::string_view boundary);

  std::optional<proxy::Refusal> feed(std::string_view piece, proxy::WipingBuffer& out) override;
  std::optional<proxy::Refusal> finish(proxy::WipingBuffer& out) override;

 private:
  enum class State : std::uint8_t {
    content,   // of a part, or the preamble
    boundary,  // behind the delimiter: its line's end
    head,      // of a part
    passing,   // the epilogue, or behind a fault
  };
  std::optional<proxy::Refusal> content(std::string_view text, std::size_t& at, proxy::WipingBuffer& out);
  std::optional<proxy::Refusal> emit(std::string_view text, proxy::WipingBuffer& out);
  std::optional<proxy::Refusal> release(proxy::WipingBuffer& out);
  std::optional<proxy::Refusal> delimiter(proxy::WipingBuffer& out);
  [[nodiscard]] bool goes_on(char c) const noexcept;
  void boundary_line(char c);
  void head(char c);

  ValueSwap value_;
  std::string delimiter_;  // "--" and the boundary
  State state_ = State::content;
  bool swapping_ = false;  // the part's value goes through value_
  std::string held_;       // in content: a line break and what may be a delimiter behind it
  std::size_t gone_ = 0;   // so much of held_ went on already: the line break that ends a head
  std::string line_;       // in boundary: what stands behind it; in head: the head
};

}  // namespace standin::broker
