// The way to origins: pooling, resumption, verification, the company's proxy.
#include <fstream>
#include <thread>

#include <openssl/ssl.h>

#include "tests/proxy/test_boundary.h"

namespace standin::proxy::test {
namespace {

using standin::test::Certificate;
using standin::test::Fields;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

struct UpstreamTest : BoundaryTest {
  /// A request with the stand-in to "localhost", where `other` is, in absolute-form.
  Response ask(const FakeUpstream& other, const std::string& host = "localhost",
               const std::string& method = "GET") {
    const std::string at = host + ":" + std::to_string(other.port());
    Outside client(*this);
    client.send(
        absolute(method + " https://" + at + "/", at, "Authorization: " + std::string(stand_in) + "\r\n"));
    return client.read_response(method);
  }
};

TEST_F(UpstreamTest, RequestsOfManyClientsShareConnections) {
  for (int i = 0; i < 10; ++i) {
    Outside client(*this);
    client.send(absolute("GET https://" + authority() + "/", authority()));
    EXPECT_EQ(client.read_response().status, 200U);
  }
  EXPECT_EQ(origin.connections(), 1U);
}

TEST_F(UpstreamTest, SessionsAreResumed) {
  start();
  EXPECT_EQ(ask(origin).status, 200U);
  EXPECT_FALSE(origin.last().resumed);
  for (int i = 0; i < 2; ++i) {
    origin.close_connections();
    origin.wait_until_idle();
    EXPECT_EQ(ask(origin).status, 200U);
    EXPECT_TRUE(origin.last().resumed);
  }
}

TEST_F(UpstreamTest, ConnectionClosedWhileIdleIsNotUsed) {
  EXPECT_EQ(ask(origin).status, 200U);
  origin.close_connections();
  origin.wait_until_idle();
  EXPECT_EQ(ask(origin, "localhost", "POST").status, 200U);
  EXPECT_EQ(origin.connections(), 2U);
  EXPECT_THAT(interceptor.refused(), IsEmpty());
}

/// Answers the first request of a connection, and hangs up on the second as it comes.
void answer_once(FakeUpstream& upstream) {
  upstream.on_any([](const Received& request) {
    static thread_local unsigned served = 0;
    static thread_local unsigned on = 0;
    if (on != request.connection) served = 0;
    on = request.connection;
    return ++served == 1 ? Reply::body(200, "first") : Reply::raw({});
  });
}

TEST_F(UpstreamTest, RequestThatChangesNothingIsRepeatedWhereThePooledConnectionDied) {
  answer_once(origin);
  EXPECT_EQ(ask(origin).status, 200U);
  EXPECT_EQ(ask(origin).status, 200U);
  EXPECT_EQ(origin.connections(), 2U);
  EXPECT_EQ(origin.requests().size(), 3U);
  EXPECT_EQ(interceptor.wait_for_outcomes(2).size(), 2U);
}

TEST_F(UpstreamTest, RequestThatMayChangeSomethingIsNotRepeated) {
  answer_once(origin);
  EXPECT_EQ(ask(origin).status, 200U);
  const Response response = ask(origin, "localhost", "POST");
  EXPECT_EQ(response.status, 502U);
  EXPECT_EQ(error_code(response), "upstream_unreachable");
  EXPECT_EQ(origin.requests().size(), 2U);
  EXPECT_EQ(ask(origin, "localhost", "POST").status, 200U);
}

TEST_F(UpstreamTest, FreshConnectionThatDiesIsNotTriedForever) {
  origin.on_any([](const Received&) { return Reply::raw({}); });
  EXPECT_EQ(error_code(ask(origin)), "upstream_unreachable");
  EXPECT_EQ(origin.requests().size(), 1U);
}

TEST_F(UpstreamTest, WhatIsNoResponseIsRefused) {
  const std::string long_field(70000, 'x');
  for (const std::string& bytes :
       {std::string("hello\r\n\r\n"), std::string("HTTP/1.1 200 OK\nContent-Length: 0\n\n"),
        std::string("HTTP/2.0 200 OK\r\n\r\n"),
        std::string("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
        std::string("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        std::string("HTTP/1.1 200 OK\r\nX: a\rSet-Cookie: b\r\nContent-Length: 0\r\n\r\n"),
        std::string("HTTP/1.1 200 OK\r\nX: a\r\n folded\r\nContent-Length: 0\r\n\r\n"),
        std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nx"),
        "HTTP/1.1 200 OK\r\nX: " + long_field + "\r\nContent-Length: 0\r\n\r\n",
        std::string("HTTP/1.1 200 OK\r\nX: y")}) {
    origin.on_any([=](const Received&) { return Reply::raw({bytes}); });
    const Response response = ask(origin);
    EXPECT_EQ(response.status, 502U) << bytes.substr(0, 100);
    EXPECT_EQ(error_code(response), "upstream_protocol") << bytes.substr(0, 100);
  }
}

TEST_F(UpstreamTest, BytesBehindAResponseAreNeverTheNextOne) {
  origin.on_any([](const Received& request) {
    const std::string evil = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    if (request.target() == "/length")
      return Reply::raw({"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" + evil});
    if (request.target() == "/204")
      return Reply::raw({"HTTP/1.1 204 No\r\nContent-Length: 47\r\n\r\n" + evil});
    if (request.target() == "/304") return Reply::raw({"HTTP/1.1 304 No\r\n\r\n" + evil});
    if (request.method() == "HEAD")  // as a field, because the kit knows better than to send a body
      return Reply::no_body(200, {{"Content-Length", "4\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0"}});
    return Reply::body(200, "good");
  });
  Session client(*this);
  for (const char* target : {"/length", "/204", "/304"}) {
    (void)client.get(target);
    EXPECT_EQ(client.get("/").body.bytes, "good") << target;
  }
  EXPECT_EQ(client.request("HEAD", "/", authority()).status, 200U);
  EXPECT_EQ(client.get("/").body.bytes, "good");
  EXPECT_EQ(client.get("/204").field("content-length"), std::nullopt);
}

struct FlawCase {
  const char* name;
  Flaw flaw;
  std::vector<std::string> names;
  const char* says;
};

TEST_F(UpstreamTest, CertificatesAreVerifiedAndNoByteOfTheSecretGoesToAWrongOne) {
  const std::vector<FlawCase> cases = {
      {"another name", Flaw::none, {"evil.example"}, "its certificate is for another name than localhost"},
      {"expired", Flaw::expired, {"localhost"}, "its certificate has expired"},
      {"not yet valid", Flaw::not_yet_valid, {"localhost"}, "its certificate is not valid yet"},
      {"self-signed", Flaw::self_signed, {"localhost"}, "its certificate is self-signed"},
      {"unknown authority",
       Flaw::unknown_authority,
       {"localhost"},
       "its certificate is from an unknown authority"},
      {"for clients", Flaw::client_only, {"localhost"}, "its certificate: unsuitable certificate purpose"},
  };
  std::vector<std::unique_ptr<FakeUpstream>> flawed;
  for (const FlawCase& c : cases) {
    flawed.push_back(std::make_unique<FakeUpstream>(pki.make_certificate(c.names, c.flaw)));
    bind("localhost:" + std::to_string(flawed.back()->port()));
  }
  for (std::size_t i = 0; i < cases.size(); ++i) {
    for (int again = 0; again < 2; ++again) {
      const Response response = ask(*flawed[i]);
      EXPECT_EQ(response.status, 502U) << cases[i].name;
      EXPECT_EQ(error_code(response), "upstream_tls") << cases[i].name;
      EXPECT_THAT(response.body.bytes, HasSubstr(cases[i].says)) << cases[i].name;
    }
    EXPECT_THAT(flawed[i]->requests(), IsEmpty()) << cases[i].name;
    EXPECT_GE(flawed[i]->connections(), 1U) << cases[i].name;
    EXPECT_THAT(interceptor.refused(),
                Contains(AllOf(StartsWith("502 upstream_tls"), HasSubstr(cases[i].says))));
  }
  for (const auto& outcome : interceptor.wait_for_outcomes(2 * cases.size())) {
    EXPECT_EQ(outcome.reason, "upstream_tls");
    EXPECT_EQ(outcome.request_bytes + outcome.status, 0U);
  }
}

TEST_F(UpstreamTest, AddressesAreVerifiedAsAddresses) {
  FakeUpstream by_name(pki.make_certificate({"localhost"}));
  bind("127.0.0.1:" + std::to_string(by_name.port()));
  bind("127.0.0.1:" + std::to_string(origin.port()));
  EXPECT_EQ(ask(origin, "127.0.0.1").status, 200U);
  EXPECT_EQ(origin.last().server_name, "");
  const Response response = ask(by_name, "127.0.0.1");
  EXPECT_THAT(response.body.bytes, HasSubstr("for another name than 127.0.0.1"));
  EXPECT_THAT(by_name.requests(), IsEmpty());
}

TEST_F(UpstreamTest, RootsThatAreNoneAreSaidSo) {
  const standin::test::TemporaryFolder folder;
  const std::string file = folder.path() / "roots.pem";
  std::ofstream(file) << "not a certificate\n";
  options.trust_file = file;
  proxy.emplace(options, interceptor);
  proxy->start();
  const Response response = ask(origin);
  EXPECT_EQ(error_code(response), "upstream_tls");
  EXPECT_THAT(response.body.bytes, HasSubstr("no roots could be read from " + file));
}

TEST_F(UpstreamTest, OldTlsIsRefused) {
  FakeUpstream old({.certificate = pki.make_certificate({"localhost"}), .max_tls_version = TLS1_1_VERSION});
  bind("localhost:" + std::to_string(old.port()));
  const Response response = ask(old);
  EXPECT_EQ(error_code(response), "upstream_tls");
  EXPECT_THAT(response.body.bytes, HasSubstr("it speaks no TLS as new as 1.2"));
  EXPECT_THAT(old.requests(), IsEmpty());
}

TEST_F(UpstreamTest, PlainTextWhereTlsShouldBeIsRefused) {
  const RawPeer plain;
  bind(plain.authority());
  Outside client(*this);
  client.send(absolute("GET https://" + plain.authority() + "/", plain.authority(),
                       "Authorization: " + std::string(stand_in) + "\r\n"));
  const auto far = plain.accept();
  std::string all = far->read_some();
  far->write("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
  const Response response = client.read_response();
  EXPECT_EQ(error_code(response), "upstream_tls");
  EXPECT_THAT(response.body.bytes, HasSubstr("it does not speak TLS on that port"));
  for (std::string piece = far->read_some(); !piece.empty(); piece = far->read_some()) all += piece;
  EXPECT_THAT(all, Not(HasSubstr(std::string(secret))));
}

TEST_F(UpstreamTest, OriginThatNeverShakesHandsIsNotWaitedForForever) {
  const RawPeer silent;
  options.limits.upstream_connect = std::chrono::seconds(1);
  bind(silent.authority());
  Outside client(*this);
  client.send(absolute("GET https://" + silent.authority() + "/", silent.authority()));
  const Response response = client.read_response();
  EXPECT_EQ(response.status, 504U);
  EXPECT_EQ(error_code(response), "upstream_timeout");
}

TEST_F(UpstreamTest, WhatCannotBeReachedIsSaidSo) {
  std::uint16_t nobody = 0;
  {
    const FakeUpstream gone;
    nobody = gone.port();
  }
  const std::string at = "localhost:" + std::to_string(nobody);
  bind(at);
  bind("no-such-name.invalid");
  Session client(*this, at);
  const Response refused = client.get("/");
  EXPECT_EQ(refused.status, 502U);
  EXPECT_EQ(error_code(refused), "upstream_unreachable");
  EXPECT_THAT(refused.body.bytes, HasSubstr("connection refused"));
  EXPECT_EQ(client.get("/").status, 502U);  // and the connection stays usable
  Outside other(*this);
  other.send(absolute("GET https://no-such-name.invalid/", "no-such-name.invalid"));
  EXPECT_EQ(error_code(other.read_response()), "upstream_unreachable");
  FakeUpstream unbound;
  Outside tunnel(*this);
  const Response answer = tunnel.connect("localhost:" + std::to_string(nobody - 0), userinfo());
  EXPECT_EQ(answer.status, 200U);  // bound: the answer to the request says it, not the one to CONNECT
  EXPECT_EQ(error_code(Outside(*this).connect("no-such-name-either.invalid:443", userinfo())),
            "upstream_unreachable");
}

struct CompanyProxyTest : UpstreamTest {
  FakeUpstream company;
  std::string userpass = "user:p%40ss";

  void use_company_proxy(const std::string& no_proxy = {}) {
    const std::string url = "http://" + userpass + "@127.0.0.1:" + std::to_string(company.port());
    options.upstream.https = UpstreamProxy::parse("HTTPS_PROXY", url);
    options.upstream.http = UpstreamProxy::parse("HTTP_PROXY", url);
    options.upstream.no_proxy = NoProxy(no_proxy);
  }
  Response get(const std::string& url, const std::string& host) {
    Outside client(*this);
    client.send(absolute("GET " + url, host, "Authorization: " + std::string(stand_in) + "\r\n"));
    return client.read_response();
  }
};

TEST_F(CompanyProxyTest, TlsGoesThroughItsTunnelVerified) {
  FakeUpstream far(pki.make_certificate({"api.example.com"}));
  company.on("api.example.com:443", [&](const Received&) { return Reply::tunnel_to(far.port()); });
  bind("api.example.com");
  use_company_proxy();
  EXPECT_EQ(get("https://api.example.com/x", "api.example.com").status, 200U);
  EXPECT_EQ(company.last().method(), "CONNECT");
  EXPECT_EQ(company.last().field("proxy-authorization"), standin::test::basic("user:p@ss"));
  EXPECT_EQ(far.last().field("authorization"), secret);
  EXPECT_EQ(far.last().field("proxy-authorization"), std::nullopt);
  EXPECT_EQ(far.last().server_name, "api.example.com");
  EXPECT_THAT(company.last().head.raw, Not(HasSubstr(std::string(secret))));
  company.on("other.example.com:443", [&](const Received&) { return Reply::tunnel_to(far.port()); });
  bind("other.example.com");
  EXPECT_THAT(get("https://other.example.com/", "other.example.com").body.bytes,
              HasSubstr("for another name"));
}

TEST_F(CompanyProxyTest, TunnelsGoThroughItToo) {
  FakeUpstream far(pki.make_certificate({"elsewhere.example"}));
  company.on("elsewhere.example:443", [&](const Received&) { return Reply::tunnel_to(far.port()); });
  use_company_proxy();
  Outside client(*this);
  ASSERT_EQ(client.connect("elsewhere.example:443", userinfo()).status, 200U);
  client.start_tls("elsewhere.example", pki.ca_pem());
  EXPECT_EQ(client.request("GET", "/", "elsewhere.example").status, 200U);
}

TEST_F(CompanyProxyTest, PlainHttpGoesInAbsoluteForm) {
  bind("http://plain.example");
  use_company_proxy();
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(get("http://plain.example/x?y", "plain.example").status, 200U);
    EXPECT_EQ(company.last().target(), "http://plain.example/x?y");
    EXPECT_EQ(company.last().field("host"), "plain.example");
    EXPECT_EQ(company.last().field("authorization"), secret);
    EXPECT_EQ(company.last().field("proxy-authorization"), standin::test::basic("user:p@ss"));
  }
  EXPECT_EQ(company.connections(), 1U);
  Outside client(*this);
  client.send(absolute("OPTIONS http://plain.example", "plain.example"));
  EXPECT_EQ(client.read_response().status, 200U);
  EXPECT_EQ(company.last().target(), "http://plain.example");
}

TEST_F(CompanyProxyTest, ItsRefusalsAreNotTheOrigins) {
  company.on("api.example.com:443", [](const Received&) { return Reply::body(403, "no"); });
  company.on("silent.example:443", [](const Received&) { return Reply::raw({}); });
  company.on("http://plain.example/", [](const Received&) {
    return Reply::body(407, "who?", {{"Proxy-Authenticate", "Basic realm=company"}});
  });
  bind("api.example.com");
  bind("silent.example");
  use_company_proxy();
  const Response refused = get("https://api.example.com/", "api.example.com");
  EXPECT_EQ(error_code(refused), "upstream_unreachable");
  EXPECT_THAT(refused.body.bytes, HasSubstr("the company's proxy answered 403"));
  EXPECT_THAT(get("https://silent.example/", "silent.example").body.bytes, HasSubstr("gave no answer"));
  const Response asked = get("http://plain.example/", "plain.example");
  EXPECT_EQ(asked.status, 502U);
  EXPECT_THAT(asked.body.bytes, HasSubstr("407"));
}

TEST_F(CompanyProxyTest, NoProxyGoesStraight) {
  FakeUpstream plain;
  use_company_proxy("localhost, 127.0.0.1");
  EXPECT_EQ(ask(origin).status, 200U);
  const std::string at = "localhost:" + std::to_string(plain.port());
  EXPECT_EQ(get("http://" + at + "/", at).status, 200U);
  EXPECT_EQ(company.connections(), 0U);
}

TEST_F(CompanyProxyTest, AddressesAreJudgedThoughAnotherConnects) {
  interceptor.refuse_address = [](const IpAddress& address) -> std::optional<Refusal> {
    return address == IpAddress::parse("169.254.169.254")
               ? std::optional(Refusal{403, "egress_denied", "metadata", ""})
               : std::nullopt;
  };
  use_company_proxy();
  EXPECT_EQ(error_code(get("http://169.254.169.254/", "169.254.169.254")), "egress_denied");
  EXPECT_EQ(error_code(Outside(*this).connect("169.254.169.254:443", userinfo())), "egress_denied");
  EXPECT_EQ(company.connections(), 0U);
}

TEST_F(CompanyProxyTest, ThatIsNotThereIsNamed) {
  {
    std::uint16_t nobody = 0;
    {
      const FakeUpstream gone;
      nobody = gone.port();
    }
    options.upstream.https = UpstreamProxy::parse("HTTPS_PROXY", "127.0.0.1:" + std::to_string(nobody));
  }
  EXPECT_THAT(Outside(*this).connect("api.example.com:443", userinfo()).body.bytes,
              HasSubstr("(the proxy that standin's environment names)"));
}

}  // namespace
}  // namespace standin::proxy::test
