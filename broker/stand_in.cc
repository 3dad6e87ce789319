#include "broker/stand_in.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <sodium.h>

namespace standin::broker {
namespace {

constexpr std::string_view digits = "0123456789";
constexpr std::string_view hex = "0123456789abcdef";
constexpr std::string_view upper_alnum = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
constexpr std::string_view alnum = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr std::string_view base64url = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";

constexpr double wanted_bits = 128;
constexpr int attempts = 100;

/// Draws characters of an alphabet, each as likely as the other.
class Chooser {
 public:
  explicit Chooser(const RandomSource& random) : random_(random) {}

  char choose(std::string_view alphabet) {
    // A remainder alone would favour the first characters: bytes past the last whole multiple are drawn
    // again.
    const std::size_t limit = 256 - 256 % alphabet.size();
    for (int tries = 0; tries < 10'000; ++tries) {
      const unsigned char byte = next();
      if (byte < limit) return alphabet[byte % alphabet.size()];
    }
    throw Error(Error::Kind::io, "cannot make a stand-in: the random source repeats itself");
  }

 private:
  unsigned char next() {
    if (at_ == bytes_.size()) {
      random_(bytes_);
      at_ = 0;
    }
    return bytes_[at_++];
  }
  const RandomSource& random_;
  std::array<unsigned char, 64> bytes_{};
  std::size_t at_ = bytes_.size();
};

bool survives_encoders(std::string_view prefix) {
  return std::ranges::all_of(
      prefix, [](char c) { return c > 0x20 && c < 0x7f && c != '%' && c != '"' && c != '\\'; });
}

std::size_t length_for_128_bits(std::string_view alphabet) {
  return static_cast<std::size_t>(std::ceil(wanted_bits / std::log2(static_cast<double>(alphabet.size()))));
}

/// "standin" in letters that the alphabet has, or nothing.
std::string_view mark_in(std::string_view alphabet) {
  for (const std::string_view mark : {"standin", "STANDIN"}) {
    if (mark.find_first_not_of(alphabet) == std::string_view::npos) return mark;
  }
  return {};
}

std::string make_one(const Shape& shape, Chooser& chooser) {
  std::string_view alphabet = alphabet_characters(shape.alphabet);
  std::string text;
  std::size_t random_characters;
  if (shape.length == 0 || alphabet.empty() || !survives_encoders(shape.prefix)) {
    alphabet = alnum;
    text = "standin_";
    random_characters = 32;
  } else {
    const std::size_t least = length_for_128_bits(alphabet);
    const std::string_view mark = mark_in(alphabet);
    const bool has_room = !mark.empty() && shape.length >= mark.size() + least;
    text = shape.prefix;
    if (has_room) text += mark;
    random_characters = has_room ? shape.length - mark.size() : std::max(shape.length, least);
  }
  for (std::size_t i = 0; i < random_characters; ++i) text += chooser.choose(alphabet);
  return text;
}

bool contained_either_way(std::string_view text, std::span<const std::string> others) {
  return std::ranges::any_of(
      others, [&](const std::string& other) { return other.contains(text) || text.contains(other); });
}

void system_random(std::span<unsigned char> bytes) {
  if (sodium_init() < 0) throw Error(Error::Kind::io, "cannot make a stand-in: no random source");
  randombytes_buf(bytes.data(), bytes.size());
}

}  // namespace

std::string_view alphabet_characters(std::string_view name) noexcept {
  if (name == "alnum") return alnum;
  if (name == "base64url") return base64url;
  if (name == "hex") return hex;
  if (name == "digits") return digits;
  if (name == "upper_alnum") return upper_alnum;
  return {};
}

std::vector<std::string> make_stand_ins(std::span<const Credential> credentials, const RandomSource& random) {
  const RandomSource source = random ? random : system_random;
  Chooser chooser(source);
  std::vector<std::string> made;
  made.reserve(credentials.size());
  for (const Credential& credential : credentials) {
    std::string text = make_one(credential.shape, chooser);
    for (int tries = 0; contained_either_way(text, made); ++tries) {
      if (tries == attempts) {
        throw Error(Error::Kind::io, "cannot make a stand-in: the random source repeats itself");
      }
      text = make_one(credential.shape, chooser);
    }
    made.push_back(std::move(text));
  }
  return made;
}

}  // namespace standin::broker
