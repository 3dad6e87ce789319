#include <chrono>

#include <openssl/evp.h>

#include "tests/broker/injector_fixture.h"

namespace standin::broker {

std::string base64(std::string_view text) {
  std::string out(text.size() * 2 + 8, '\0');
  const int length =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                      reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  out.resize(static_cast<std::size_t>(length));
  return out;
}

namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* token = "ghp_standinAbC123xyz";
constexpr const char* telegram = "123456:AAstandin_x-Y9z";
// Everything that some encoder trips over, but for control bytes.
constexpr std::string_view awkward = "a+/=&%#?\"\\$1 \xc3\xa4'`<>..;z";

Playbook github(std::string_view secret = "real", std::vector<Site> sites = {}) {
  Playbook play;
  play.credential("github", "api.github.com", std::move(sites), token, secret);
  return play;
}

std::string user_pass(const Playbook& play) {
  const auto basic = decode_basic(play.field("Authorization"));
  return basic ? std::string(proxy::view(basic->user_pass)) : "not basic";
}

// --- fields ---

TEST(Injector, SwapsABearerToken) {
  auto play = github();
  play.request("/", {{"Authorization", "Bearer ghp_standinAbC123xyz"}});
  EXPECT_EQ(play.field("Authorization"), "Bearer real");
  EXPECT_THAT(play.sites(), ElementsAre("header:Authorization"));
}

TEST(Injector, SwapsInAnySchemeOfAuthorizationAndEveryWellKnownField) {
  auto play = github();
  for (const std::string before :
       {"token ", "Token token=\"", "Digest username=\"x\", response=\"", "", "Basic "}) {
    const std::string value = before + token + "\", n=1";
    play.request("/", {{"authorization", value}});
    EXPECT_EQ(play.field("authorization"), before + "real\", n=1");
  }
  for (const std::string_view name : authentication_fields()) {
    play.request("/", {{name, token}});
    EXPECT_EQ(play.field(name), "real") << name;
  }
}

TEST(Injector, ListsItsAuthenticationFieldsInLowerCaseAndOrder) {
  const auto fields = authentication_fields();
  EXPECT_TRUE(std::ranges::is_sorted(fields));
  for (const auto name : fields) {
    EXPECT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-"), std::string_view::npos)
        << name;
  }
  EXPECT_THAT(fields, testing::Contains("authorization"));
  EXPECT_THAT(fields, Not(testing::Contains("proxy-authorization")));
}

TEST(Injector, LeavesAStandInAloneInFieldsThatOthersRead) {
  auto play = github();
  for (const std::string_view name : {"User-Agent", "X-Note", "Cookie", "Referer", "Proxy-Authorization",
                                      "X-Subscription-Token", "Authorization2", "uthorization"}) {
    play.request("/", {{name, token}});
    EXPECT_EQ(play.field(name), token) << name;
    EXPECT_THAT(play.lent, IsEmpty());
  }
}

TEST(Injector, SwapsInAFieldThatTheCredentialNames) {
  auto play = github("real", {header_site("X-Subscription-Token")});
  play.request("/", {{"x-subscription-TOKEN", token}});
  EXPECT_EQ(play.field("x-subscription-token"), "real");
  EXPECT_THAT(play.sites(), ElementsAre("header:x-subscription-TOKEN"));
}

TEST(Injector, SwapsInAFieldWithAVeryLongName) {
  const std::string name(300, 'x');
  auto play = github("real", {header_site(name)});
  const std::string other(299, 'x');
  play.request("/", {{name, token}, {other, token}});
  EXPECT_EQ(play.field(name), "real");
  EXPECT_EQ(play.field(other), token);
}

TEST(Injector, RecognisesAStandInWithAnyOfItsCharactersPercentEncoded) {
  auto play = github();
  const std::string_view text = token;
  for (unsigned mask = 0; mask < 64; ++mask) {
    std::string sent = "Bearer ";
    for (std::size_t i = 0; i < text.size(); ++i) {
      std::array<char, 4> encoded{};
      std::snprintf(encoded.data(), encoded.size(), (mask >> ((i + 1) % 6) & 1U) != 0 ? "%%%02x" : "%%%02X",
                    static_cast<unsigned>(text[i]));
      sent += (mask >> (i % 6) & 1U) != 0 ? std::string(encoded.data()) : std::string(1, text[i]);
    }
    play.request("/", {{"Authorization", sent}});
    EXPECT_EQ(play.field("Authorization"), "Bearer real") << sent;
  }
}

TEST(Injector, IsNotTakenInByWhatOnlyResemblesAStandIn) {
  auto play = github();
  for (const std::string_view value :
       {"ghp_standinAbC123xy", "Ghp_standinAbC123xyz", "ghp_standinAbC123xy%7", "%", "%6", "%67",
        "ghp_standinAbC123xy%257a", "ghp_ standinAbC123xyz", ""}) {
    play.request("/", {{"Authorization", value}});
    EXPECT_EQ(play.field("Authorization"), value);
    EXPECT_THAT(play.found.uses, IsEmpty());
  }
}

TEST(Injector, PutsTheSecretIntoAFieldAsItIs) {
  auto play = github(awkward);
  play.request("/", {{"Authorization", "Bearer %67hp_standinAbC123xyz"}});
  EXPECT_EQ(play.field("Authorization"), "Bearer " + std::string(awkward));
}

TEST(Injector, SwapsEveryStandInOfAPlaceAndCallsItOneUse) {
  Playbook play;
  play.credential("a", "api.github.com", {}, "standin_aaaa", "1");
  play.credential("b", "api.github.com", {}, "standin_bbbb", "2");
  play.request("/",
               {{"X-Api-Key", "standin_aaaa"}, {"Authorization", "x standin_bbbb,standin_aaaastandin_bbbb"}});
  EXPECT_EQ(play.field("Authorization"), "x 2,12");
  EXPECT_EQ(play.field("X-Api-Key"), "1");
  EXPECT_THAT(play.sites(), ElementsAre("header:X-Api-Key", "header:Authorization", "header:Authorization"));
}

TEST(Injector, CallsAFieldInAnyCaseOneSite) {
  auto play = github();
  play.request("/", {{"X-Api-Key", token}, {"x-api-KEY", token}});
  EXPECT_THAT(play.sites(), ElementsAre("header:X-Api-Key"));
  EXPECT_EQ(play.head.fields[1].value, "real");
}

TEST(Injector, TakesTheLongestStandInFirst) {
  Playbook play;
  play.credential("short", "api.github.com", {}, "standin_aa", "1");
  play.credential("long", "api.github.com", {}, "standin_aabb", "2");
  play.request("/", {{"Authorization", "standin_aabb standin_aa"}});
  EXPECT_EQ(play.field("Authorization"), "2 1");
}

TEST(Injector, NeverLooksAgainAtWhatItPutIn) {
  Playbook play;
  play.credential("a", "api.github.com", {}, "standin_aaaa", "standin_bbbb");
  play.credential("b", "api.github.com", {}, "standin_bbbb", "standin_aaaa");
  play.credential("halves", "api.github.com", {}, "standin_cccc", "standin_");
  play.request("/", {{"Authorization", "standin_aaaa standin_bbbb standin_ccccaaaa"}});
  EXPECT_EQ(play.field("Authorization"), "standin_bbbb standin_aaaa standin_aaaa");
}

TEST(Injector, RefusesASecretThatAFieldCannotCarry) {
  using namespace std::string_view_literals;
  for (const std::string_view secret :
       {"a\r\nX-Evil: 1"sv, "a\nb"sv, "a\0b"sv, "\x01"sv, "a\x7f"sv, "\x1f"sv}) {
    auto play = github(secret);
    play.request("/", {{"Authorization", token}});
    EXPECT_EQ(play.code(), "secret_unusable");
    EXPECT_EQ(play.refusal->status, 502U);
    EXPECT_THAT(play.refusal->message,
                HasSubstr("\"github\" holds a control byte, which header:Authorization"));
  }
  auto tab = github("a\tb");
  tab.request("/", {{"Authorization", token}});
  EXPECT_EQ(tab.field("Authorization"), "a\tb");
}

TEST(Injector, RefusesAFieldValueThatWouldBeginOrEndWithSpace) {
  for (const std::string_view secret : {" real", "real ", "\treal", "real\t", " "}) {
    auto play = github(secret);
    play.request("/", {{"Authorization", token}});
    EXPECT_EQ(play.code(), "secret_unusable") << secret;
    play.request("/", {{"Authorization", "x ghp_standinAbC123xyz y"}});
    EXPECT_EQ(play.field("Authorization"), "x " + std::string(secret) + " y");
  }
}

// --- Basic ---

TEST(Injector, SwapsUserAndPasswordOfBasic) {
  auto play = github(awkward);
  for (const auto& [before, after] : std::vector<std::pair<std::string, std::string>>{
           {"x-access-token:", ""}, {"", ":x-oauth-basic"}, {"", ":"}, {":", ""}, {"", ""}, {"a:b", "c"}}) {
    const std::string value = "Basic " + base64(before + token + after);
    play.request("/", {{"Authorization", value}});
    EXPECT_EQ(play.field("Authorization"), "Basic " + base64(before + std::string(awkward) + after));
    EXPECT_THAT(play.sites(), ElementsAre("basic"));
  }
}

TEST(Injector, SwapsTwoCredentialsOfOneBasicValue) {
  Playbook play;
  play.credential("id", "api.github.com", {basic_site()}, "standin_user", "u s&r");
  play.credential("key", "api.github.com", {basic_form_site(), basic_site()}, "standin_pass", "p:s +w");
  const std::string value = "basic   " + base64("standin_user:standin_pass");
  play.request("/", {{"Authorization", value}});
  EXPECT_EQ(user_pass(play), "u s&r:p%3As+%2Bw");
  EXPECT_TRUE(play.field("Authorization").starts_with("basic   "));
  EXPECT_THAT(play.sites(), ElementsAre("basic", "basic-form"));
}

TEST(Injector, ReadsBasicWithoutItsPaddingAndWritesItWith) {
  auto play = github("12");
  std::string value = "Basic " + base64(std::string("u:") + token);
  ASSERT_TRUE(value.ends_with("="));
  value.erase(value.find('='));
  play.request("/", {{"Authorization", value}});
  EXPECT_EQ(play.field("Authorization"), "Basic " + base64("u:12"));
}

TEST(Injector, LeavesBasicAloneThatIsNotBase64) {
  auto play = github();
  const std::string good = base64(std::string("u:") + token);
  for (const std::string& value : std::vector<std::string>{
           "Basic " + good + "!", "Basic " + good + "====", "Basic =" + good,
           "Basic " + good.substr(0, 9) + "=" + good, "Basic " + good + " " + good, "Basic" + good,
           "Basic\t" + good, "Basic ", "Basic", "Basi", "Bearer " + good, "Basic A", "Basic ="}) {
    play.request("/", {{"Authorization", value}});
    EXPECT_EQ(play.field("Authorization"), value);
    EXPECT_THAT(play.found.uses, IsEmpty()) << value;
  }
}

TEST(Injector, DecodesBasicInAuthorizationOnly) {
  auto play = github();
  const std::string value = "Basic " + base64(token);
  play.request("/", {{"X-Api-Key", value}});
  EXPECT_EQ(play.field("X-Api-Key"), value);
}

TEST(Injector, RefusesWhatBasicCannotCarry) {
  const std::string as_user = "Basic " + base64(std::string(token) + ":x");
  const std::string as_password = "Basic " + base64("x:" + std::string(token));
  auto colon = github("a:b");
  colon.request("/", {{"Authorization", as_user}});
  EXPECT_EQ(colon.code(), "secret_unusable");
  EXPECT_THAT(colon.refusal->message, HasSubstr("holds a ':', which basic cannot carry"));
  colon.request("/", {{"Authorization", as_password}});
  EXPECT_EQ(user_pass(colon), "x:a:b");
  for (const std::string_view secret : {"a\nb", "a\tb", "a\x7f"}) {
    auto control = github(secret);
    control.request("/", {{"Authorization", as_password}});
    EXPECT_EQ(control.code(), "secret_unusable");
  }
}

TEST(Injector, PutsAPairWithItsColonWhereTheStandInHasOne) {
  Playbook play;
  play.credential("telegram", "api.github.com", {}, telegram, "987:BBreal");
  for (const std::string after : {"", ":"}) {
    const std::string value = "Basic " + base64(telegram + after);
    play.request("/", {{"Authorization", value}});
    EXPECT_EQ(user_pass(play), "987:BBreal" + after);
  }
}

TEST(Injector, FormEncodesInsideBasicWhereTheCredentialSaysSo) {
  using namespace std::string_view_literals;
  auto play = github("a b:c+\r\n\0~*-._%\xff"sv, {basic_form_site()});
  const std::string value = "Basic " + base64("id:" + std::string(token));
  play.request("/", {{"Authorization", value}});
  EXPECT_EQ(user_pass(play), "id:a+b%3Ac%2B%0D%0A%00%7E*-._%25%FF");
}

// --- query and path ---

TEST(Injector, SwapsTheValuesOfANamedParameterWhereverItStands) {
  auto play = github(awkward, {query_site("key")});
  const std::string encoded = "a%2B%2F%3D%26%25%23%3F%22%5C%241%20%C3%A4%27%60%3C%3E..%3Bz";
  const std::string t = token;
  play.request("/" + t + "?key=" + t + "&keys=" + t + "&k%65y=x" + t + "y&" + t + "&KEY=" + t +
                   "&key&key=&=" + t + "&key=" + t + "=" + t,
               {});
  EXPECT_EQ(play.head.target, "/" + t + "?key=" + encoded + "&keys=" + t + "&k%65y=x" + encoded + "y&" + t +
                                  "&KEY=" + t + "&key&key=&=" + t + "&key=" + encoded + "=" + encoded);
  EXPECT_THAT(play.sites(), ElementsAre("query:key"));
}

TEST(Injector, SwapsInThePathAndNotInTheQuery) {
  Playbook play;
  play.credential("telegram", "api.telegram.org", {path_site()}, telegram, "1:A/../b?c#d e%2e");
  for (const std::string sent :
       {"123456:AAstandin_x-Y9z", "123456%3AAAstandin_x-Y9z", "123456%3aAAstandin%5fx%2DY9z"}) {
    play.request("/bot" + sent + "/getMe?chat=" + sent, {}, "api.telegram.org");
    EXPECT_EQ(play.head.target, "/bot1%3AA%2F..%2Fb%3Fc%23d%20e%252e/getMe?chat=" + sent);
    EXPECT_THAT(play.sites(), ElementsAre("path"));
  }
}

TEST(Injector, CarriesAnyByteInQueryAndPath) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  auto play = github(all, {query_site("key"), path_site()});
  play.request("/" + std::string(token) + "?key=" + token, {});
  EXPECT_EQ(play.head.target.find_first_not_of(
                "/?=%ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"),
            std::string_view::npos);
  EXPECT_EQ(std::ranges::count(play.head.target, '/'), 1);
  EXPECT_EQ(std::ranges::count(play.head.target, '?'), 1);
  EXPECT_EQ(std::ranges::count(play.head.target, '='), 1);
  EXPECT_THAT(play.sites(), ElementsAre("path", "query:key"));
}

