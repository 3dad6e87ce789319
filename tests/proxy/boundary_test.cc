#include "tests/proxy/test_boundary.h"

namespace standin::proxy {
namespace {

using standin::test::Fields;
using test::error_code;
using test::FakeUpstream;
using test::Received;
using test::Reply;
using test::Response;
using test::secret;
using test::stand_in;
using test::TestClient;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;
using ::testing::StartsWith;

struct ProxyAccess : test::BoundaryTest {};

const std::string bearer = "Bearer " + std::string(stand_in);
const std::string real_bearer = "Bearer " + std::string(secret);

TEST_F(ProxyAccess, SwapArrivesAndNothingElseChanges) {
  Session client(*this);
  const Response response =
      client.get("/a?b=%2F&b=c", {{"X-A", "1"}, {"aUthorization", bearer}, {"x-a", "2"}, {"X-A", ""}});
  EXPECT_EQ(response.status, 200U);
  EXPECT_EQ(response.body.bytes, "ok");
  const Received got = origin.last();
  EXPECT_EQ(got.target(), "/a?b=%2F&b=c");
  EXPECT_THAT(got.head.fields,
              ElementsAre(Pair("Host", authority()), Pair("X-A", "1"), Pair("aUthorization", real_bearer),
                          Pair("x-a", "2"), Pair("X-A", "")));
  EXPECT_EQ(got.server_name, "localhost");
  EXPECT_EQ(got.alpn_offer, "\x08http/1.1");
  const auto outcome = interceptor.wait_for_outcomes(1)[0];
  EXPECT_EQ(outcome.status, 200U);
  EXPECT_EQ(outcome.response_bytes, 2U);
  EXPECT_EQ(outcome.reason, "");
}

TEST_F(ProxyAccess, ConnectionsAreKeptAliveOnBothSides) {
  Session client(*this);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(client.get("/").status, 200U);
  Session(*this).get("/");
  EXPECT_LE(origin.connections(), 2U);  // one may have been dialled ahead for the second client
  EXPECT_EQ(interceptor.wait_for_outcomes(6).size(), 6U);
  EXPECT_THAT(interceptor.refused(), IsEmpty());
}

TEST_F(ProxyAccess, WithoutPasswordItAsksAndTheConnectionStaysUsable) {
  Outside client(*this);
  for (const char* userinfo : {"", "standin:wrong", "standin:"}) {
    const Response answer = client.connect(authority(), userinfo);
    EXPECT_EQ(answer.status, 407U);
    EXPECT_EQ(answer.field("proxy-authenticate"), "Basic realm=\"standin\"");
    EXPECT_EQ(error_code(answer), "proxy_authentication_required");
  }
  EXPECT_EQ(client.connect(authority(), userinfo()).status, 200U);
  client.start_tls("localhost", start().authority_pem());
  EXPECT_EQ(client.request("GET", "/", authority()).status, 200U);
  EXPECT_THAT(interceptor.passed(), ElementsAre("GET https://" + authority() + " /"));
}

TEST_F(ProxyAccess, RequestWithoutPasswordIsReadToItsEndAndRefused) {
  Outside client(*this);
  client.send("POST http://" + authority() + "/ HTTP/1.1\r\nHost: " + authority() +
              "\r\nContent-Length: 5\r\n\r\nhello");
  EXPECT_EQ(client.read_response("POST").status, 407U);
  client.send("GET https://" + authority() + "/ HTTP/1.1\r\nHost: " + authority() + "\r\n\r\n");
  EXPECT_EQ(client.read_response().status, 407U);
  EXPECT_EQ(origin.connections(), 0U);
}

TEST_F(ProxyAccess, AbsoluteFormOverHttpsIsSwapped) {  // axios
  Outside client(*this);
  for (int i = 0; i < 2; ++i) {
    client.send(
        absolute("GET https://" + authority() + "/x?y", authority(), "Authorization: " + bearer + "\r\n"));
    EXPECT_EQ(client.read_response().status, 200U);
    EXPECT_TRUE(origin.last().tls);
    EXPECT_EQ(origin.last().target(), "/x?y");
    EXPECT_EQ(origin.last().field("authorization"), real_bearer);
    EXPECT_EQ(origin.last().field("proxy-authorization"), std::nullopt);
  }
  EXPECT_EQ(origin.connections(), 1U);
}

TEST_F(ProxyAccess, TargetsInAbsoluteFormBecomeOriginForm) {
  Outside client(*this);
  const auto target_of = [&](const std::string& line) {
    client.send(absolute(line, authority()));
    EXPECT_EQ(client.read_response().status, 200U) << line;
    return origin.last().target();
  };
  const std::string base = "https://" + authority();
  EXPECT_EQ(target_of("GET " + base), "/");
  EXPECT_EQ(target_of("GET " + base + "?q"), "/?q");
  EXPECT_EQ(target_of("OPTIONS " + base), "*");
  EXPECT_EQ(target_of("OPTIONS " + base + "/"), "/");
  EXPECT_EQ(target_of("GET HTTPS://LOCALHOST:" + std::to_string(origin.port()) + "/A"), "/A");
}

TEST_F(ProxyAccess, PlainOriginsPassBoundOrNot) {
  FakeUpstream bound_origin;
  FakeUpstream other;
  const std::string bound_at = "localhost:" + std::to_string(bound_origin.port());
  const std::string other_at = "localhost:" + std::to_string(other.port());
  bind("http://" + bound_at);
  Outside client(*this);
  client.send(
      absolute("GET http://" + bound_at + "/", bound_at, "X-Api-Key: " + std::string(stand_in) + "\r\n"));
  EXPECT_EQ(client.read_response().status, 200U);
  EXPECT_EQ(bound_origin.last().field("x-api-key"), secret);
  client.send(
      absolute("GET http://" + other_at + "/", other_at, "X-Api-Key: " + std::string(stand_in) + "\r\n"));
  EXPECT_EQ(client.read_response().status, 200U);
  EXPECT_EQ(other.last().field("x-api-key"), stand_in);
  EXPECT_THAT(interceptor.passed(),
              ElementsAre("GET http://" + bound_at + " /", "tunnel http://" + other_at));
}

TEST_F(ProxyAccess, ConnectToAPlainBoundOriginIsRead) {  // undici
  FakeUpstream plain;
  const std::string at = "localhost:" + std::to_string(plain.port());
  bind("http://" + at);
  Outside client(*this);
  ASSERT_EQ(client.connect(at, userinfo()).status, 200U);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(client.request("GET", "/", at, {{"Authorization", bearer}}).status, 200U);
    EXPECT_EQ(plain.last().field("authorization"), real_bearer);
  }
  EXPECT_EQ(plain.connections(), 1U);
}

TEST_F(ProxyAccess, ConnectToAPlainUnboundOriginIsATunnel) {
  FakeUpstream plain;
  const std::string at = "localhost:" + std::to_string(plain.port());
  Outside client(*this);
  ASSERT_EQ(client.connect(at, userinfo()).status, 200U);
  EXPECT_EQ(client.request("GET", "/", at, {{"Authorization", bearer}}).status, 200U);
  EXPECT_EQ(plain.last().field("authorization"), bearer);
  EXPECT_THAT(interceptor.passed(), ElementsAre("tunnel https://" + at));
}

TEST_F(ProxyAccess, PlainBytesToAnOriginBoundUnderTlsAreATunnel) {
  FakeUpstream plain;
  const std::string at = "localhost:" + std::to_string(plain.port());
  bind(at);  // https alone
  Outside client(*this);
  ASSERT_EQ(client.connect(at, userinfo()).status, 200U);
  EXPECT_EQ(client.request("GET", "/", at, {{"Authorization", bearer}}).status, 200U);
  EXPECT_EQ(plain.last().field("authorization"), bearer);
  EXPECT_THAT(interceptor.passed(), ElementsAre("tunnel http://" + at));
}

TEST_F(ProxyAccess, UnboundTlsIsRelayedUntouched) {
  FakeUpstream other(pki.make_certificate({"localhost"}));
  const std::string at = "localhost:" + std::to_string(other.port());
  Outside client(*this);
  ASSERT_EQ(client.connect(at, userinfo()).status, 200U);
  client.start_tls("localhost", pki.ca_pem(), "\x02h2\x08http/1.1");  // the test's authority, not the run's
  EXPECT_EQ(client.request("GET", "/", at, {{"Authorization", bearer}}).status, 200U);
  EXPECT_EQ(other.last().field("authorization"), bearer);
  EXPECT_EQ(other.last().alpn_offer, "\x02h2\x08http/1.1");
  EXPECT_THAT(interceptor.passed(), ElementsAre("tunnel https://" + at));
}

TEST_F(ProxyAccess, TheOwnNameMayBeSpelledAsHttpAllows) {
  Session client(*this);
  client.send("GET / HTTP/1.1\r\nhost: LOCALHOST.:" + std::to_string(origin.port()) + "\r\n\r\n");
  EXPECT_EQ(client.read_response().status, 200U);
  client.send("GET https://" + authority() + "/abs HTTP/1.1\r\nHost: " + authority() + "\r\n\r\n");
  EXPECT_EQ(client.read_response().status, 200U);
  EXPECT_EQ(origin.last().target(), "/abs");
  client.send("GET /old HTTP/1.0\r\n\r\n");
  EXPECT_EQ(client.read_response().status, 200U);
  EXPECT_EQ(origin.last().field("host"), authority());
}

TEST_F(ProxyAccess, AbsoluteTargetsMustAgreeWithHostAndBeOnes) {
  const auto answer_to = [&](const std::string& line, const std::string& host) {
    Outside client(*this);
    client.send(absolute(line, host));
    const Response response = client.read_response();
    return std::to_string(response.status) + " " + error_code(response);
  };
  EXPECT_EQ(answer_to("GET https://" + authority() + "/", "evil.example"), "400 bad_request");
  EXPECT_EQ(answer_to("GET /", authority()), "400 bad_request");
  EXPECT_EQ(answer_to("GET *", authority()), "400 bad_request");
  EXPECT_EQ(answer_to("GET ftp://" + authority() + "/", authority()), "400 bad_request");
  EXPECT_EQ(answer_to("GET https://user@" + authority() + "/", authority()), "400 bad_request");
  EXPECT_EQ(answer_to("GET https:///", authority()), "400 bad_request");
  EXPECT_EQ(answer_to("CONNECT nowhere/", authority()), "400 bad_request");
  EXPECT_EQ(answer_to("CONNECT https://" + authority(), authority()), "400 bad_request");
  EXPECT_EQ(origin.connections(), 0U);
}

TEST_F(ProxyAccess, InterceptorRefusesAtEachPoint) {
  FakeUpstream other(pki.make_certificate({"localhost"}));
  const std::string other_at = "localhost:" + std::to_string(other.port());
  bool origins = true, addresses = true, requests = true, tunnels = true;
  interceptor.refuse_origin = [&](const Origin& o) -> std::optional<Refusal> {
    return origins && o.host == "forbidden.example"
               ? std::optional(Refusal{403, "egress_denied", "not there", ""})
               : std::nullopt;
  };
  interceptor.refuse_address = [&](const IpAddress&) -> std::optional<Refusal> {
    return addresses ? std::optional(Refusal{403, "address_denied", "not that address", ""}) : std::nullopt;
  };
  interceptor.refuse_request = [&](const RequestHead& head) -> std::optional<Refusal> {
    return requests && head.target == "/no" ? std::optional(Refusal{403, "wrong_origin", "no", "a hint"})
                                            : std::nullopt;
  };
  interceptor.refuse_tunnel = [&](const Origin&) -> std::optional<Refusal> {
    return tunnels ? std::optional(Refusal{503, "audit_unavailable", "full", ""}) : std::nullopt;
  };
  {
    Outside client(*this);
    EXPECT_EQ(error_code(client.connect("forbidden.example:443", userinfo())), "egress_denied");
    EXPECT_EQ(error_code(client.connect(other_at, userinfo())), "audit_unavailable");
    client.send(absolute("GET http://forbidden.example/", "forbidden.example"));
    EXPECT_EQ(error_code(client.read_response()), "egress_denied");
  }
  Session client(*this);
  const Response refused = client.request("POST", "/no", authority(), {}, "body");
  EXPECT_EQ(refused.status, 403U);
  EXPECT_EQ(error_code(refused), "wrong_origin");
  EXPECT_THAT(refused.body.bytes, HasSubstr("\"hint\":\"a hint\""));
  EXPECT_EQ(error_code(client.get("/")), "address_denied");
  const Response head = client.request("HEAD", "/no", authority());
  EXPECT_EQ(head.field("standin-error"), "wrong_origin");
  EXPECT_EQ(error_code(client.get("/no")), "wrong_origin");  // in step: HEAD's refusal had no body
  EXPECT_EQ(origin.connections() + other.connections(), 0U);
  EXPECT_EQ(interceptor.wait_for_outcomes(1)[0].reason, "address_denied");
  EXPECT_THAT(interceptor.refused(),
              ElementsAre(StartsWith("403 egress_denied"), StartsWith("503 audit_unavailable"),
                          StartsWith("403 egress_denied"), StartsWith("403 address_denied")));
}

TEST_F(ProxyAccess, NoReplacedValueMakesTwoRequestsOfOne) {
  std::string target = "/";
  std::string value = "fine";
  interceptor.change = [&](RequestHead& head) {
    WipingBuffer t, v;
    append(t, target);
    append(v, value);
    head.replace_target(std::move(t));
    head.replace_value(head.fields.size() - 1, std::move(v));
  };
  Session client(*this);
  EXPECT_EQ(client.get("/x", {{"X-Key", "1"}}).status, 200U);
  using namespace std::string_literals;
  for (const auto& bad : {"a\r\nX: y"s, "a\nb"s, "a\rb"s, "a\0b"s, "a\x7f"s}) {
    value = bad;
    EXPECT_EQ(error_code(client.get("/x", {{"X-Key", "1"}})), "secret_unusable");
  }
  value = "fine";
  for (const auto& bad : {"/ HTTP/1.1\r\nX: y"s, "/a b"s, "/a\tb"s, "/\0"s, ""s}) {
    target = bad;
    EXPECT_EQ(error_code(client.get("/x", {{"X-Key", "1"}})), "secret_unusable");
  }
  EXPECT_EQ(origin.requests().size(), 1U);
  EXPECT_EQ(interceptor.wait_for_outcomes(11).back().reason, "secret_unusable");
}

}  // namespace
}  // namespace standin::proxy
