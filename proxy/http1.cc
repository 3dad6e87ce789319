#include "proxy/http1.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>

#include "proxy/ascii.h"

namespace standin::proxy {

namespace {

std::string_view to_std(boost::beast::string_view v) noexcept { return {v.data(), v.size()}; }

std::string_view trimmed(std::string_view s) noexcept {
  const auto begin = s.find_first_not_of(" \t");
  if (begin == s.npos) return {};
  return s.substr(begin, s.find_last_not_of(" \t") - begin + 1);
}

/// Calls `each` with the members of a comma-separated list until it returns true.
template <class F>
bool any_member(std::string_view list, F each) {
  while (!list.empty()) {
    const auto comma = std::min(list.find(','), list.size());
    if (each(trimmed(list.substr(0, comma)))) return true;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return false;
}

template <class Names>
bool is_one_of(std::string_view name, const Names& names) noexcept {
  return std::any_of(names.begin(), names.end(), [&](std::string_view n) { return same_name(name, n); });
}

constexpr std::array<std::string_view, 6> connection_fields = {
    "connection", "keep-alive", "proxy-connection", "proxy-authorization", "proxy-authenticate", "upgrade"};

bool is_within(std::string_view part, std::string_view whole) noexcept {
  const std::less_equal<const char*> before;
  return before(whole.data(), part.data()) && before(part.data() + part.size(), whole.data() + whole.size());
}

bool is_digits(std::string_view s) noexcept {
  return !s.empty() && std::all_of(s.begin(), s.end(), is_digit);
}

/// Whether it is more than a reader with a signed count can hold, who would take it for nothing at all.
bool is_beyond_any_body(std::string_view digits) noexcept {
  std::int64_t length = 0;
  return std::from_chars(digits.data(), digits.data() + digits.size(), length).ec != std::errc{};
}

}  // namespace

bool is_for_trailers(std::string_view name) noexcept {
  // Beast refuses those that frame a message; in HTTP/2 they are refused here.
  static constexpr std::array<std::string_view, 10> refused = {
      "host",    "authorization", "cookie",           "set-cookie",     "te",
      "trailer", "expect",        "content-encoding", "content-length", "transfer-encoding"};
  return !is_one_of(name, refused) && !is_one_of(name, connection_fields);
}

void BodyPieces::set_framing(Framing out) noexcept {
  out_ = out;
  framed_.clear();
  end_is_framed_ = false;
}

void BodyPieces::add(std::string_view data) {
  if (data.empty()) return;
  payload_ += data.size();
  if (single_.empty() && joined_.empty()) {
    single_ = data;
    return;
  }
  append(joined_, single_);
  single_ = {};
  append(joined_, data);
}

void BodyPieces::add_trailer(std::string_view name, std::string_view value) {
  trailers_.push_back({std::string(name), WipingBuffer(value.begin(), value.end())});
}

std::string_view BodyPieces::bytes() {
  const std::string_view data = joined_.empty() ? single_ : view(joined_);
  if (out_ != Framing::chunked) return data;
  if (!framed_.empty()) return view(framed_);
  if (!data.empty()) {
    std::array<char, 20> size{};
    char* end = std::to_chars(size.data(), size.data() + size.size(), data.size(), 16).ptr;
    *end++ = '\r';
    *end++ = '\n';
    framed_.reserve(data.size() + size.size() + 8);
    append(framed_, {size.data(), end});
    append(framed_, data);
    append(framed_, "\r\n");
  }
  if (ended_ && !end_is_framed_) {
    append(framed_, "0\r\n");
    for (const Trailer& trailer : trailers_) {  // without chunks there is no place for them
      append(framed_, trailer.name);
      append(framed_, ": ");
      append(framed_, view(trailer.value));
      append(framed_, "\r\n");
    }
    append(framed_, "\r\n");
    end_is_framed_ = true;
  }
  return view(framed_);
}

void BodyPieces::clear() noexcept {
  single_ = {};
  joined_.clear();
  framed_.clear();
}

template <bool is_request>
std::string_view MessageParser<is_request>::parse_head(std::string_view head) {
  fields.reserve(24);
  Error error;
  this->put({head.data(), head.size()}, error);
  if (error == beast_http::error::bad_content_length || error == beast_http::error::multiple_content_length ||
      error == beast_http::error::bad_transfer_encoding) {
    return "a body with no clear length";
  }
  if (error == beast_http::error::bad_version) return "an HTTP version that is not 1.0 or 1.1";
  if (error || !this->is_header_done()) return "not a message head";
  return {};
}

template <bool is_request>
std::string_view MessageParser<is_request>::check_framing() {
  int lengths = 0;
  int codings = 0;
  for (const Field& field : fields) {
    if (same_name(field.name, "content-length")) {
      ++lengths;
      if (!is_digits(field.value)) return "a content-length that is not one number";
      if (is_beyond_any_body(field.value)) return "a content-length that is longer than any body";
    } else if (same_name(field.name, "transfer-encoding")) {
      ++codings;
      if (!same_name(field.value, "chunked")) return "a transfer-encoding other than chunked";
    }
  }
  if (lengths > 1) return "two content-lengths";
  if (codings > 1) return "two transfer-encodings";
  if (lengths + codings > 1) return "both content-length and transfer-encoding";
  if (codings == 1 && version < 11) return "a transfer-encoding in HTTP/1.0";
  return {};
}

template <bool is_request>
Framing MessageParser<is_request>::framing() const {
  if (this->is_done()) return Framing::none;
  if (this->chunked()) return Framing::chunked;
  return this->need_eof() && !is_request ? Framing::until_close : Framing::length;
}

template <bool is_request>
std::optional<std::size_t> MessageParser<is_request>::parse_body(std::string_view bytes, BodyPieces& out) {
  // Beast has gone past what it took before the error, and we have not: going on would read other bytes.
  if (broken_) return std::nullopt;
  out_ = &out;
  body_input_ = bytes;
  this->eager(true);
  std::size_t consumed = 0;
  while (consumed < bytes.size() && !this->is_done()) {
    const std::string_view rest = bytes.substr(consumed);
    // Beast asserts that it is not asked again about a last chunk of fewer than five bytes. Only the first
    // has so few: the others come with the line end of the one before.
    if (this->chunked() && !chunk_seen_ && rest.size() < 5 && rest.starts_with('0')) break;
    Error error;
    const std::size_t n = this->put({rest.data(), rest.size()}, error);
    consumed += n;
    if (error && error != beast_http::error::need_more) broken_ = true;
    if (error || n == 0) break;
  }
  // Only a chunk's head or the trailers make the parser wait with bytes in hand.
  if (!this->is_done() && bytes.size() - consumed >= max_chunk_head) broken_ = true;
  if (broken_) return std::nullopt;
  return consumed;
}

template <bool is_request>
bool MessageParser<is_request>::end_of_input(BodyPieces& out) {
  out_ = &out;
  Error error;
  this->put_eof(error);
  return !error;
}

template <bool is_request>
void MessageParser<is_request>::on_request_impl(beast_http::verb, View m, View t, int v, Error&) {
  method = to_std(m);
  target = to_std(t);
  version = static_cast<unsigned>(v);
}

template <bool is_request>
void MessageParser<is_request>::on_response_impl(int s, View r, int v, Error&) {
  status = static_cast<unsigned>(s);
  reason = to_std(r);
  version = static_cast<unsigned>(v);
}

template <bool is_request>
void MessageParser<is_request>::on_field_impl(beast_http::field, View name, View value, Error& error) {
  const Field field{to_std(name), to_std(value)};
  if (in_head_) {
    fields.push_back(field);
    expects_continue = expects_continue || same_name(field.name, "expect");
  } else if ((trailer_bytes_ += field.name.size() + field.value.size() + 4) > max_chunk_head) {
    error = beast_http::error::header_limit;  // the same where all came at once as where it was waited for
  } else if (!field.value.empty() && !is_within(field.value, body_input_)) {
    error = beast_http::error::bad_field;  // Beast joined folded lines in a buffer of its own
  } else if (is_for_trailers(field.name)) {
    out_->add_trailer(field.name, field.value);
  }
}

template <bool is_request>
std::size_t MessageParser<is_request>::on_body_impl(View body, Error&) {
  out_->add(to_std(body));
  return body.size();
}

template <bool is_request>
void MessageParser<is_request>::on_chunk_header_impl(std::uint64_t, View extensions, Error& error) {
  chunk_seen_ = true;
  if (extensions.size() > max_chunk_head) error = beast_http::error::bad_chunk_extension;
}

template <bool is_request>
std::size_t MessageParser<is_request>::on_chunk_body_impl(std::uint64_t, View body, Error&) {
  out_->add(to_std(body));
  return body.size();
}

template <bool is_request>
void MessageParser<is_request>::on_finish_impl(Error&) {
  if (out_) out_->finish();
}

template class MessageParser<true>;
template class MessageParser<false>;

const Field* find_field(const std::vector<Field>& fields, std::string_view name) noexcept {
  const auto at =
      std::find_if(fields.begin(), fields.end(), [&](const Field& f) { return same_name(f.name, name); });
  return at == fields.end() ? nullptr : &*at;
}

bool has_token(const std::vector<Field>& fields, std::string_view name, std::string_view token) noexcept {
  return std::any_of(fields.begin(), fields.end(), [&](const Field& f) {
    return same_name(f.name, name) &&
           any_member(f.value, [&](std::string_view m) { return same_name(m, token); });
  });
}

HopByHop::HopByHop(const std::vector<Field>& fields) {
  // A client must not be able to have Content-Length or Host taken away by naming it (RFC 9110 7.6.1).
  static constexpr std::array<std::string_view, 7> kept = {
      "content-length", "transfer-encoding", "host", "te", "close", "keep-alive", "upgrade"};
  for (const Field& field : fields) {
    if (!same_name(field.name, "connection")) continue;
    any_member(field.value, [&](std::string_view member) {
      if (!member.empty() && !is_one_of(member, kept)) named_.push_back(member);
      return false;
    });
  }
}

bool HopByHop::covers(const Field& field) const noexcept {
  return is_one_of(field.name, connection_fields) || is_one_of(field.name, named_);
}

}  // namespace standin::proxy
