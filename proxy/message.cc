#include "proxy/message.h"

#include <algorithm>

#include "proxy/ascii.h"

namespace standin::proxy {
bool same_name(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace standin::proxy
