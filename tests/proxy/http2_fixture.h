#pragma once

#include "tests/h2_peer.h"
#include "tests/proxy/test_boundary.h"

namespace standin::proxy::test {

using standin::test::Fields;
using standin::test::H2Message;
using standin::test::H2Origin;
using standin::test::H2Peer;

inline constexpr std::string_view offers_h2("\x02h2\x08http/1.1", 12);

/// Behind the proxy: an origin of HTTP/1.1 (the fixture's) and one that speaks HTTP/2 alone.
struct Http2Test : BoundaryTest {
  Http2Test() { bind("https://" + http2_origin.authority()); }

  H2Origin http2_origin{{.certificate = pki.make_certificate({"localhost"})}};

  /// A client of HTTP/2 inside an intercepted connection.
  struct H2Session : Outside {
    H2Session(Http2Test& test, std::string to, H2Peer::Settings settings = {})
        : Outside(test), host(std::move(to)), peer(tunnel(test), H2Peer::Role::client, settings) {}
    [[nodiscard]] Fields head(std::string method, std::string path, const Fields& more = {}) const {
      Fields all = {{":method", std::move(method)},
                    {":scheme", "https"},
                    {":authority", host},
                    {":path", std::move(path)}};
      all.insert(all.end(), more.begin(), more.end());
      return all;
    }
    H2Message& get(std::string path, const Fields& more = {}) {
      return peer.await_end(peer.request({head("GET", std::move(path), more), {}, {}}));
    }
    H2Message& post(std::string path, std::string body, const Fields& more = {}) {
      return peer.await_end(peer.request({head("POST", std::move(path), more), std::move(body), {}}));
    }
    standin::test::Stream& tunnel(Http2Test& test) {
      EXPECT_EQ(connect(host, test.userinfo()).status, 200U);
      start_tls("localhost", test.start().authority_pem(), offers_h2);
      EXPECT_EQ(chosen_alpn(), "h2");
      return stream();
    }
    std::string host;
    H2Peer peer;
  };
};

}  // namespace standin::proxy::test
