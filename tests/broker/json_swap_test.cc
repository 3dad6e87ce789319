#include "broker/json_path.h"
#include "tests/broker/body_fixture.h"

namespace standin::broker {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using namespace std::string_literals;

/// What comes of a body with `secret` "real" in the site `pointer`; '@' is a stand-in.
std::string swapped(const std::string& pointer, std::string_view body) {
  return github_body({"json:" + pointer}).json(with_token(body));
}

TEST(JsonSwap, PutsTheSecretEscapedWhereTheStandInStood) {
  auto play = github_body({"json:/auth/token"}, "+/=&%\"\\ \r\n\x01\x7f\xc3\xa9real");
  EXPECT_EQ(play.json(with_token(R"({"auth": {"token": "@"}})")),
            "{\"auth\": {\"token\": \"+/=&%\\\"\\\\ \\r\\n\\u0001\x7f\xc3\xa9real\"}}");
  EXPECT_THAT(play.uses, ElementsAre("json:/auth/token"));
}

TEST(JsonSwap, EveryOtherByteStays) {
  EXPECT_EQ(swapped("/t",
                    "\r\n\t { \"a\" : [1e+2,-0.0E-1 , 10 ,true,false,null,{},[ ]],\"\\u0074\"\t:\"@\" , "
                    "\"t\":\"x\\u00e9\\/@\" ,\"n\":1.0} \n"),
            "\r\n\t { \"a\" : [1e+2,-0.0E-1 , 10 ,true,false,null,{},[ ]],\"\\u0074\"\t:\"real\" , "
            "\"t\":\"x\\u00e9\\/real\" ,\"n\":1.0} \n");
}

TEST(JsonSwap, PointerIsFollowedThroughObjectsAndArrays) {
  EXPECT_EQ(swapped("/items/1/key", R"({"items":[{"key":"@"},{"key":"@","k":"@"},{"key":"@"}]})"),
            with_token(R"({"items":[{"key":"@"},{"key":"real","k":"@"},{"key":"@"}]})"));
  EXPECT_EQ(swapped("/0", R"(["@","@"])"), with_token(R"(["real","@"])"));
  EXPECT_EQ(swapped("/0", R"({"1":"@","0":"@"})"), with_token(R"({"1":"@","0":"real"})"));
  EXPECT_EQ(swapped("/10/0", R"([0,1,2,3,4,5,6,7,8,9,["@"],["@"]])"),
            with_token(R"([0,1,2,3,4,5,6,7,8,9,["real"],["@"]])"));
  EXPECT_EQ(swapped("/a~1b/~0/~01", R"({"a/b":{"~":{"~1":"@","/":"@"}}})"),
            with_token(R"({"a/b":{"~":{"~1":"real","/":"@"}}})"));
  EXPECT_EQ(swapped("/", R"({"":"@","x":{"":"@"}})"), with_token(R"({"":"real","x":{"":"@"}})"));
  EXPECT_EQ(swapped("/a//b", R"({"a":{"":{"b":"@"},"b":"@"}})"),
            with_token(R"({"a":{"":{"b":"real"},"b":"@"}})"));
}

TEST(JsonSwap, OtherPlacesPassAsTheyAre) {
  for (const char* body : {R"({"token":"@"})",
                           R"({"auth":"@"})",
                           R"({"auth":["@"]})",
                           R"({"auth":{"Token":"@"}})",
                           R"({"auth":{"x":{"token":"@"}}})",
                           R"({"auth":{"token":["@"]}})",
                           R"({"auth":{"token":{"@":"@"}}})",
                           R"([{"auth":{"token":"@"}}])",
                           R"({"x":{"auth":{"token":"@"}}})",
                           R"({"auth":{"@":"token"}})",
                           R"({"auth/token":"@"})",
                           R"({"/auth/token":"@"})",
                           R"("@")",
                           R"({"auth":{"toke":"@","tokenn":"@"}})",
                           R"({"auth":{},"token":"@"})",
                           R"({"auth":[],"x":{"token":"@"}})",
                           R"({"auth":{"tok\u0000en":"@"}})",
                           R"({"auth":{"token\u00e9":"@"}})",
                           R"({"auth":{"token":{}},"x":"@"})",
                           R"({"\"auth":{"token":"@"}})"}) {
    auto play = github_body({"json:/auth/token"});
    EXPECT_EQ(play.json(with_token(body)), with_token(body));
    EXPECT_THAT(play.uses, IsEmpty()) << body;
  }
}

