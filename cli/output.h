#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace standin::cli {

/// Results, to stdout: buffered, and checked. A full disk or a closed stdout is an error, never silence.
///
/// Thread: one. Throws Error(output) with the reason, and ClosedPipe where the reader has gone (`| head`).
class Output {
 public:
  struct ClosedPipe {};

  explicit Output(int descriptor) : descriptor_(descriptor) {}
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  void print(std::string_view text);
  void line(std::string_view text);
  /// To be called at the end: the destructor can't tell of a failure, and so does not write.
  void flush();

  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }

 private:
  int descriptor_;
  std::string buffer_;
};

/// Rows under a heading, aligned. On a terminal that is too narrow the widest cells are cut with "…";
/// elsewhere nothing is.
class Table {
 public:
  explicit Table(std::vector<std::string> heading) : rows_{std::move(heading)} {}
  void add(std::vector<std::string> row);
  void print(Output& out) const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

/// "label:  value" lines, the values aligned; a value of several lines goes on below itself.
class Facts {
 public:
  void add(std::string label, std::vector<std::string> values);
  void append(Facts others);
  void print(Output& out) const;

 private:
  struct Fact {
    std::string label;
    std::vector<std::string> values;
  };
  std::vector<Fact> facts_;
};

/// Columns that `text` takes: its characters (all that is shown has passed printable()).
[[nodiscard]] std::size_t display_width(std::string_view text) noexcept;

}  // namespace standin::cli
