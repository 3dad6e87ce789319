#include "proxy/http2_block.h"

#include "proxy/ascii.h"

namespace standin::proxy {

void Http2Block::add(std::string_view name, std::string_view value, Indexed indexed) {
  if (entries_.empty()) {
    text_.reserve(1024);
    entries_.reserve(24);
  }
  entries_.push_back({text_.size(), name.size(), value.size(), indexed});
  for (const char c : name) text_.push_back(lower(c));
  append(text_, value);
}

Field Http2Block::operator[](std::size_t i) const noexcept {
  const Entry& entry = entries_[i];
  const std::string_view text = view(text_);
  return {text.substr(entry.at, entry.name_size), text.substr(entry.at + entry.name_size, entry.value_size)};
}

bool Http2Block::has(std::string_view name) const noexcept {
  for (std::size_t i = 0; i < size(); ++i) {
    if ((*this)[i].name == name) return true;
  }
  return false;
}

std::string_view Http2Block::value_of(std::string_view name) const noexcept {
  for (std::size_t i = 0; i < size(); ++i) {
    if ((*this)[i].name == name) return (*this)[i].value;
  }
  return {};
}

std::vector<nghttp2_nv> Http2Block::to_nghttp2() const {
  const auto bytes = [](std::string_view s) {
    return reinterpret_cast<std::uint8_t*>(const_cast<char*>(s.data()));
  };
  std::vector<nghttp2_nv> list;
  list.reserve(size());
  for (std::size_t i = 0; i < size(); ++i) {
    const Field field = (*this)[i];
    const bool never = entries_[i].indexed == Indexed::never;
    list.push_back({bytes(field.name), bytes(field.value), field.name.size(), field.value.size(),
                    static_cast<std::uint8_t>(never ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE)});
  }
  return list;
}

}  // namespace standin::proxy