TEST(JsonSwap, NegativeAndPaddedIndexesAreNone) {
  for (const char* pointer : {"/-", "/-1", "/00", "/01", "/+0", "/1e0"})
    EXPECT_EQ(swapped(pointer, R"(["@","@"])"), with_token(R"(["@","@"])")) << pointer;
}

TEST(JsonSwap, KeyIsComparedDecoded) {
  EXPECT_EQ(swapped("/auth/token", R"({"\u0061\u0075th":{"\u0074o\u006Ben":"@"}})"),
            R"({"\u0061\u0075th":{"\u0074o\u006Ben":"real"}})");
  EXPECT_EQ(swapped("/a~1b", R"({"a\/b":"@"})"), R"({"a\/b":"real"})");
  EXPECT_EQ(swapped("/\"\\", R"({"\"\\":"@"})"), R"({"\"\\":"real"})");
  EXPECT_EQ(swapped("/t", R"({"\t":"@"})"), with_token(R"({"\t":"@"})"));
}

TEST(JsonSwap, StandInIsRecognisedEscaped) {
  EXPECT_EQ(swapped("/t", R"({"t":"\u0067hp\u005Fstandin\u0041bC12\u0033xyz"})"), R"({"t":"real"})");
  EXPECT_EQ(swapped("/t", R"({"t":"Bearer\u0020@\n@"})"), R"({"t":"Bearer\u0020real\nreal"})");
  EXPECT_EQ(swapped("/t", R"({"t":"\\u0067hp_standinAbC123xyz"})"), R"({"t":"\\u0067hp_standinAbC123xyz"})");
  EXPECT_EQ(swapped("/t", R"({"t":"\uFF47hp_standinAbC123xyz"})"), R"({"t":"\uFF47hp_standinAbC123xyz"})");
  EXPECT_EQ(swapped("/t", R"({"t":"%67hp_standinAbC123xyz"})"), R"({"t":"%67hp_standinAbC123xyz"})");
  BodyPlay slash;
  slash.credential("a", "api.github.com", {"json:/t"}, "bot/1:standin", "real");
  EXPECT_EQ(slash.json(R"({"t":"bot\/1\u003astandin"})"), R"({"t":"real"})");
  EXPECT_EQ(slash.json(R"({"t":"\bot/1:standin"})"), R"({"t":"\bot/1:standin"})") << "\\b is a backspace";
}

// The origin takes one of them: it may be any.
TEST(JsonSwap, EveryRepetitionOfTheKeyIsSwapped) {
  EXPECT_EQ(swapped("/t", R"({"t":"@","t":1,"\u0074":"@"})"), R"({"t":"real","t":1,"\u0074":"real"})");
  EXPECT_EQ(swapped("/a/t", R"({"a":{"t":"@"},"a":{"t":"@"},"b":{"t":"@"}})"),
            with_token(R"({"a":{"t":"real"},"a":{"t":"real"},"b":{"t":"@"}})"));
}

TEST(JsonSwap, TextInsideAStringIsNoStructure) {
  EXPECT_EQ(swapped("/t", R"({"x":"\",\"t\":\"@","y":"\\","t":"@"})"),
            with_token(R"({"x":"\",\"t\":\"@","y":"\\","t":"real"})"));
  EXPECT_EQ(swapped("/t", R"({"x":"{\"t\":\"@\"}"})"), with_token(R"({"x":"{\"t\":\"@\"}"})"));
}