TEST(Injector, RefusesADotSegmentInThePath) {
  for (const std::string_view secret : {".", ".."}) {
    auto play = github(secret, {path_site(), query_site("key")});
    play.request("/a/" + std::string(token) + "/b", {});
    EXPECT_EQ(play.code(), "secret_unusable");
    play.request("/?key=" + std::string(token), {});
    EXPECT_EQ(play.head.target, "/?key=" + std::string(secret));
  }
}

TEST(Injector, LeavesQueryAndPathAloneUnlessTheCredentialNamesThem) {
  auto play = github();
  play.credential("other", "api.github.com", {query_site("key"), path_site()}, "standin_other", "2");
  const std::string target = "/" + std::string(token) + "?key=" + token + "&a=standin_other";
  play.request(target, {});
  EXPECT_EQ(play.head.target, target);
  play.request(target, {}, "evil.example");
  EXPECT_EQ(play.head.target, target);
}

TEST(Injector, PassesATargetOfAnyLooks) {
  auto play = github("real", {query_site("key"), path_site()});
  for (const std::string_view target :
       {"*", "", "?", "/?", "/?&&=&", "/?key", "/?key=", "?key=%", "/%", "/?k%6", "//"}) {
    play.request(target, {});
    EXPECT_EQ(play.head.target, target);
    EXPECT_EQ(play.code(), "");
  }
}

