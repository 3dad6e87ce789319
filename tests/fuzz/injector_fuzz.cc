// A request head of any bytes: the first line of the input is the target, the others are fields ("Name:
// value"). Whatever it says, the injector must lend no secret that is not among the uses it named, must
// refuse with the head as it was, and must change only the places of its swaps.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "broker/injector.h"
#include "broker/redaction.h"

namespace {

using namespace standin;
using broker::Site;

void require(bool claim) {
  if (!claim) std::abort();
}

/// Three credentials, of which the third belongs elsewhere, with stand-ins short enough to be guessed.
class Run {
 public:
  Run() {
    credential("a", "api.example.com", {Site{}, {Site::Kind::query, "key"}, {Site::Kind::path, {}}},
               "standin_a", "A/.. &%\xff");
    credential("b", "*.example.com", {{Site::Kind::header, "X-Note"}, {Site::Kind::basic_form, {}}},
               "1:standin_b", "B\r\nX: standin_a");
    credential("c", "other.example", {{Site::Kind::query, "key"}, {Site::Kind::basic, {}}}, "standin_c", "C");
    injector_.emplace(bound_);
  }
  [[nodiscard]] const broker::Injector& injector() const { return *injector_; }
  [[nodiscard]] const vault::Secret& secret(std::size_t index) const { return secrets_[index]; }

 private:
  void credential(std::string name, std::string_view origin, std::vector<Site> sites, std::string stand_in,
                  std::string_view secret) {
    auto& made = credentials_.emplace_back();
    made.name = std::move(name);
    made.origins = {proxy::OriginPattern::parse(origin)};
    made.sites = std::move(sites);
    bound_.push_back({&made, stand_ins_.emplace_back(std::move(stand_in))});
    secrets_.push_back(vault::Secret::copy_of(std::as_bytes(std::span(secret))));
  }

  std::deque<broker::Credential> credentials_;
  std::deque<std::string> stand_ins_;
  std::deque<vault::Secret> secrets_;
  std::vector<broker::BoundStandIn> bound_;
  std::optional<broker::Injector> injector_;
};

proxy::RequestHead parse(std::string_view input) {
  proxy::RequestHead head;
  head.method = "GET";
  std::size_t at = std::min(input.find('\n'), input.size());
  head.target = input.substr(0, at);
  while (at < input.size()) {
    const std::size_t end = std::min(input.find('\n', at + 1), input.size());
    const std::string_view line = input.substr(at + 1, end - at - 1);
    const std::size_t colon = std::min(line.find(": "), line.size());
    head.fields.push_back({line.substr(0, colon), line.substr(std::min(colon + 2, line.size()))});
    at = end;
  }
  return head;
}

bool is_swapped(const broker::Found& found, std::size_t field) {
  for (const auto& swap : found.swaps) {
    if (swap.field == field) return true;
  }
  return false;
}

void check(const Run& run, proxy::RequestHead head, const broker::Found& found) {
  const proxy::RequestHead before = head;
  const auto refused = run.injector().inject(head, found, [&](std::size_t index) -> const vault::Secret& {
    bool named = false;
    for (const auto& use : found.uses) named = named || use.index == index;
    require(named && index != 2);
    return run.secret(index);
  });
  require(head.method == before.method && head.fields.size() == before.fields.size());
  const auto may_change = [&](std::size_t place) { return !refused && is_swapped(found, place); };
  require(may_change(broker::Swap::target) || head.target == before.target);
  for (std::size_t i = 0; i < head.fields.size(); ++i) {
    require(head.fields[i].name == before.fields[i].name);
    require(may_change(i) || head.fields[i].value == before.fields[i].value);
    if (!may_change(i)) continue;
    // A secret with a line break never gets into a field.
    require(head.fields[i].value.find("B\r\n") == std::string_view::npos);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Run run;
  static const auto origin = proxy::Origin::from_authority(proxy::Scheme::https, "api.example.com").value();
  const auto head = parse({reinterpret_cast<const char*>(data), size});
  const auto judgement = run.injector().judge(origin, head);
  if (const auto* refused = std::get_if<broker::Refused>(&judgement)) {
    require(refused->refusal.status == 403);
    require(refused->refusal.message.find("standin_") == std::string::npos);
    return 0;
  }
  check(run, head, std::get<broker::Found>(judgement));
  return 0;
}
