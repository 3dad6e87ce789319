#include "vault/wire.h"

#include "vault/error.h"

namespace standin::vault {

View Reader::take(std::size_t size) {
  if (size > left_.size()) reject("runs past the end");
  const View taken = left_.first(size);
  left_ = left_.subspan(size);
  return taken;
}

void Reader::reject(std::string_view why) const {
  std::string what = part_;
  what.append(" ").append(why);
  throw_corrupt(where_, what);
}

void throw_corrupt(const std::string& where, std::string_view what) {
  throw Error(Error::Kind::corrupt, where + " is corrupt: " + std::string(what),
              "nothing was changed; restore the vault from a backup");
}

}  // namespace standin::vault
