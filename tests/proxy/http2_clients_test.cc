#include <stdlib.h>

#include <cstdio>
#include <fstream>

#include "tests/h2_peer.h"
#include "tests/proxy/http2_programs.h"
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

  static std::size_t count(std::string_view text, std::string_view of) {
    std::size_t found = 0;
    for (std::size_t at = text.find(of); at != text.npos; at = text.find(of, at + 1)) ++found;
    return found;
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

TEST_F(Http2Clients, CurlAsksForManyAtOnce) {
  const std::string said =
      run(curl + "--http2 -Z --parallel-max 50 'https://" + http2_origin.authority() + "/[1-50]'");
  EXPECT_EQ(count(said, std::string(secret) + "|0"), 50U);
  EXPECT_EQ(count(said, "|2|200"), 50U);
  EXPECT_EQ(http2_origin.connections(), 1U);
}

/// nghttp2's own clients, which know of no proxy: by a tunnel to the origin that is made for them.
struct Http2Nghttp : Http2Clients {
  TunnelDoor door{start().port(), userinfo(), http2_origin.authority()};
  const std::string token = " -H 'Authorization: " + std::string(stand_in) + "' ";
  const std::string body = (folder.path() / "body").string();
  const std::string nghttp = "nghttp -H ':authority: " + http2_origin.authority() + "'" + token;
  Http2Nghttp() { std::ofstream(body) << std::string(1 << 20, 'b'); }
};

TEST_F(Http2Nghttp, NghttpGetsPostsAndSendsTrailers) {
  const std::string url = " https://" + door.authority() + "/";
  EXPECT_THAT(run(nghttp + url), HasSubstr(std::string(secret) + "|0"));
  const std::string posted = run(nghttp + "-v --trailer 'x-sent: yes' -d " + body + url);
  EXPECT_THAT(posted, HasSubstr(std::string(secret) + "|1048576"));
  EXPECT_THAT(posted, HasSubstr("x-trailer"));
  EXPECT_EQ(http2_origin.last().trailer("x-sent"), "yes");
  EXPECT_EQ(count(run(nghttp + "-m 50" + url), std::string(secret) + "|0"), 50U);
}

TEST_F(Http2Nghttp, NghttpPadsAndContinues) {
  const std::string url = " https://" + door.authority() + "/";
  EXPECT_THAT(run(nghttp + "-b 200 --continuation -d " + body + url),
              HasSubstr(std::string(secret) + "|1048576"));
}

TEST_F(Http2Nghttp, H2loadIsServedOnManyConnectionsAtOnce) {
  const std::string said = run("h2load -n 1000 -c 5 -m 30 --connect-to=" + door.authority() + token +
                               "https://" + http2_origin.authority() + "/");
  EXPECT_THAT(said, HasSubstr("1000 succeeded, 0 failed, 0 errored"));
  EXPECT_THAT(said, HasSubstr("1000 2xx"));
  EXPECT_EQ(http2_origin.last().field("authorization"), secret);
}

TEST_F(Http2Clients, PythonsH2SpeaksIt) {
  const auto script = folder.path() / "client.py";
  std::ofstream(script) << R"(
import base64, os, socket, ssl, sys, urllib.parse
import h2.connection, h2.events

proxy, (target, token, expected) = urllib.parse.urlsplit(os.environ["https_proxy"]), sys.argv[1:]
sock = socket.create_connection((proxy.hostname, proxy.port))
password = base64.b64encode(f"{proxy.username}:{proxy.password}".encode()).decode()
sock.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\nProxy-Authorization: Basic {password}\r\n\r\n".encode())
while b"\r\n\r\n" not in sock.recv(65536):
    pass
context = ssl.create_default_context(cafile=os.environ["CURL_CA_BUNDLE"])
context.set_alpn_protocols(["h2"])
tls = context.wrap_socket(sock, server_hostname="localhost")
connection = h2.connection.H2Connection()
connection.initiate_connection()
left, got, trailers = {}, {}, 0
for i in range(30):
    stream = connection.get_next_available_stream_id()
    connection.send_headers(stream, [(":method", "POST"), (":scheme", "https"), (":authority", target),
                                     (":path", f"/{i}"), ("authorization", token)])
    left[stream], got[stream] = 1 << 20 if i == 0 else 1000, b""
done = 0
while done < 30:
    for stream in list(left):
        while left[stream] and (room := min(connection.local_flow_control_window(stream), 16384, left[stream])) > 0:
            connection.send_data(stream, b"x" * room)
            left[stream] -= room
        if not left[stream]:
            connection.end_stream(stream)
            del left[stream]
    tls.sendall(connection.data_to_send())
    for event in connection.receive_data(tls.recv(65536)):
        if isinstance(event, h2.events.DataReceived): got[event.stream_id] += event.data
        if isinstance(event, h2.events.TrailersReceived): trailers += (b"x-trailer", b"1") in [
            (k.encode() if isinstance(k, str) else k, v.encode() if isinstance(v, str) else v) for k, v in event.headers]
        if isinstance(event, h2.events.StreamEnded): done += 1
assert trailers == 30, trailers
assert sorted(got.values()) == sorted([f"{expected}|1000".encode()] * 29 + [f"{expected}|1048576".encode()]), got
print("all")
)";
  EXPECT_EQ(run("/usr/bin/python3 " + script.string() + " " + http2_origin.authority() + " " +
                std::string(stand_in) + " '" + std::string(secret) + "'"),
            "all\n");
  EXPECT_EQ(http2_origin.connections(), 1U);
}

}  // namespace
}  // namespace standin::proxy::test
