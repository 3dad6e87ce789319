#include <stdlib.h>

#include <cstdio>
#include <fstream>

#include "tests/h2_peer.h"
#include "tests/proxy/test_boundary.h"
#include "tests/temporary_folder.h"

namespace standin::proxy::test {
namespace {

using standin::test::H2Origin;
using standin::test::H2Peer;
using testing::ElementsAre;
using testing::HasSubstr;

/// Clients as they are installed, told by the environment alone where the proxy is and whom to trust.
struct Http2Clients : BoundaryTest {
  Http2Clients() {
    bind("https://" + http2_origin.authority());
    bind("http://" + plain.authority());
    for (H2Origin* each : {&http2_origin, &plain}) {
      each->on_whole = [](H2Peer& peer, std::int32_t id) {
        const auto& seen = peer.message(id);
        peer.respond(id, {{{":status", "200"}},
                          seen.field("authorization") + "|" + std::to_string(seen.body.size()),
                          {{"x-trailer", "1"}}});
      };
    }
    origin.on_any([](const Received& r) { return Reply::body(200, *r.field("authorization")); });
  }

  /// What it prints, on both channels.
  std::string run(const std::string& command) {
    const auto roots = folder.path() / "authority.pem";
    std::ofstream(roots) << start().authority_pem();
    const std::string line = "https_proxy=" + proxy->url() + " http_proxy=" + proxy->url() +
                             " no_proxy= CURL_CA_BUNDLE=" + roots.string() +
                             " NODE_EXTRA_CA_CERTS=" + roots.string() + " " + command + " 2>&1";
    std::string out;
    FILE* pipe = ::popen(line.c_str(), "re");
    for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) out.push_back(static_cast<char>(c));
    EXPECT_EQ(::pclose(pipe), 0) << command << "\n" << out;
    return out;
  }

  standin::test::TemporaryFolder folder;
  H2Origin http2_origin{{.certificate = pki.make_certificate({"localhost"})}};
  H2Origin plain{{}};
  const std::string curl = "curl -sS --noproxy '' -H 'Authorization: " + std::string(stand_in) +
                           "' -w '|%{http_version}|%{http_code}' ";
};

TEST_F(Http2Clients, CurlSpeaksIt) {
  EXPECT_EQ(run(curl + "https://" + http2_origin.authority() + "/"), std::string(secret) + "|0|2|200");
  EXPECT_EQ(run(curl + "https://" + authority() + "/"), std::string(secret) + "|2|200");
  EXPECT_EQ(run(curl + "--http1.1 https://" + http2_origin.authority() + "/"),
            std::string(secret) + "|0|1.1|200");
}

TEST_F(Http2Clients, CurlSpeaksItWithoutTls) {
  EXPECT_EQ(run(curl + "-p --http2-prior-knowledge http://" + plain.authority() + "/"),
            std::string(secret) + "|0|2|200");
}

TEST_F(Http2Clients, CurlUploadsInIt) {
  const auto file = folder.path() / "body";
  std::ofstream(file) << std::string(3 << 20, 'u');
  EXPECT_EQ(run(curl + "-T " + file.string() + " https://" + http2_origin.authority() + "/"),
            std::string(secret) + "|3145728|2|200");
}

TEST_F(Http2Clients, NodeMultiplexesIt) {
  const auto script = folder.path() / "many.mjs";
  std::ofstream(script) << R"(
import http2 from "node:http2";
import http from "node:http";
import tls from "node:tls";
const proxy = new URL(process.env.https_proxy);
const target = process.argv[2];
const asked = http.request({ host: proxy.hostname, port: proxy.port, method: "CONNECT", path: target,
  headers: { "proxy-authorization": "Basic " + btoa(proxy.username + ":" + proxy.password) } });
asked.on("connect", (_, socket) => {
  const session = http2.connect("https://" + target, {
    createConnection: () => tls.connect({ socket, servername: "localhost", ALPNProtocols: ["h2"] }) });
  let left = 20;
  for (let i = 0; i < 20; ++i) {
    const stream = session.request({ ":path": "/" + i, ":method": "POST", authorization: process.argv[3] });
    let body = "", trailer;
    stream.setEncoding("utf8");
    stream.on("data", (piece) => (body += piece));
    stream.on("trailers", (t) => (trailer = t["x-trailer"]));
    stream.on("end", () => {
      if (body !== process.argv[4] + "|1000" || trailer !== "1") throw new Error(body + " " + trailer);
      if (--left === 0) { console.log("all"); session.close(); }
    });
    stream.end("x".repeat(1000));
  }
});
asked.end();
)";
  EXPECT_EQ(run("node " + script.string() + " " + http2_origin.authority() + " " + std::string(stand_in) +
                " '" + std::string(secret) + "'"),
            "all\n");
  EXPECT_EQ(http2_origin.connections(), 1U);
}

}  // namespace
}  // namespace standin::proxy::test
