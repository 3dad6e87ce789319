#include "proxy/client_hello.h"

#include <algorithm>
#include <new>

#include "proxy/ascii.h"

namespace standin::proxy {
namespace {

/// Takes a big-endian number of `width` bytes, and so many bytes after it, off the front.
std::optional<std::string_view> take_vector(std::string_view& from, std::size_t width) {
  if (from.size() < width) return std::nullopt;
  std::size_t length = 0;
  for (const char c : from.substr(0, width)) length = length << 8 | static_cast<unsigned char>(c);
  from.remove_prefix(width);
  if (from.size() < length) return std::nullopt;
  const auto taken = from.substr(0, length);
  from.remove_prefix(length);
  return taken;
}

bool is_host_name(std::string_view name) noexcept {
  constexpr std::size_t longest = 255;
  return !name.empty() && name.size() <= longest && std::ranges::all_of(name, [](char c) {
    return is_alpha(c) || is_digit(c) || c == '-' || c == '.' || c == '_';
  });
}

/// One name of the type host_name, and nothing else: no other type was ever given a meaning, and what a
/// second one means is left to each reader (RFC 6066 3).
std::optional<std::string> parse_server_name(std::string_view extension) {
  constexpr char host_name = 0;
  auto list = take_vector(extension, 2);
  if (!list || !extension.empty() || list->empty() || list->front() != host_name) return std::nullopt;
  list->remove_prefix(1);
  const auto name = take_vector(*list, 2);
  if (!name || !list->empty() || !is_host_name(*name)) return std::nullopt;
  return std::string(*name);
}

}  // namespace

ClientHelloContext::ClientHelloContext() : context_(SSL_CTX_new(TLS_server_method())) {
  if (!context_) throw_openssl_error("set up the reading of TLS");
  SSL_CTX_set_client_hello_cb(context_.get(), ClientHelloReader::on_client_hello, nullptr);
}

ClientHelloReader::ClientHelloReader(const ClientHelloContext& context)
    : ssl_(SSL_new(context.context_.get())) {
  OwnedBio in(BIO_new(BIO_s_mem()));
  OwnedBio out(BIO_new(BIO_s_null()));  // the alert that OpenSSL would send is nobody's
  if (!ssl_ || !in || !out) {
    state_ = State::none;
    ERR_clear_error();
    return;
  }
  BIO_set_mem_eof_return(in.get(), -1);  // its end is only where we are now
  SSL_set_bio(ssl_.get(), in.release(), out.release());
  SSL_set_accept_state(ssl_.get());
}

int ClientHelloReader::on_client_hello(SSL* ssl, int*, void*) {
  auto& reader = *static_cast<ClientHelloReader*>(SSL_get_app_data(ssl));
  const unsigned char* data = nullptr;
  std::size_t size = 0;
  const bool has_name = SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &data, &size) == 1;
  try {
    if (has_name) reader.server_name_ = parse_server_name({reinterpret_cast<const char*>(data), size});
    reader.state_ = State::whole;
    return SSL_CLIENT_HELLO_RETRY;
  } catch (const std::bad_alloc&) {
    return SSL_CLIENT_HELLO_ERROR;  // no exception may pass through OpenSSL
  }
}

ClientHelloReader::State ClientHelloReader::feed(std::string_view bytes) {
  if (state_ != State::more || bytes.empty()) return state_;
  const auto taken = bytes.substr(0, max_bytes - fed_);
  std::size_t written = 0;
  ERR_clear_error();
  if (BIO_write_ex(SSL_get_rbio(ssl_.get()), taken.data(), taken.size(), &written) != 1) {
    ERR_clear_error();
    return state_ = State::none;
  }
  fed_ += written;
  SSL_set_app_data(ssl_.get(), this);  // now: it may have been moved since it was made
  const int result = SSL_do_handshake(ssl_.get());
  const bool waits = result <= 0 && SSL_get_error(ssl_.get(), result) == SSL_ERROR_WANT_READ;
  if (state_ == State::more && (!waits || fed_ == max_bytes)) state_ = State::none;
  ERR_clear_error();
  return state_;
}

}  // namespace standin::proxy
