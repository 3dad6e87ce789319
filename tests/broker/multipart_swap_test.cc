#include "tests/broker/body_fixture.h"

namespace standin::broker {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// A body of one part with this head (lines end with \n) and value.
std::string part(const std::string& head, const std::string& value) {
  return with_token("--B\n" + head + "\n" + value + "\n--B--\n");
}
std::string named(const std::string& parameters) {
  return "Content-Disposition: form-data; " + parameters + "\n";
}

TEST(MultipartSwap, PutsTheSecretRawIntoTheNamedPart) {
  auto play = github_body({"form:t"}, "+/=&%\"\\ \n\xff--");
  EXPECT_EQ(play.multipart(part(named("name=\"t\""), "@")), part(named("name=\"t\""), "+/=&%\"\\ \n\xff--"));
  EXPECT_THAT(play.uses, ElementsAre("form:t"));
}

TEST(MultipartSwap, OtherPartsPassAsTheyAre) {
  auto play = github_body({"form:t"});
  const std::string body =
      "preamble @\n--B\nContent-Type: text/plain\nCONTENT-disposition:form-data;name=t\n\nBearer @ \n@\n--B  "
      "\n" +
      named("name=\"u\"") + "\n@\n--B\n\n@\n--B\n" + named("name=\"t\"") + "\n--B\n" + named("name=\"t\"") +
      "\n\n--B\n" + named("name=\"t\"") + "\n@\n--B--\n@\n--B\n" + named("name=\"t\"") + "\n@\n--B--";
  std::string expected = body;
  expected.replace(expected.find("Bearer @ \n@"), 11, "Bearer real \nreal");
  const std::string last = named("name=\"t\"") + "\n@\n--B--\n@";
  expected.replace(expected.find(last), last.size(), named("name=\"t\"") + "\nreal\n--B--\n@");
  EXPECT_EQ(play.multipart(with_token(body)), with_token(expected));
}

TEST(MultipartSwap, PartWhoseNameCouldBeAnotherIsLeftAlone) {
  auto play = github_body({"form:t"});
  for (const std::string& head : {named("name=\"T\""),
                                  named("name=\"t \""),
                                  named("name=\"%74\""),
                                  named("name*=utf-8''t"),
                                  named("name=t; name*=utf-8''comment"),
                                  named("name=t; name=comment"),
                                  named("name=comment; name=t"),
                                  named("name=\"\\t\""),
                                  named("name=\"t\"; filename=\"x\""),
                                  named("filename*=utf-8''x; name=t"),
                                  named("name=t; FILENAME=x"),
                                  named("name=\"t"),
                                  named("name=t comment"),
                                  named("xname=t"),
                                  named("name"),
                                  std::string("Content-Disposition: attachment; name=t\n"),
                                  std::string("Content-Disposition: name=t\n"),
                                  named("name=t") + named("name=comment"),
                                  named("name=comment") + named("name=t"),
                                  named("name=t") + "Content-Transfer-Encoding: base64\n",
                                  std::string("X-Name: t\n"),
                                  std::string()}) {
    EXPECT_EQ(play.multipart(part(head, "@")), part(head, "@")) << head;
    EXPECT_THAT(play.uses, IsEmpty()) << head;
  }
}

TEST(MultipartSwap, NothingIsSwappedBehindAMalformedHead) {
  auto play = github_body({"form:t"});
  const std::string sound = named("name=t") + "\n@\n--B--\n";
  for (const std::string& head :
       {std::string("no colon\n"), std::string(": x\n"), std::string("a b: x\n"), named("name=x;\n name=t"),
        std::string("--B\n"), std::string("--B: x\n"), "X: " + std::string(9000, 'x') + "\n"}) {
    const std::string body = with_token("--B\n" + head + "\n\nx\n--B\n" + sound);
    EXPECT_EQ(play.send("multipart/form-data; boundary=B", {BodyPlay::with_carriage_returns(body)}),
              BodyPlay::with_carriage_returns(body))
        << head;
  }
  const std::string bare =
      "--B\r\nX: a\nY: b\r\n\r\nx\r\n--B\r\n" + BodyPlay::with_carriage_returns(with_token(sound));
  EXPECT_EQ(play.send("multipart/form-data; boundary=B", {bare}), bare);
}

// A lenient origin may see a part begin there whose name is another.
TEST(MultipartSwap, LineThatLooksLikeABoundaryEndsTheSwapping) {
  auto play = github_body({"form:t"});
  const std::string smuggled = named("name=comment") + "\n@";
  for (const char* line : {"\r\n--Bx\r\n", "\n--B\n", "\n--B\r\n", "\r--B\r\n", "\r\n--B\n", "\r\n--B \n",
                           "\r\n--B-\r\n", "\r\n--B\rx"}) {
    const std::string body = "--B\r\n" + BodyPlay::with_carriage_returns(named("name=t")) + "\r\nx" + line +
                             BodyPlay::with_carriage_returns(with_token(smuggled)) + "\r\n--B--\r\n";
    EXPECT_EQ(play.at_every_cut("multipart/form-data; boundary=B", body), body) << line;
  }
}

TEST(MultipartSwap, WhatIsNoBoundaryIsOfTheValue) {
  auto play = github_body({"form:t"});
  for (const char* text :
       {"x--B@", "x--B--@", "\n-@", "\n--@", "\n--A@", "\n\n-\n--\n@", "\n\n\n@\n\n", "@\n", "\n-@-"}) {
    std::string expected = text;
    expected.replace(expected.find('@'), 1, "real");
    EXPECT_EQ(play.multipart(part(named("name=t"), text)), part(named("name=t"), expected)) << text;
  }
}

TEST(MultipartSwap, BoundaryThatHoldsTheStandInStaysOne) {
  auto play = github_body({"form:t"});
  const std::string b = with_token("@");
  const std::string body =
      "--" + b + "\r\n" + BodyPlay::with_carriage_returns(named("name=t")) + "\r\n" + b + "\r\n--" + b + "--";
  std::string expected = body;
  expected.replace(body.find("\r\n\r\n") + 4, b.size(), "real");
  EXPECT_EQ(play.at_every_cut("multipart/form-data; boundary=" + b, body), expected);
}

TEST(MultipartSwap, SecretThatHoldsTheBoundaryIsRefused) {
  auto play = github_body({"form:t"}, "a\r\n--Bc");
  EXPECT_EQ(play.multipart(part(named("name=t"), "@")), "refused: secret_unusable");
  EXPECT_THAT(play.refusals[0].refusal.message, testing::HasSubstr("holds the line that ends the part"));
}

TEST(MultipartSwap, BodyCutOffPassesToItsLastByte) {
  auto play = github_body({"form:t"});
  const std::string body = BodyPlay::with_carriage_returns(part(named("name=t"), "x ghp_standinAbC123xy"));
  for (std::size_t size = 0; size <= body.size(); ++size) {
    const std::string_view cut = std::string_view(body).substr(0, size);
    EXPECT_EQ(play.send("multipart/form-data; boundary=B", {cut}), cut);
  }
}

TEST(MultipartSwap, FileOfAnySizePassesAsItComes) {
  auto play = github_body({"form:t"});
  const std::string body = BodyPlay::with_carriage_returns(
      part(named("name=f; filename=x"), std::string(1 << 20, '\n') + std::string(1 << 20, '-')));
  std::vector<std::string_view> pieces;
  for (std::size_t at = 0; at < body.size(); at += 1000)
    pieces.push_back(std::string_view(body).substr(at, 1000));
  EXPECT_EQ(play.send("multipart/form-data; boundary=B", pieces), body);
  EXPECT_EQ(play.most_held, 0U);
}

}  // namespace
}  // namespace standin::broker
