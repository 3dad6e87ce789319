// What holds for every JSON text, tried on random ones against nlohmann's reading of them.
#include <random>

#include <nlohmann/json.hpp>

#include "tests/broker/body_fixture.h"

namespace standin::broker {
namespace {

using json = nlohmann::json;

/// Random texts, with the spelling of each character and white space by chance.
class Texts {
 public:
  static constexpr int deepest = 4;
  explicit Texts(unsigned seed) : random_(seed) {}
  std::size_t below(std::size_t n) { return random_() % n; }
  std::string pick(const std::vector<std::string>& from) { return from[below(from.size())]; }

  std::string value(int depth) {
    switch (depth == deepest ? 3 + below(2) : below(depth > 0 ? 6 : 3)) {
      case 0:
        return pick({"0", "-1.5e+30", "true", "null", "false", "12"});
      case 1:
      case 2:
        return string(pick({"", "@", "@", "a@b", "@@", "ghp_", "\\\"", "é"}));
      case 3:
        return list(depth, '[', ']');
      default:
        return list(depth, '{', '}');
    }
  }

  /// Cut into pieces of a few bytes.
  std::vector<std::string_view> pieces(std::string_view text) {
    std::vector<std::string_view> out;
    for (std::size_t at = 0; at < text.size(); at += out.back().size())
      out.push_back(text.substr(at, 1 + below(12)));
    return out;
  }

 private:
  std::string space() { return pick({"", "", "", " ", "\n\t"}); }

  std::string list(int depth, char open, char close) {
    std::string out(1, open);
    for (std::size_t n = below(5), i = 0; i < n; ++i) {
      if (i != 0) out += ",";
      out += space();
      if (open == '{') out += string(pick({"a", "b", "0", "", "~/"})) + space() + ":" + space();
      out += value(depth - 1) + space();
    }
    return out + space() + close;
  }

  std::string string(const std::string& text) {
    std::string out = "\"";
    for (const char c : with_token(text)) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte < 0x80 && c != '\\' && c != '"' && below(8) == 0) {
        constexpr std::string_view hex = "0123456789abcdef";
        out.append("\\u00").append({hex[byte >> 4], hex[byte & 15]});
      } else {
        out += c;
      }
    }
    return out + '"';
  }

  std::mt19937 random_;
};

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

/// The text as a reader sees it, each string that is at the pointer with its stand-ins replaced. Duplicate
/// keys make it a list of what stands where.
class Reading : public json::json_sax_t {
 public:
  Reading(std::string pointer, std::string secret)
      : pointer_(std::move(pointer)), secret_(std::move(secret)) {}
  std::vector<std::string> told;

  bool null() override { return tell("null"); }
  bool boolean(bool b) override { return tell(b ? "true" : "false"); }
  bool number_integer(number_integer_t n) override { return tell(std::to_string(n)); }
  bool number_unsigned(number_unsigned_t n) override { return tell(std::to_string(n)); }
  bool number_float(number_float_t, const string_t& text) override { return tell(text); }
  bool string(string_t& text) override {
    step();
    const bool named = !steps_.empty() && path() == pointer_;
    told.push_back(path() + "=" + (named && !secret_.empty() ? replaced(text, body_token, secret_) : text));
    return true;
  }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(-1); }
  bool key(string_t& text) override {
    steps_.back() = replaced(replaced(text, "~", "~0"), "/", "~1");
    return true;
  }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override { return open(0); }
  bool end_array() override { return close(); }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override {
    return false;
  }

 private:
  void step() {
    if (!next_.empty() && next_.back() >= 0) steps_.back() = std::to_string(next_.back()++);
  }
  bool open(long first) {
    step();
    told.push_back(path() + (first < 0 ? "{" : "["));
    steps_.emplace_back();
    next_.push_back(first);
    return true;
  }
  bool close() {
    steps_.pop_back();
    next_.pop_back();
    return true;
  }
  bool tell(const std::string& what) {
    step();
    told.push_back(path() + "=" + what);
    return true;
  }
  [[nodiscard]] std::string path() const {
    std::string out;
    for (const std::string& s : steps_) out += "/" + s;
    return out;
  }
  std::string pointer_, secret_;
  std::vector<std::string> steps_;
  std::vector<long> next_;
};

std::optional<std::vector<std::string>> read(const std::string& text, const std::string& pointer,
                                             const std::string& secret) {
  Reading reading(pointer, secret);
  if (!json::sax_parse(text, &reading)) return std::nullopt;
  return reading.told;
}

constexpr const char* secret = "<\"\\\n\xc3\xa9>";
constexpr const char* secret_escaped = "<\\\"\\\\\\n\xc3\xa9>";

/// Of a string in the text that holds a stand-in, if there is one.
std::string pointer_into(const std::string& body, Texts& texts) {
  std::vector<std::string> pointers;
  const auto reading = read(body, "", "").value();
  for (const std::string& told : reading) {
    if (told.starts_with('/') && told.contains(body_token))
      pointers.push_back(told.substr(0, told.find('=')));
  }
  return pointers.empty() ? "/a" : texts.pick(pointers);
}

TEST(JsonSwapProperty, ReaderSeesTheSecretAtThePointerAndNothingElseChanged) {
  std::size_t swaps = 0;
  for (unsigned seed = 0; seed < 5000; ++seed) {
    Texts texts(seed);
    const std::string body = texts.value(Texts::deepest);
    const std::string pointer = pointer_into(body, texts);
    auto play = github_body({"json:" + pointer}, secret);
    const std::string out = play.send("application/json", texts.pieces(body));
    const auto expected = read(body, pointer, secret);
    ASSERT_TRUE(expected) << body;
    const auto got = read(out, pointer, "");
    ASSERT_TRUE(got) << body << "\n" << out;
    ASSERT_EQ(*got, *expected) << pointer << " " << body;
    swaps += play.uses.size();
  }
  EXPECT_GT(swaps, 1000U) << "the texts are not worth it";
}

TEST(JsonSwapProperty, OnlyTheStretchOfAStandInChangesWhateverComes) {
  std::size_t swaps = 0;
  for (unsigned seed = 0; seed < 5000; ++seed) {
    Texts texts(seed);
    std::string body = texts.value(Texts::deepest);
    const std::string pointer = pointer_into(body, texts);
    for (std::size_t n = texts.below(3); n > 0 && !body.empty(); --n) {
      const std::size_t at = texts.below(body.size());
      body.replace(at, texts.below(3), texts.pick({"\"", "{", "]", ",", "\\", "x", "@", "", ":", "\n", "1"}));
    }
    auto play = github_body({"json:" + pointer}, secret);
    const std::string whole = play.send("application/json", {body});
    ASSERT_EQ(play.send("application/json", texts.pieces(body)), whole) << body;
    swaps += play.uses.size();
    // Unescaped spellings of the stand-in come back to what was sent.
    if (body.find("\\u") == std::string::npos) {
      ASSERT_EQ(replaced(whole, secret_escaped, body_token), body);
    }
  }
  EXPECT_GT(swaps, 500U);
}

}  // namespace
}  // namespace standin::broker