TEST(Injector, ReadsAHugeQueryInOnePass) {
  auto play = github("real", {query_site("key")});
  for (const std::string piece : {"&", "&a", "&=", "&key=", "key="}) {
    std::string target = "/?";
    while (target.size() < 4'000'000) target += piece;
    const auto begin = std::chrono::steady_clock::now();
    play.request(target, {});
    EXPECT_EQ(play.head.target, target);
    // Looking from each parameter to the end of the query would take minutes.
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20)) << piece;
  }
}

// --- judging ---

TEST(Injector, RefusesAStandInTowardsAnotherOrigin) {
  auto play = github();
  const std::string basic = "Basic " + base64("x:" + std::string(token));
  for (const proxy::Field& field : std::vector<proxy::Field>{
           {"Authorization", token}, {"X-API-KEY", "ghp%5FstandinAbC123xyz"}, {"Authorization", basic}}) {
    play.request("/", {field}, "api.stripe.com");
    EXPECT_EQ(play.code(), "wrong_origin");
    EXPECT_EQ(play.refusal->status, 403U);
    EXPECT_THAT(play.refusal->message, HasSubstr("\"github\""));
    EXPECT_THAT(play.refusal->message, HasSubstr("https://api.stripe.com"));
    EXPECT_THAT(play.refusal->message, HasSubstr("belongs to api.github.com"));
    EXPECT_THAT(play.refusal->hint,
                HasSubstr("standin edit github --origin api.github.com --origin https://api.stripe"));
    EXPECT_EQ(play.field(field.name), field.value);
    EXPECT_THAT(play.lent, IsEmpty());
  }
}

