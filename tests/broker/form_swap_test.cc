#include <random>

#include "tests/broker/body_fixture.h"

namespace standin::broker {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::string_view hard = "+/=&%\"\\ \r\n\xff;real";
constexpr const char* hard_encoded = "%2B%2F%3D%26%25%22%5C%20%0D%0A%FF%3Breal";

TEST(FormSwap, PutsTheSecretPercentEncodedWhereTheStandInStood) {
  auto play = github_body({"form:client_secret"}, hard);
  EXPECT_EQ(play.form(with_token("grant_type=x&client_secret=@&scope=a+b")),
            std::string("grant_type=x&client_secret=") + hard_encoded + "&scope=a+b");
  EXPECT_THAT(play.uses, ElementsAre("form:client_secret"));
}

TEST(FormSwap, ValueMayHoldMoreThanTheStandIn) {
  auto play = github_body({"form:auth"});
  EXPECT_EQ(play.form(with_token("auth=Bearer+@")), "auth=Bearer+real");
  EXPECT_EQ(play.form(with_token("auth=@@,%20@")), "auth=realreal,%20real");
  EXPECT_EQ(play.form(with_token("auth=x@y")), "auth=xrealy");  // as in a query: no word ends are asked for
}

TEST(FormSwap, StandInIsRecognisedPercentEncoded) {
  auto play = github_body({"form:t"});
  EXPECT_EQ(play.form("t=ghp%5Fstandin%41b%4312%33xyz&b=%5f"), "t=real&b=%5f");
  std::string all = "t=";
  for (const char c : body_token) {
    constexpr std::string_view hex = "0123456789abcdef";
    all.append({'%', hex[static_cast<unsigned char>(c) >> 4], hex[c & 15]});
  }
  EXPECT_EQ(play.form(all), "t=real");
}

TEST(FormSwap, WhatOnlyLooksLikeAnEscapeIsNone) {
  auto play = github_body({"form:t"});
  EXPECT_EQ(play.form(with_token("t=%@")), "t=%real");
  EXPECT_EQ(play.form(with_token("t=%4@%")), "t=%4real%");
  // Read as %41 by the origin: the stand-in's second letter would be no letter of it.
  BodyPlay other;
  other.credential("a", "api.github.com", {"form:t"}, "41standin", "real");
  EXPECT_EQ(other.form("t=%41standin"), "t=%41standin");
  EXPECT_EQ(other.form("t=%%341standin"), "t=%real");
}

TEST(FormSwap, OtherFieldsPassAsTheyAre) {
  auto play = github_body({"form:client_secret"});
  for (const char* body :
       {"comment=@", "Client_secret=@", "client_secret2=@", "xclient_secret=@", "client_secret[]=@", "@=x",
        "@", "client_secret", "client_secret&@", "a=client_secret=@", "=@", "&&=&@", "client_secret%00=@",
        "client+secret=@", "client_secret%3D=@", " client_secret=@", "client%255Fsecret=@"}) {
    EXPECT_EQ(play.form(with_token(body)), with_token(body)) << body;
    EXPECT_THAT(play.uses, IsEmpty()) << body;
  }
}

TEST(FormSwap, NameIsComparedDecoded) {
  auto play = github_body({"form:auth[token]"});
  EXPECT_EQ(play.form(with_token("auth%5Btoken%5d=@")), "auth%5Btoken%5d=real");
  EXPECT_EQ(play.form(with_token("%61uth[token]=@")), "%61uth[token]=real");
  EXPECT_EQ(play.form(with_token("auth[token=@")), with_token("auth[token=@"));
  EXPECT_EQ(github_body({"form:a+b"}).form(with_token("a%2Bb=@&a+b=@")), with_token("a%2Bb=real&a+b=@"));
}

TEST(FormSwap, EveryRepetitionOfTheFieldIsSwapped) {
  auto play = github_body({"form:t"});
  EXPECT_EQ(play.form(with_token("t=@&x=@&t=&t=@")), with_token("t=real&x=@&t=&t=real"));
  EXPECT_THAT(play.uses, ElementsAre("form:t"));
}

// Old readers end a pair at ';' and would publish what follows as a field of another name.
TEST(FormSwap, NothingIsSwappedBehindASemicolon) {
  auto play = github_body({"form:t"});
  EXPECT_EQ(play.form(with_token("t=x;comment=@&t=@")), with_token("t=x;comment=@&t=real"));
  EXPECT_EQ(play.form(with_token("t=@;comment=@")), with_token("t=real;comment=@"));
  EXPECT_EQ(play.form(with_token("comment=x;t=@")), with_token("comment=x;t=@"));
}

TEST(FormSwap, PartOfAStandInPasses) {
  auto play = github_body({"form:t"});
  const std::string token(body_token);
  for (std::size_t i = 1; i < token.size(); ++i) {
    EXPECT_EQ(play.form("t=" + token.substr(0, i) + "&u=" + token.substr(i)),
              "t=" + token.substr(0, i) + "&u=" + token.substr(i));
    EXPECT_EQ(play.form("t=" + token.substr(0, i) + token), "t=" + token.substr(0, i) + "real");
  }
}

TEST(FormSwap, LongestOfSeveralStandInsIsTaken) {
  BodyPlay play;
  play.credential("a", "api.github.com", {"form:t"}, "standin_1", "short");
  play.credential("b", "api.github.com", {"form:t"}, "standin_12", "long");
  EXPECT_EQ(play.form("t=standin_12&t=standin_1&t=standin_13"), "t=long&t=short&t=short3");
}

TEST(FormSwap, StandInOfACredentialWithoutThisSiteIsInert) {
  BodyPlay play;
  play.credential("a", "api.github.com", {"form:t"}, "standin_a", "A");
  play.credential("b", "api.github.com", {"form:u"}, "standin_b", "B");
  play.credential("c", "api.github.com", {"query:t", "header:t", "json:/t"}, "standin_c", "C");
  EXPECT_EQ(play.form("t=standin_bstandin_astandin_c&u=standin_a,standin_b"),
            "t=standin_bAstandin_c&u=standin_a,B");
  EXPECT_THAT(play.uses, ElementsAre("form:t", "form:u"));
}

TEST(FormSwap, HoldsBackNoMoreThanMayBeAStandIn) {
  auto play = github_body({"form:t"});
  const std::string value(1 << 20, 'g');
  const std::string body = "t=" + value + "&" + std::string(1 << 20, 'n') + "=1";
  std::vector<std::string_view> pieces;
  for (std::size_t at = 0; at < body.size(); at += 1000)
    pieces.push_back(std::string_view(body).substr(at, 1000));
  EXPECT_EQ(play.send(BodyPlay::urlencoded, pieces), body);
  EXPECT_LE(play.most_held, 1U);
}

/// The same by another way: the whole body, cut into pairs, decoded, compared, replaced.
std::string naive(std::string body, const std::string& name, const std::string& secret) {
  const auto decode = [](const std::string& text) {
    std::vector<std::pair<char, std::string>> out;  // each character and its spelling
    for (std::size_t i = 0; i < text.size(); ++i) {
      const bool escaped =
          text[i] == '%' && i + 2 < text.size() && isxdigit(text[i + 1]) && isxdigit(text[i + 2]);
      const std::string spelling = text.substr(i, escaped ? 3 : 1);
      out.emplace_back(escaped ? static_cast<char>(std::stoi(spelling.substr(1), nullptr, 16)) : text[i],
                       spelling);
      i += spelling.size() - 1;
    }
    return out;
  };
  std::string out;
  body += '&';
  for (std::size_t at = 0, end; (end = body.find('&', at)) != std::string::npos; at = end + 1) {
    const std::string pair = body.substr(at, end - at);
    const std::size_t equals = pair.find('=');
    if (!out.empty() || at != 0) out += '&';
    std::string sent_name;
    for (const auto& [c, spelling] : decode(pair.substr(0, equals))) sent_name += spelling == "+" ? ' ' : c;
    if (equals == std::string::npos || sent_name != name) {
      out += pair;
      continue;
    }
    const std::string value = pair.substr(equals + 1, pair.find(';', equals) - equals - 1);
    const auto characters = decode(value);
    out += pair.substr(0, equals + 1);
    for (std::size_t i = 0; i < characters.size();) {
      std::string text;
      for (std::size_t k = i; k < characters.size() && text.size() < body_token.size(); ++k)
        text += characters[k].first;
      out += text == body_token ? secret : characters[i].second;
      i += text == body_token ? text.size() : 1;
    }
    out += pair.substr(equals + 1 + value.size());
  }
  return out;
}

TEST(FormSwap, DoesWhatANaiveReaderOfTheWholeBodyDoes) {
  auto play = github_body({"form:key"}, "s/t");
  const std::vector<std::string> words = {"key",  "k%65y",  "%6bey", "=",  "=",   "&",    "&",
                                          "@",    "@",      "%",     "%4", ";",   "+",    "g",
                                          "ghp_", "ghp%5f", "@@",    "x",  "%40", "key=@"};
  std::mt19937 random(20261126);
  for (int round = 0; round < 3000; ++round) {
    std::string body;
    for (std::size_t n = random() % 12; n > 0; --n) body += with_token(words[random() % words.size()]);
    std::vector<std::string_view> pieces;
    for (std::size_t at = 0; at < body.size();) {
      const std::size_t size = 1 + random() % 9;
      pieces.push_back(std::string_view(body).substr(at, size));
      at += size;
    }
    ASSERT_EQ(play.send(BodyPlay::urlencoded, pieces), naive(body, "key", "s%2Ft")) << body;
  }
}

}  // namespace
}  // namespace standin::broker
