#include "proxy/message.h"

#include <algorithm>
#include <array>

#include "proxy/ascii.h"

namespace standin::proxy {
bool same_name(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}

bool is_idempotent(std::string_view method) noexcept {
  static constexpr std::array<std::string_view, 6> methods = {"GET",   "HEAD", "OPTIONS",
                                                              "TRACE", "PUT",  "DELETE"};
  return std::find(methods.begin(), methods.end(), method) != methods.end();
}

void ResponseHead::own() {
  const auto keep = [this](std::string_view& text) {
    WipingBuffer copy;
    append(copy, text);
    text = kept_.keep(std::move(copy));
  };
  keep(reason);
  for (Field& field : fields) {
    keep(field.name);
    keep(field.value);
  }
}

}  // namespace standin::proxy