TEST(Injector, RefusesASiteOfTheCredentialTowardsAnotherOrigin) {
  auto play = github("real", {header_site("X-Mine"), query_site("key"), path_site()});
  for (const auto& [target, value] : std::vector<std::pair<std::string, std::string>>{
           {"/", token}, {"/?key=" + std::string(token), ""}, {"/" + std::string(token), ""}}) {
    play.request(target, {{"X-Mine", value}}, "api.stripe.com");
    EXPECT_EQ(play.code(), "wrong_origin") << target;
  }
}

TEST(Injector, RefusesAnAuthenticationFieldThatIsNotAmongTheSites) {
  auto play = github("real", {header_site("X-Mine")});
  play.request("/", {{"X-Api-Key", token}});
  EXPECT_EQ(play.code(), "wrong_site");
  EXPECT_THAT(play.refusal->message,
              HasSubstr("stands in header:X-Api-Key, but its sites are header:X-Mine"));
  EXPECT_THAT(play.refusal->hint,
              HasSubstr("standin edit github --site header:X-Mine --site header:X-Api-Key"));
  const std::string basic = "Basic " + base64(token);
  play.request("/", {{"Authorization", basic}});
  EXPECT_EQ(play.code(), "wrong_site");
  EXPECT_THAT(play.refusal->hint, HasSubstr("--site basic"));
}