TEST(JsonSwap, NothingIsSwappedBehindTheFirstFault) {
  const std::vector<std::string> faults = {R"({"x":1}{)",
                                           R"({"x":01,)",
                                           R"({"x":+1,)",
                                           R"({"x":.5,)",
                                           R"({"x":1.,)",
                                           R"({"x":1e,)",
                                           R"({"x":-,)",
                                           R"({"x":--1,)",
                                           R"({"x":1e+-1,)",
                                           R"({"x":1E1.0,)",
                                           R"({"x":0x1,)",
                                           R"({"x":NaN,)",
                                           R"({"x":True,)",
                                           R"({"x":nul,)",
                                           R"({"x":nulll,)",
                                           R"({"x":'',)",
                                           R"({x:1,)",
                                           R"({"x" 1,)",
                                           R"({"x"::1,)",
                                           R"({"x":1,,)",
                                           R"({"x":1 2,)",
                                           R"({,)",
                                           R"({"x":[1,],)",
                                           R"({"x":[,],)",
                                           R"({"x":[1},)",
                                           R"({"x":{],)",
                                           R"({"x":{1},)",
                                           R"({"x":"\x",)",
                                           R"({"x":"\u12g4",)",
                                           R"({"x":"\u12",)",
                                           R"({"\q":1,)",
                                           R"({"t":"\z)",
                                           R"(/**/{)",
                                           "{//\n",
                                           "{\"x\":\"\n\",",
                                           "{\"x\":\"a\0b\","s,
                                           "\xef\xbb\xbf{",
                                           "\xff\xfe{",
                                           "\v{",
                                           "{\"x\":\xc2\xa0 1,",
                                           R"(1 {)",
                                           R"("x"{)",
                                           R"([]{)",
                                           R"(]{)",
                                           R"(}{)"};
  for (const std::string& before : faults) {
    const std::string body = with_token(before + R"("t":"@"})");
    EXPECT_EQ(swapped("/t", body), body) << before;
  }
}

TEST(JsonSwap, WhatStoodBeforeTheFaultWasSwapped) {
  EXPECT_EQ(swapped("/t", R"({"t":"@",oops,"t":"@"})"), with_token(R"({"t":"real",oops,"t":"@"})"));
  EXPECT_EQ(swapped("/t", "{\"t\":\"@ghp_\n@\"}"), with_token("{\"t\":\"realghp_\n@\"}"));
}

TEST(JsonSwap, Utf16PassesUntouched) {
  const std::string text = with_token(R"({"t":"@"})");
  std::string utf16;
  for (const char c : text) utf16.append({c, '\0'});
  EXPECT_EQ(github_body({"json:/t"}).json(utf16), utf16);
  EXPECT_EQ(github_body({"json:/t"}).json("\xff\xfe" + utf16), "\xff\xfe" + utf16);
}

TEST(JsonSwap, TextCutOffPassesToItsLastByte) {
  auto play = github_body({"json:/t"});
  const std::string body = R"({"a":[1.5e3,true],"t":"x\u0067hp_standinAbC123xy"})";
  for (std::size_t size = 0; size <= body.size(); ++size)
    EXPECT_EQ(play.send("application/json", {std::string_view(body).substr(0, size)}), body.substr(0, size));
}

TEST(JsonSwap, DepthIsBounded) {
  auto play = github_body({"json:/t"});
  const auto nested = [](std::size_t depth) {
    return with_token(R"({"x":)" + std::string(depth, '[') + std::string(depth, ']') + R"(,"t":"@"})");
  };
  const std::string deepest = nested(JsonPath::deepest - 1);
  EXPECT_NE(play.send("application/json", {deepest}), deepest);
  const std::string too_deep = nested(JsonPath::deepest);
  EXPECT_EQ(play.send("application/json", {too_deep}), too_deep);
  const std::string hostile(1 << 20, '[');
  EXPECT_EQ(play.send("application/json", {hostile}), hostile);
}

TEST(JsonSwap, PointerLongerThanMostIsFollowed) {
  std::string pointer;
  std::string open;
  std::string close;
  for (int i = 0; i < 60; ++i) {
    pointer += "/a";
    open += R"({"a":)";
    close += "}";
  }
  EXPECT_EQ(swapped(pointer, open + "\"@\"" + close), open + "\"real\"" + close);
}

TEST(JsonSwap, HoldsBackNoMoreThanMayBeAStandIn) {
  auto play = github_body({"json:/t"});
  std::string body = R"({"t":")";
  for (int i = 0; i < 100'000; ++i) body += R"(\u0067hp)";
  body += R"(","k)" + std::string(1 << 20, 'e') + R"(":1})";
  std::vector<std::string_view> pieces;
  for (std::size_t at = 0; at < body.size(); at += 1001)
    pieces.push_back(std::string_view(body).substr(at, 1001));
  EXPECT_EQ(play.send("application/json", pieces), body);
  EXPECT_LE(play.most_held, 6 * body_token.size());
}

}  // namespace
}  // namespace standin::broker
