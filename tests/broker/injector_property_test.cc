// What holds for every request head, tried on random ones: a request without a stand-in is untouched, and
// one with stand-ins is the same text but for the swapped stretches.
#include <random>

#include "tests/broker/injector_fixture.h"

namespace standin::broker {
namespace {

/// Random heads, put together from pieces that mean something to the injector.
class Heads {
 public:
  explicit Heads(unsigned seed) : engine_(seed) {}

  std::size_t below(std::size_t n) { return engine_() % n; }
  std::string pick(const std::vector<std::string>& from) { return from[below(from.size())]; }

  /// `expected` is the text with each `@` stand-in replaced as the place has it.
  std::string text(const std::string& stand_in, const std::string& secret, std::string& expected) {
    static const std::vector<std::string> pieces = {"a",  "Z9",       "%",  "%4",      "%41", "=",
                                                    ":",  ",",        "\"", "standin", "std", "standin_abc",
                                                    "$1", "standin_", "+",  "~"};
    std::string sent;
    for (std::size_t n = below(8); n > 0; --n) {
      const bool swapped = below(4) == 0;
      const std::string piece = pick(pieces);
      sent += swapped ? stand_in : piece;
      expected += swapped ? secret : piece;
    }
    return sent;
  }

 private:
  std::mt19937 engine_;
};

TEST(InjectorProperty, ChangesNothingButTheSwappedStretches) {
  const std::string stand_in = "standin_abcdef01";
  Playbook play;
  play.credential("a", "api.github.com", {Site{}, {Site::Kind::query, "q"}, {Site::Kind::path, {}}}, stand_in,
                  "s/@\xff-standin_abcdef01");
  const std::string raw = "s/@\xff-standin_abcdef01";
  const std::string encoded = "s%2F%40%FF-standin_abcdef01";
  for (unsigned seed = 0; seed < 3000; ++seed) {
    Heads heads(seed);
    std::string target = "/";
    std::string expected_target = "/";
    target += heads.text(stand_in, encoded, expected_target);
    for (std::size_t n = heads.below(4), i = 0; i < n; ++i) {
      const std::string name = heads.pick({"q", "%71", "Q", "qq", "x"});
      const std::string before = (i == 0 ? "?" : "&") + name + "=";
      target += before;
      expected_target += before;
      const bool site = name == "q" || name == "%71";
      target += heads.text(stand_in, site ? encoded : stand_in, expected_target);
    }
    std::vector<std::pair<std::string, std::string>> sent;
    std::vector<std::pair<std::string, std::string>> expected;
    for (std::size_t n = heads.below(6); n > 0; --n) {
      const std::string name =
          heads.pick({"Authorization", "X-API-KEY", "x-note", "Accept", "Cookie", "private-token"});
      const bool site = name != "x-note" && name != "Accept" && name != "Cookie";
      std::string value;
      const std::string text = heads.text(stand_in, site ? raw : stand_in, value);
      sent.emplace_back(name, text);
      expected.emplace_back(name, value);
    }
    std::vector<proxy::Field> fields;
    for (const auto& [name, value] : sent) fields.push_back({name, value});
    play.request(target, fields);
    ASSERT_EQ(play.code(), "") << seed;
    ASSERT_EQ(play.head.target, expected_target) << seed;
    ASSERT_EQ(play.head.method, "GET");
    ASSERT_EQ(play.head.fields.size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      ASSERT_EQ(play.head.fields[i].name, expected[i].first) << seed;
      ASSERT_EQ(play.head.fields[i].value, expected[i].second) << seed;
    }
  }
}

TEST(InjectorProperty, LendsNoSecretThatIsNotOnTheListOfUses) {
  const std::vector<std::string> stand_ins = {"standin_aaaa", "standin_bbbb", "standin_cccc"};
  Playbook play;
  play.credential("a", "api.github.com", {}, stand_ins[0], "1");
  play.credential("b", "*.github.com", {{Site::Kind::basic, {}}}, stand_ins[1], "2");
  play.credential("c", "evil.example", {{Site::Kind::header, "X-Note"}}, stand_ins[2], "3");
  for (unsigned seed = 0; seed < 3000; ++seed) {
    Heads heads(seed);
    std::vector<std::string> texts;
    for (int i = 0; i < 6; ++i)
      texts.push_back(heads.pick(stand_ins) + heads.pick({"", ":", " ", "x"}) + heads.pick(stand_ins));
    std::vector<proxy::Field> fields;
    for (std::size_t n = heads.below(4); n > 0; --n) {
      fields.push_back({heads.below(2) == 0 ? "Authorization" : "X-Note", texts[heads.below(6)]});
    }
    play.request("/", fields);
    for (const std::size_t index : play.lent) {
      ASSERT_TRUE(std::ranges::any_of(play.found.uses, [&](const Use& use) { return use.index == index; }))
          << seed;
      ASSERT_NE(index, 2U) << seed;
    }
    if (play.code() == "wrong_origin" || play.code() == "wrong_site") {
      ASSERT_TRUE(play.lent.empty());
    }
  }
}

}  // namespace
}  // namespace standin::broker
