// What requests are smuggled with, each by itself, through the real proxy to a real origin. The parts are
// tested at every cut elsewhere (head_scanner_test, http1_test); HTTP/2 has http2_attack_test.
#include "proxy/http1.h"
#include "tests/proxy/test_boundary.h"

namespace standin::proxy::test {
namespace {

using namespace std::string_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

/// `|` is a line's end, HOST the origin's authority.
std::string wire(std::string text, const std::string& authority) {
  for (std::size_t at = 0; (at = text.find("HOST", at)) != text.npos; at += authority.size())
    text.replace(at, 4, authority);
  for (std::size_t at = 0; (at = text.find('|', at)) != text.npos; at += 2) text.replace(at, 1, "\r\n");
  return text;
}

/// What an origin that believes the other way to read it would take for a request.
const std::string smuggled = "GET /smuggled HTTP/1.1|Host: HOST||";
const std::string post = "POST / HTTP/1.1|Host: HOST|";
const std::string in_chunks = post + "Transfer-Encoding: chunked||";

struct Attack {
  std::string name, bytes;
  std::string reason;  // a part of what the log and the client are told
  unsigned status = 400;
};

std::string name_of(const ::testing::TestParamInfo<Attack>& row) { return row.param.name; }

void PrintTo(const Attack& attack, std::ostream* out) { *out << attack.name; }

struct AttackTest : BoundaryTest, ::testing::WithParamInterface<Attack> {
  /// The refusal that it gets, as the log is told: the client must be told the same.
  std::string refusal_to(Session& client) {
    client.send(wire(GetParam().bytes, authority()));
    const Response response = client.read_response();
    EXPECT_EQ(response.status, GetParam().status);
    const auto told = interceptor.refused();
    if (told.size() != 1) return std::to_string(told.size()) + " refusals";
    EXPECT_THAT(told[0], StartsWith(std::to_string(response.status) + " " + error_code(response) + " "));
    return told[0];
  }
};

struct RefusedHead : AttackTest {};
TEST_P(RefusedHead, NothingReachesTheOriginAndTheConnectionEnds) {
  Session client(*this);
  EXPECT_THAT(refusal_to(client), HasSubstr(GetParam().reason));
  EXPECT_TRUE(client.at_end());  // where the next message begins is not known any more
  EXPECT_THAT(interceptor.passed(), IsEmpty());
  EXPECT_THAT(origin.requests(), IsEmpty());
}

struct RefusedTarget : AttackTest {};
TEST_P(RefusedTarget, NothingReachesTheOriginAndTheNextIsInStep) {
  Session client(*this);
  EXPECT_THAT(refusal_to(client), HasSubstr(GetParam().reason));
  EXPECT_THAT(interceptor.passed(), IsEmpty());
  EXPECT_EQ(client.get("/next").status, 200U);
  EXPECT_THAT(interceptor.passed(), ElementsAre("GET https://" + authority() + " /next"));
}

struct RefusedBody : AttackTest {};
TEST_P(RefusedBody, NoWholeRequestReachesTheOriginAndTheConnectionEnds) {
  Session client(*this);
  EXPECT_THAT(refusal_to(client), HasSubstr(GetParam().reason));
  EXPECT_TRUE(client.at_end());
  proxy.reset();
  origin.wait_until_idle();
  for (const Received& request : origin.requests()) EXPECT_FALSE(request.complete) << request.head.raw;
}

const std::string unclear = "a body with no clear length";
const std::string coding = "a transfer-encoding other than chunked";

/// A POST with these fields, and behind it what they may hide.
Attack framed(const std::string& name, const std::string& fields, const std::string& reason) {
  return {name, post + fields + "||0||" + smuggled, reason};
}

INSTANTIATE_TEST_SUITE_P(
    BothLengths, RefusedHead,
    ::testing::Values(framed("ClTe", "Content-Length: 5|Transfer-Encoding: chunked", unclear),
                      framed("TeCl", "Transfer-Encoding: chunked|Content-Length: 5", unclear),
                      framed("ClTeOfZero", "Content-Length: 0|Transfer-Encoding: chunked", unclear),
                      framed("ClAndOddTe", "Content-Length: 5|Transfer-Encoding: xchunked", unclear)),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    TransferEncoding, RefusedHead,
    ::testing::Values(
        framed("Xchunked", "Transfer-Encoding: xchunked", coding),
        framed("ChunkedIdentity", "Transfer-Encoding: chunked, identity", coding),
        framed("IdentityChunked", "Transfer-Encoding: identity, chunked", coding),
        framed("ChunkedTwice", "Transfer-Encoding: chunked, chunked", coding),
        framed("Quoted", "Transfer-Encoding: \"chunked\"", coding),
        framed("WithAParameter", "Transfer-Encoding: chunked;q=1", coding),
        framed("OfTwoCodings", "Transfer-Encoding: gzip, chunked", coding),
        framed("WithAnEmptyElement", "Transfer-Encoding: ,chunked", coding),
        framed("WithACommaBehind", "Transfer-Encoding: chunked,", coding),
        framed("Empty", "Transfer-Encoding:", coding),
        framed("WithALetterThatFolds",
               "Transfer-Encoding: chun\xe2\x84\xaa"
               "ed",
               coding),
        framed("TwoFields", "Transfer-Encoding: chunked|Transfer-Encoding: identity", unclear),
        framed("TwoEqualFields", "Transfer-Encoding: chunked|Transfer-Encoding: chunked", unclear),
        framed("SpaceBeforeTheColon", "Transfer-Encoding : chunked", "white space before a colon"),
        framed("TabBeforeTheColon", "Transfer-Encoding\t: chunked", "white space before a colon"),
        framed("SpaceBeforeTheName", " Transfer-Encoding: chunked", "a folded field line"),
        framed("TabBeforeTheName", "\tTransfer-Encoding: chunked", "a folded field line"),
        framed("FoldedValue", "Transfer-Encoding:| chunked", "a folded field line"),
        framed("VerticalTab",
               "Transfer-Encoding:\x0b"
               "chunked",
               "a control byte"),
        framed("FormFeedBehind", "Transfer-Encoding: chunked\x0c", "a control byte"),
        framed("NulInTheName", "Transfer-Encoding\0: chunked"s, "a control byte"),
        framed("NoBreakSpaceInTheName", "Transfer-Encoding\xa0: chunked", "not a message head"),
        framed("BehindABareLineFeed", "X: y\nTransfer-Encoding: chunked", "a bare line feed"),
        framed("BehindABareReturn", "X: y\rTransfer-Encoding: chunked", "a bare carriage return"),
        Attack{"InHttp10", "POST / HTTP/1.0|Host: HOST|Transfer-Encoding: chunked||0||" + smuggled,
               "a transfer-encoding in HTTP/1.0"}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    ContentLength, RefusedHead,
    ::testing::Values(framed("TwoThatDiffer", "Content-Length: 5|Content-Length: 6", unclear),
                      framed("TwoThatAreEqual", "Content-Length: 5|Content-Length: 5", "two content-lengths"),
                      framed("AList", "Content-Length: 5, 5", "not one number"),
                      framed("AListThatDiffers", "Content-Length: 5, 6", unclear),
                      framed("Plus", "Content-Length: +5", unclear),
                      framed("Negative", "Content-Length: -5", unclear),
                      framed("Hexadecimal", "Content-Length: 0x5", unclear),
                      framed("Fraction", "Content-Length: 5.0", unclear),
                      framed("Exponent", "Content-Length: 5e0", unclear),
                      framed("WithASpaceWithin", "Content-Length: 5 0", unclear),
                      framed("Empty", "Content-Length:", unclear),
                      framed("DigitsBeyondAscii", "Content-Length: \xd9\xa5", unclear),
                      framed("TwoToThe63", "Content-Length: 9223372036854775808", "longer than any body"),
                      framed("TwoToThe64Less1", "Content-Length: 18446744073709551615",
                             "longer than any body"),
                      framed("TwoToThe64", "Content-Length: 18446744073709551616", unclear),
                      framed("TwoToThe64And5", "Content-Length: 18446744073709551621", unclear),
                      framed("SpaceBeforeTheColon", "Content-Length : 5", "white space before a colon"),
                      framed("BehindABareReturn", "X: y\rContent-Length: 5", "a bare carriage return")),
    name_of);

const std::string version = "an HTTP version that is not 1.0 or 1.1";

INSTANTIATE_TEST_SUITE_P(
    Lines, RefusedHead,
    ::testing::Values(Attack{"BareLineFeeds", "GET / HTTP/1.1\nHost: HOST\n\n", "a bare line feed"},
                      Attack{"BareLineFeedAtTheEnd", "GET / HTTP/1.1|Host: HOST|\n", "a bare line feed"},
                      Attack{"FoldedField", "GET / HTTP/1.1|Host: HOST|X: y| z||", "a folded field line"},
                      Attack{"FoldedHost", "GET / HTTP/1.1|Host:| HOST||", "a folded field line"},
                      Attack{"NulInAField", "GET / HTTP/1.1|Host: HOST|X: a\0b||"s, "a control byte"},
                      Attack{"NulInTheTarget", "GET /\0 HTTP/1.1|Host: HOST||"s, "a control byte"},
                      Attack{"SpaceBeforeAColon", "GET / HTTP/1.1|Host: HOST|X : y||",
                             "white space before a colon"},
                      Attack{"NoColon", "GET / HTTP/1.1|Host: HOST|X||", "a field line without a colon"},
                      Attack{"NoName", "GET / HTTP/1.1|Host: HOST|: y||", "a field without a name"},
                      Attack{"TwoSpaces", "GET  / HTTP/1.1|Host: HOST||", "not a message head"},
                      Attack{"SpaceInTheTarget", "GET /a HTTP/1.1 /b HTTP/1.1|Host: HOST||", version},
                      Attack{"TabInTheRequestLine", "GET\t/ HTTP/1.1|Host: HOST||", "not a message head"},
                      Attack{"SpaceBehindTheVersion", "GET / HTTP/1.1 |Host: HOST||", version},
                      Attack{"Http09", "GET /||" + smuggled, "not a message head"},
                      Attack{"AnotherVersion", "GET / HTTP/1.9|Host: HOST||", version},
                      Attack{"PrefaceOfHttp2", "PRI * HTTP/2.0||SM||", version}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Host, RefusedTarget,
    ::testing::Values(
        Attack{"None", "GET / HTTP/1.1|X: y||", "no Host, or two"},
        Attack{"Empty", "GET / HTTP/1.1|Host:||", "no Host, or two"},
        Attack{"Two", "GET / HTTP/1.1|Host: HOST|Host: HOST||", "no Host, or two"},
        Attack{"TwoThatDiffer", "GET / HTTP/1.1|Host: HOST|Host: evil.example||", "no Host, or two"},
        Attack{"AList", "GET / HTTP/1.1|Host: HOST, evil.example||", "no Host, or two"},
        Attack{"WithAPath", "GET / HTTP/1.1|Host: HOST/x||", "no Host, or two"},
        Attack{"WithAUser", "GET / HTTP/1.1|Host: evil@HOST||", "no Host, or two"},
        Attack{"Another", "GET / HTTP/1.1|Host: evil.example||", "not the one this connection is to", 421},
        Attack{"AnotherPort", "GET / HTTP/1.1|Host: localhost||", "not the one this connection is to", 421},
        Attack{"AnotherInHttp10", "GET / HTTP/1.0|Host: evil.example|Connection: keep-alive||",
               "not the one this connection is to", 421}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Target, RefusedTarget,
    ::testing::Values(
        Attack{"AnotherHostThanHost", "GET https://evil.example/ HTTP/1.1|Host: HOST||", "disagrees"},
        Attack{"AnotherHost", "GET https://evil.example/ HTTP/1.1|Host: evil.example||",
               "not the one this connection is to", 421},
        Attack{"AnotherScheme", "GET http://HOST/ HTTP/1.1|Host: HOST||", "not the one this connection is to",
               421},
        Attack{"AnotherPort", "GET https://localhost:1/ HTTP/1.1|Host: localhost:1||",
               "not the one this connection is to", 421},
        Attack{"AnotherPortThanHost", "GET https://localhost:1/ HTTP/1.1|Host: HOST||", "disagrees"},
        Attack{"User", "GET https://u:p@HOST/ HTTP/1.1|Host: HOST||", "no path"},
        Attack{"UserThatIsTheHost", "GET https://HOST@evil.example/ HTTP/1.1|Host: HOST||", "no path"},
        Attack{"HostBehindABackslash", "GET https://evil.example\\@HOST/ HTTP/1.1|Host: HOST||", "no path"},
        Attack{"UnknownScheme", "GET gopher://HOST/ HTTP/1.1|Host: HOST||", "no path"},
        Attack{"NoHost", "GET https:///x HTTP/1.1|Host: HOST||", "no path"},
        Attack{"NoSlash", "GET x HTTP/1.1|Host: HOST||", "no path"},
        Attack{"Connect", "CONNECT HOST HTTP/1.1|Host: HOST||", "no path"},
        Attack{"ConnectWithAPath", "CONNECT /x HTTP/1.1|Host: HOST||", "no path"}),
    name_of);

const std::string huge(70000, 'a');
std::string many_fields() {
  std::string fields;
  for (int i = 0; i < 20000; ++i) fields += "a:|";
  return fields;
}
INSTANTIATE_TEST_SUITE_P(
    Oversized, RefusedHead,
    ::testing::Values(
        Attack{"RequestLine", "GET /" + huge + " HTTP/1.1|Host: HOST||", "larger than 64 KiB", 431},
        Attack{"Method", huge + " / HTTP/1.1|Host: HOST||", "larger than 64 KiB", 431},
        Attack{"OneField", "GET / HTTP/1.1|Host: HOST|X: " + huge + "||", "64 KiB", 431},
        Attack{"OneFieldsName", "GET / HTTP/1.1|Host: HOST|" + huge + ": x||", "64 KiB", 431},
        Attack{"NumberOfFields", "GET / HTTP/1.1|Host: HOST|" + many_fields() + "|", "64 KiB", 431},
        Attack{"HeadThatNeverEnds", "GET / HTTP/1.1|Host: HOST|X: " + huge, "64 KiB", 431}),
    name_of);

Attack chunks(const std::string& name, const std::string& body) {
  return {name, in_chunks + body, "the request's body is malformed"};
}
const std::string longer_than_a_chunks_head(RequestParser::max_chunk_head + 1, 'a');

INSTANTIATE_TEST_SUITE_P(
    Chunks, RefusedBody,
    ::testing::Values(
        chunks("SizeBeyond64Bits", "10000000000000005|hello|0||"),
        chunks("SizeThatWrapsTo5", "100000000000000000000005|hello|0||"),
        chunks("NegativeSize", "-5|hello|0||"), chunks("SizeWithAPlus", "+5|hello|0||"),
        chunks("SizeWith0x", "0x5|hello|0||"), chunks("SpaceBeforeTheSize", " 5|hello|0||"),
        chunks("SpaceBehindTheSize", "5 x|hello|0||"), chunks("NoSize", ";a=b|hello|0||"),
        chunks("BareLineFeedBehindTheSize", "5\nhello|0||"),
        chunks("BareReturnBehindTheSize", "5\rhello|0||"),
        chunks("BareLineFeedBehindTheData", "5|hello\n0||"),
        chunks("BareLineFeedInTheExtension", "5;a\nb|hello|0||"),
        chunks("NoLineEndBehindTheData", "5|hello0|||"), chunks("LessDataThanItsSize", "6|hello|0||"),
        chunks("MoreDataThanItsSize", "4|hello|0||"), chunks("LengthInTheTrailers", "0|Content-Length: 5||"),
        chunks("CodingInTheTrailers", "0|Transfer-Encoding: chunked||"),
        chunks("FoldedTrailer", "0|T: v| w||"), chunks("TrailerWithoutAColon", "0|T||"),
        chunks("SpaceBeforeATrailersColon", "0|T : v||"), chunks("NulInATrailer", "0|T: a\0b||"s),
        chunks("OversizedExtension", "5;" + longer_than_a_chunks_head + "|hello|0||"),
        chunks("OversizedExtensionValue", "5;a=\"" + longer_than_a_chunks_head + "\"|hello|0||"),
        chunks("OversizedTrailer", "0|T: " + longer_than_a_chunks_head + "||"),
        chunks("TooManyTrailers", "0|" + many_fields() + "|")),
    name_of);

/// What passes, and what the origin gets of it, to the byte.
struct Passing {
  std::string name, bytes, got;
};
void PrintTo(const Passing& row, std::ostream* out) { *out << row.name; }
std::string passing_name(const ::testing::TestParamInfo<Passing>& row) { return row.param.name; }

struct PassedRequest : BoundaryTest, ::testing::WithParamInterface<Passing> {};
TEST_P(PassedRequest, IsOneRequestThatNobodyReadsInTwoWays) {
  Session client(*this);
  const std::string next = "GET /next HTTP/1.1|Host: HOST|";
  client.send(wire(GetParam().bytes + next + "Connection: close||", authority()));
  (void)client.read_to_end();
  const auto requests = origin.wait_for_requests(2);
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_EQ(requests[0].head.raw + requests[0].body.bytes + standin::test::to_text(requests[0].body.trailers),
            wire(GetParam().got, authority()));
  EXPECT_EQ(requests[1].head.raw, wire(next + "|", authority()));
  EXPECT_THAT(interceptor.refused(), IsEmpty());
}

Passing target(const std::string& name, const std::string& text) {
  const std::string request = "GET " + text + " HTTP/1.1|Host: HOST||";
  return {name, request, request};
}
const std::string chunked_hello = in_chunks + "hello";

// A credential has no rule of paths or methods, so that no spelling of one gets around it: what the child
// asked for is what the origin is asked for, and what the log has.
INSTANTIATE_TEST_SUITE_P(
    Target, PassedRequest,
    ::testing::Values(target("DotSegments", "/a/../b/./c"), target("EncodedDotSegments", "/a/%2e%2e/%2E/b"),
                      target("DotSegmentWithAParameter", "/a/..;/b"),
                      target("TwoSlashes", "//evil.example/b"), target("Backslash", "/a\\..\\b"),
                      target("EncodedSlash", "/a%2f..%2Fb"), target("EncodedTwice", "/a/%252e%252e/b"),
                      target("EncodedNul", "/a%00b"), target("EncodedLineEnd", "/a%0d%0aX:%20y"),
                      target("Fragment", "/a#@evil.example/"),
                      target("UrlInTheQuery", "/a?b=https://evil.example/"),
                      target("UrlInThePath", "/https://evil.example/"), target("Asterisk", "*"),
                      Passing{"AbsoluteForm", "GET https://HOST/a/../b HTTP/1.1|Host: HOST||",
                              "GET /a/../b HTTP/1.1|Host: HOST||"},
                      Passing{"AbsoluteFormOfTwoSlashes",
                              "GET https://HOST//evil.example HTTP/1.1|Host: HOST||",
                              "GET //evil.example HTTP/1.1|Host: HOST||"}),
    passing_name);

INSTANTIATE_TEST_SUITE_P(
    Framing, PassedRequest,
    ::testing::Values(
        Passing{"ChunkedInCapitals", post + "Transfer-Encoding: CHUNKED||5|hello|0||", chunked_hello},
        Passing{"ChunkedBehindATab", post + "Transfer-Encoding:\tchunked \t||5|hello|0||", chunked_hello},
        Passing{"ChunkExtension", in_chunks + "5;a=b;c=\"d;\\\"\"|hello|0;e||", chunked_hello},
        Passing{"ChunkSizeWithZeros", in_chunks + "0000000000000000000005|hello|000||", chunked_hello},
        Passing{"NoChunkButTheLast", in_chunks + "0||", in_chunks},
        Passing{"TrailersThatRoute", in_chunks + "5|hello|0|Host: evil|T: v|Authorization: x|Cookie: a||",
                chunked_hello + "T: v|"},
        Passing{"RequestInABody", post + "Content-Length: 19||GET / HTTP/1.1||.",
                post + "Content-Length: 19||GET / HTTP/1.1||."},
        Passing{"LengthThatConnectionNames",
                post + "Connection: Content-Length, Host|Content-Length: 5||hello",
                post + "Content-Length: 5||hello"},
        Passing{"CodingThatConnectionNames",
                post + "Connection: Transfer-Encoding|Transfer-Encoding: chunked||5|hello|0||",
                chunked_hello},
        Passing{"NameWithAnUnderscore", post + "Transfer_Encoding: chunked|Content-Length: 5||hello",
                post + "Transfer_Encoding: chunked|Content-Length: 5||hello"}),
    passing_name);

/// What an origin must not answer with.
struct RefusedResponse : BoundaryTest, ::testing::WithParamInterface<Attack> {};
TEST_P(RefusedResponse, IsNotPassedOnAndTheNextIsInStep) {
  origin.on("/attack", [this](const Received&) { return Reply::raw({wire(GetParam().bytes, "evil")}); });
  Session client(*this);
  const Response response = client.get("/attack");
  EXPECT_EQ(response.status, 502U);
  EXPECT_EQ(error_code(response), "upstream_protocol");
  EXPECT_EQ(client.get("/next").body.bytes, "ok");
}

const std::string ok = "HTTP/1.1 200 OK|";
INSTANTIATE_TEST_SUITE_P(
    Heads, RefusedResponse,
    ::testing::Values(Attack{"ClTe", ok + "Content-Length: 5|Transfer-Encoding: chunked||0||", ""},
                      Attack{"TwoLengths", ok + "Content-Length: 5|Content-Length: 6||hello!", ""},
                      Attack{"ListOfLengths", ok + "Content-Length: 5, 5||hello", ""},
                      Attack{"NegativeLength", ok + "Content-Length: -5||hello", ""},
                      Attack{"LengthOfTwoToThe63", ok + "Content-Length: 9223372036854775808||hello", ""},
                      Attack{"Xchunked", ok + "Transfer-Encoding: xchunked||0||", ""},
                      Attack{"TwoCodings", ok + "Transfer-Encoding: gzip, chunked||0||", ""},
                      Attack{"FoldedField", ok + "X: y| z|Content-Length: 0||", ""},
                      Attack{"BareLineFeed", ok + "X: y\nZ: a|Content-Length: 0||", ""},
                      Attack{"BareReturn", ok + "X: y\rZ: a|Content-Length: 0||", ""},
                      Attack{"NulInAField", ok + "X: a\0b|Content-Length: 0||"s, ""},
                      Attack{"SpaceBeforeAColon", ok + "Content-Length : 0||", ""},
                      Attack{"AnotherVersion", "HTTP/3.0 200 OK|Content-Length: 0||", ""},
                      Attack{"NoStatus", "HTTP/1.1 OK|Content-Length: 0||", ""},
                      Attack{"OversizedStatusLine", "HTTP/1.1 200 " + huge + "|Content-Length: 0||", ""},
                      Attack{"OversizedField", ok + "X: " + huge + "|Content-Length: 0||", ""},
                      Attack{"OversizedHead", ok + many_fields() + "Content-Length: 0||", ""},
                      Attack{"SwitchThatNobodyAskedFor",
                             "HTTP/1.1 101 Switching Protocols|Upgrade: h2c|Connection: upgrade||", ""},
                      Attack{"NoHttp", "SSH-2.0-OpenSSH_9.2|", ""}),
    name_of);

}  // namespace
}  // namespace standin::proxy::test
