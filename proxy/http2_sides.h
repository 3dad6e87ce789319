#pragma once

#include "proxy/http2_connection.h"
#include "proxy/origin.h"
#include "proxy/sides.h"
#include "proxy/upstream.h"

namespace standin::proxy {

/// A request of HTTP/2: a stream of the child's connection.
class Http2ClientSide final : public ClientSide {
 public:
  Http2ClientSide(std::shared_ptr<Http2Connection> connection, Http2StreamPointer stream);
  ~Http2ClientSide() override;

  /// The request as the interceptor gets it, and as in HTTP/1.1: Host for :authority, one Cookie (RFC 9113
  /// 8.2.3). Its views last as long as this. The refusal where it is none, or not for `origin`.
  std::optional<Refusal> read_head(RequestHead& into, const Origin& origin);

  [[nodiscard]] Protocol protocol() const noexcept override { return Protocol::http2; }
  [[nodiscard]] bool expects_continue() const noexcept override { return expects_continue_; }
  [[nodiscard]] bool takes_interim() const noexcept override { return true; }
  [[nodiscard]] Framing body_framing() const noexcept override { return framing_; }
  [[nodiscard]] std::optional<std::uint64_t> declared_length() const noexcept override { return length_; }
  [[nodiscard]] bool body_is_done() const noexcept override { return body_is_done_; }
  bool take_body(BodyPieces& into) override;
  Task<BodyRead> read_body(BodyPieces& into) override;
  Task<bool> write_interim(const ResponseHead& head) override;
  Framing begin_response(const ResponseHead& head, Framing framing, Reframed reframed) override;
  Task<bool> write_body(BodyPieces& pieces) override;
  Task<void> refuse(const Refusal& refusal) override;
  void finish() override;
  void abort() noexcept override { channel_.reset(NGHTTP2_INTERNAL_ERROR); }
  void watch(OriginSide* origin) noexcept override;
  [[nodiscard]] bool has_left() const noexcept override;
  [[nodiscard]] bool is_aborted() const noexcept override;

 private:
  Http2Stream::Head head_;
  std::string cookie_;
  Http2Channel channel_;
  Framing framing_ = Framing::none;  // of the request
  std::optional<std::uint64_t> length_;
  bool expects_continue_ = false;
  bool body_is_done_ = false;
  std::optional<Http2Block> response_;  // to be sent with the first piece
  bool response_has_body_ = false;
};

/// A stream of a connection to an origin.
class Http2OriginSide final : public OriginSide {
 public:
  Http2OriginSide(std::shared_ptr<Http2Connection> connection, PoolPointer pool);
  ~Http2OriginSide() override;

  [[nodiscard]] bool is_reused() const noexcept override { return reused_; }
  [[nodiscard]] bool is_by_proxy() const noexcept override { return false; }
  Task<bool> write_head(const RequestHead& head, Framing framing, Reframed reframed,
                        BodyPieces& first) override;
  Task<bool> write_body(BodyPieces& pieces) override;
  Task<Answer> read_head(ResponseHead& into) override;
  [[nodiscard]] Framing body_framing() const noexcept override { return framing_; }
  bool take_body(BodyPieces& into) override;
  Task<BodyRead> read_body(BodyPieces& into) override;
  void abort() noexcept override;
  void finish(bool request_is_whole) override;

 private:
  std::shared_ptr<Http2Connection> connection_;
  PoolPointer pool_;
  const bool reused_;
  bool is_head_request_ = false;
  WipingBuffer first_;  // of a body that goes on
  std::optional<Http2Channel> channel_;
  Http2Block head_;
  Framing framing_ = Framing::none;  // of the response
  bool began_ = false;
};

}  // namespace standin::proxy