TEST(Injector, KeepsACredentialForBasicOutOfABearer) {
  auto play = github("real", {basic_site()});
  play.request("/", {{"Authorization", "Bearer ghp_standinAbC123xyz"}});
  EXPECT_EQ(play.code(), "wrong_site");
  const std::string basic = "Basic " + base64(token);
  play.request("/", {{"Authorization", basic}});
  EXPECT_EQ(user_pass(play), "real");
}

TEST(Injector, RefusesTheWholeRequestForOneStandInOfMany) {
  auto play = github();
  play.credential("stripe", "api.stripe.com", {}, "sk_standin_123", "2");
  play.request("/", {{"Authorization", token}, {"X-Api-Key", "sk_standin_123"}});
  EXPECT_EQ(play.code(), "wrong_origin");
  EXPECT_THAT(play.refusal->message, HasSubstr("\"stripe\""));
  EXPECT_EQ(play.field("Authorization"), token);
  EXPECT_THAT(play.lent, IsEmpty());
}

TEST(Injector, NeverShowsAStandInOrASecretInARefusal) {
  auto play = github("re\nal-secret", {header_site("X-Mine")});
  const auto clean = [&] {
    const std::string all = play.refusal->message + play.refusal->hint + play.refusal->code;
    EXPECT_THAT(all, Not(HasSubstr("standinAbC")));
    EXPECT_THAT(all, Not(HasSubstr("al-secret")));
  };
  play.request("/", {{"X-Mine", token}}, "evil.example");
  clean();
  play.request("/", {{"X-Api-Key", token}});
  clean();
  play.request("/", {{"X-Mine", token}});
  EXPECT_EQ(play.code(), "secret_unusable");
  clean();
}

TEST(Injector, JudgesSchemeAndPortOfAnOrigin) {
  auto play = github();
  play.request("/", {{"Authorization", token}}, "api.github.com:8443");
  EXPECT_EQ(play.code(), "wrong_origin");
}

}  // namespace
}  // namespace standin::broker
