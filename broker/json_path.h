#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace standin::broker {

/// Whether `text` is a JSON pointer (RFC 6901) to something in a document: "/a", "/a/0/b~1c", "/". Not the
/// empty pointer, which is the whole document.
[[nodiscard]] bool is_json_pointer(std::string_view text) noexcept;

/// Where a reader of a JSON text is, as far as some pointers need to know it. Told of each container, key and
/// element on the way; costs as much as there are pointers, however deep the text goes.
class JsonPath {
 public:
  static constexpr std::size_t deepest = 512;  // containers; what is deeper is not followed

  enum class Container : std::uint8_t { object, array };

  /// `pointers` are is_json_pointer().
  explicit JsonPath(std::span<const std::string> pointers);

  /// False where the text is too deep.
  [[nodiscard]] bool open(Container container);
  void close();
  /// In an object: the key of the member that comes, decoded. Longer than longest_key() may be cut there.
  void key(std::string_view decoded);
  /// In an array: the next element comes.
  void element();

  [[nodiscard]] std::optional<Container> container() const noexcept;
  /// Whether any pointer goes on in this container: else nothing in it needs to be told.
  [[nodiscard]] bool wanted() const noexcept { return !levels_.empty() && levels_.back().wanted; }
  /// The pointer that the value here is at: at most one, as no two are equal.
  [[nodiscard]] std::optional<std::size_t> target() const noexcept;
  [[nodiscard]] std::size_t longest_key() const noexcept { return longest_key_; }

 private:
  struct Pointer {
    std::vector<std::string> steps;
    std::size_t taken = 0;  // so many steps from the start are the way here
  };
  void step(std::string_view name);

  std::vector<Pointer> pointers_;
  std::size_t longest_key_ = 1;  // that is long enough to differ from every step
  struct Level {
    Container container;
    bool wanted;
    std::uint64_t next = 0;  // index of an array's next element
  };
  std::vector<Level> levels_;
};

}  // namespace standin::broker
