#include "broker/injector.h"

#include <algorithm>
#include <numeric>

#include "broker/refusals.h"

namespace standin::broker {
namespace {

/// Not Proxy-Authorization: it is hop-by-hop, the proxy's own. Not Cookie: a session is no secret of ours.
constexpr std::array<std::string_view, 27> known_fields = {
    "access-token",
    "api-key",
    "api-token",
    "apikey",
    "authorization",
    "circle-token",
    "dd-api-key",
    "dd-application-key",
    "deploy-token",
    "job-token",
    "ocp-apim-subscription-key",
    "private-token",
    "x-access-token",
    "x-api-key",
    "x-api-token",
    "x-apikey",
    "x-auth-key",
    "x-auth-token",
    "x-figma-token",
    "x-functions-key",
    "x-goog-api-key",
    "x-n8n-api-key",
    "x-rapidapi-key",
    "x-redmine-api-key",
    "x-shopify-access-token",
    "x-vault-token",
    "xi-api-key",
};
static_assert(std::ranges::is_sorted(known_fields));

constexpr std::string_view authorization = "authorization";

constexpr std::size_t length_class(std::string_view name) noexcept {
  return std::min<std::size_t>(name.size(), 32);
}

/// Where a stand-in stands, as a site would name it.
struct Place {
  Site::Kind kind;        // header, basic, query or path
  std::string_view name;  // of the field or the parameter, as sent
  bool authentication;    // a stand-in here is meant to be swapped
};

std::vector<std::string_view> texts_of(std::span<const BoundStandIn> stand_ins) {
  std::vector<std::string_view> texts;
  for (const BoundStandIn& s : stand_ins) texts.push_back(s.stand_in);
  return texts;
}

bool is_authorization(std::string_view name) noexcept { return proxy::same_name(name, authorization); }

/// How `site` lets a secret into `place`, or nullopt where it says nothing of it.
std::optional<Grammar> grammar_at(const Site& site, const Place& place) noexcept {
  const bool names_authorization = site.kind == Site::Kind::authentication_fields ||
                                   (site.kind == Site::Kind::header && is_authorization(site.name));
  switch (place.kind) {
    case Site::Kind::header:
      if (site.kind == Site::Kind::authentication_fields && place.authentication) return Grammar::field;
      if (site.kind == Site::Kind::header && proxy::same_name(site.name, place.name)) return Grammar::field;
      break;
    case Site::Kind::basic:
      if (site.kind == Site::Kind::basic_form) return Grammar::basic_form;
      if (site.kind == Site::Kind::basic || names_authorization) return Grammar::basic;
      break;
    case Site::Kind::query:
      if (site.kind == Site::Kind::query && site.name == place.name) return Grammar::query;
      break;
    case Site::Kind::path:
      if (site.kind == Site::Kind::path) return Grammar::path;
      break;
    default:
      break;
  }
  return std::nullopt;
}

/// The most telling of the credential's sites wins: basic-form over basic, wherever it is listed.
std::optional<Grammar> grammar_at(const Credential& credential, const Place& place) noexcept {
  std::optional<Grammar> best;
  for (const Site& site : credential.sites) {
    const auto grammar = grammar_at(site, place);
    if (grammar && (!best || *grammar > *best)) best = grammar;
  }
  return best;
}

std::string site_of(const Place& place, Grammar grammar) {
  switch (grammar) {
    case Grammar::field:
      return std::string("header:").append(place.name);
    case Grammar::basic:
      return "basic";
    case Grammar::basic_form:
      return "basic-form";
    case Grammar::query:
      return std::string("query:").append(place.name);
    case Grammar::path:
      return "path";
  }
  return {};
}

/// Spelling a field's name in all its cases makes one use, not as many records as a child likes.
bool is_same_site(std::string_view a, std::string_view b) noexcept {
  return a == b || (a.starts_with("header:") && proxy::same_name(a, b));
}

/// The origin's answer is the request, secret and all, to a child that must not see it (RFC 9110 9.3.8).
/// TRACK is what IIS calls it, and servers are not strict about case.
bool is_echoed(std::string_view method) noexcept {
  return proxy::same_name(method, "TRACE") || proxy::same_name(method, "TRACK");
}

/// Whether `sent`, percent-decoded, is `name`.
bool is_parameter(std::string_view sent, std::string_view name) noexcept {
  std::size_t at = 0;
  for (const char c : name) {
    if (at >= sent.size()) return false;
    const auto [byte, length] = percent_decode_at(sent, at);
    if (byte != static_cast<unsigned char>(c)) return false;
    at += length;
  }
  return at == sent.size();
}

}  // namespace

std::span<const std::string_view> authentication_fields() noexcept { return known_fields; }

Injector::Injector(std::span<const BoundStandIn> stand_ins) : recogniser_(texts_of(stand_ins)) {
  for (const std::string_view name : known_fields) fields_.push_back({name, true});
  for (const BoundStandIn& s : stand_ins) {
    credentials_.push_back(s.credential);
    for (const Site& site : s.credential->sites) {
      any_query_ = any_query_ || site.kind == Site::Kind::query;
      any_path_ = any_path_ || site.kind == Site::Kind::path;
      const bool known = std::ranges::any_of(
          fields_, [&](const WatchedField& field) { return proxy::same_name(field.name, site.name); });
      if (site.kind == Site::Kind::header && !known) fields_.push_back({site.name, false});
    }
  }
  std::ranges::sort(fields_, {}, [](const WatchedField& field) { return length_class(field.name); });
  for (const WatchedField& field : fields_) ++first_field_[length_class(field.name) + 1];
  std::partial_sum(first_field_.begin(), first_field_.end(), first_field_.begin());
}

const Injector::WatchedField* Injector::watched(std::string_view name) const noexcept {
  const std::size_t length = length_class(name);
  for (std::uint32_t i = first_field_[length]; i < first_field_[length + 1]; ++i) {
    if (proxy::same_name(fields_[i].name, name)) return &fields_[i];
  }
  return nullptr;
}

/// One request head on its way through judge().
class Injector::Judge {
 public:
  Judge(const Injector& injector, const proxy::Origin& origin) : injector_(injector), origin_(origin) {}

  bool field(std::size_t index, const proxy::Field& field, bool authentication) {
    const std::size_t seen = seen_;
    if (!text(field.value, 0, index, {Site::Kind::header, field.name, authentication})) return false;
    if (seen_ != seen || !is_authorization(field.name)) return true;
    const auto basic = decode_basic(field.value);
    return !basic || text(proxy::view(basic->user_pass), 0, index, {Site::Kind::basic, field.name, true});
  }

  bool path(std::string_view path) { return text(path, 0, Swap::target, {Site::Kind::path, {}, false}); }

  /// `query` begins at target[offset]. Every repetition of a parameter is looked at.
  bool query(std::string_view query, std::size_t offset) {
    for (std::size_t at = 0; at < query.size();) {
      const std::string_view pair = query.substr(at, query.find('&', at) - at);
      const std::size_t equals = pair.find('=');
      if (equals != std::string_view::npos &&
          !parameter(pair.substr(0, equals), pair.substr(equals + 1), offset + at + equals + 1)) {
        return false;
      }
      at += pair.size() + 1;
    }
    return true;
  }

  Judgement verdict(std::string_view method) && {
    if (refused_) return *std::move(refused_);
    if (!found_.uses.empty() && is_echoed(method)) {
      Use& use = found_.uses.front();
      return Refused{std::move(use), echoing_method(injector_.credentials_[use.index]->name, method)};
    }
    return std::move(found_);
  }

 private:
  bool parameter(std::string_view sent_name, std::string_view value, std::size_t offset) {
    auto match = injector_.recogniser_.next(value);
    for (; match; match = injector_.recogniser_.next(value, match->end)) {
      for (const Site& site : injector_.credentials_[match->index]->sites) {
        if (site.kind != Site::Kind::query || !is_parameter(sent_name, site.name)) continue;
        if (!one(*match, offset, Swap::target, {Site::Kind::query, site.name, false})) return false;
        break;
      }
    }
    return true;
  }

  bool text(std::string_view text, std::size_t offset, std::size_t field, const Place& place) {
    auto match = injector_.recogniser_.next(text);
    for (; match; match = injector_.recogniser_.next(text, match->end)) {
      if (!one(*match, offset, field, place)) return false;
    }
    return true;
  }

  /// False where the request is refused.
  bool one(const Recogniser::Match& match, std::size_t offset, std::size_t field, const Place& place) {
    ++seen_;
    const Credential& credential = *injector_.credentials_[match.index];
    const auto grammar = grammar_at(credential, place);
    if (!grammar && !place.authentication) return true;
    std::string site = site_of(place, grammar.value_or(default_grammar(place)));
    if (!credential.is_bound_to(origin_)) {
      refused_ = {{match.index, site}, wrong_origin(credential, site, origin_)};
    } else if (!grammar) {
      refused_ = {{match.index, site}, wrong_site(credential, site)};
    } else {
      const std::size_t use = use_of(match.index, std::move(site));
      found_.swaps.push_back({field, offset + match.begin, offset + match.end, use, *grammar});
    }
    return !refused_;
  }

  static Grammar default_grammar(const Place& place) noexcept {
    return place.kind == Site::Kind::basic ? Grammar::basic : Grammar::field;
  }

  std::size_t use_of(std::size_t index, std::string site) {
    for (std::size_t i = 0; i < found_.uses.size(); ++i) {
      if (found_.uses[i].index == index && is_same_site(found_.uses[i].site, site)) return i;
    }
    found_.uses.push_back({index, std::move(site)});
    return found_.uses.size() - 1;
  }

  const Injector& injector_;
  const proxy::Origin& origin_;
  Found found_;
  std::optional<Refused> refused_;
  std::size_t seen_ = 0;  // stand-ins, swapped or not
};

Judgement Injector::judge(const proxy::Origin& origin, const proxy::RequestHead& head) const {
  Judge judge(*this, origin);
  bool goes_on = true;
  for (std::size_t i = 0; goes_on && i < head.fields.size(); ++i) {
    const WatchedField* field = watched(head.fields[i].name);
    if (field != nullptr) goes_on = judge.field(i, head.fields[i], field->authentication);
  }
  const std::size_t query = std::min(head.target.find('?'), head.target.size());
  if (goes_on && any_path_) goes_on = judge.path(head.target.substr(0, query));
  if (goes_on && any_query_ && query < head.target.size())
    judge.query(head.target.substr(query + 1), query + 1);
  return std::move(judge).verdict(head.method);
}

}  // namespace standin::broker
