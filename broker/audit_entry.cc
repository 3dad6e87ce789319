// Reading a line's JSON: by events instead of a tree, since a query reads tens of thousands.
#include <nlohmann/json.hpp>

#include "broker/audit_line.h"

namespace standin::broker::audit {

namespace {

using Json = nlohmann::json;

std::string* text_field(AuditEntry& entry, std::string_view name) {
  static constexpr std::pair<std::string_view, std::string AuditEntry::*> fields[] = {
      {"time", &AuditEntry::time}, {"run", &AuditEntry::run},         {"event", &AuditEntry::event},
      {"user", &AuditEntry::user}, {"command", &AuditEntry::command}, {"credential", &AuditEntry::credential},
      {"site", &AuditEntry::site}, {"method", &AuditEntry::method},   {"origin", &AuditEntry::origin},
      {"path", &AuditEntry::path}, {"reason", &AuditEntry::reason},
  };
  for (const auto& [known, member] : fields) {
    if (known == name) return &(entry.*member);
  }
  return nullptr;
}

/// Fills an entry from the parser's events. A member of no known name, and anything nested, is passed over: a
/// later version may add some.
class EntryReader final : public nlohmann::json_sax<Json> {
 public:
  explicit EntryReader(AuditEntry& entry) : entry_(entry) {}

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(std::int64_t) override { return true; }
  bool number_float(double, const std::string&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool number_unsigned(std::uint64_t value) override {
    if (depth_ == 1) set_number(value);
    return true;
  }
  bool string(std::string& value) override {
    if (depth_ != 1) return true;
    if (auto* field = text_field(entry_, name_)) field->assign(value);
    return true;
  }
  bool start_object(std::size_t) override { return enter(); }
  bool key(std::string& name) override {
    if (depth_ == 1) name_.assign(name);
    return true;
  }
  bool end_object() override { return leave(); }
  bool start_array(std::size_t) override { return depth_ > 0 && enter(); }
  bool end_array() override { return leave(); }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override {
    return false;
  }

 private:
  bool enter() { return ++depth_ > 0; }
  bool leave() { return depth_-- > 0; }

  void set_number(std::uint64_t value) {
    if (name_ == "seq") entry_.seq = value;
    if (name_ == "pid") entry_.pid = static_cast<std::int64_t>(value);
    if (name_ == "status") entry_.status = static_cast<unsigned>(value);
    if (name_ == "bytes") entry_.bytes = value;
    if (name_ == "request_bytes") entry_.request_bytes = value;
    if (name_ == "duration_us") entry_.duration_us = value;
    if (name_ == "of") entry_.of = value;
  }

  AuditEntry& entry_;
  std::string name_;
  std::size_t depth_ = 0;
};

void clear(AuditEntry& entry) {
  for (auto* text :
       {&entry.line, &entry.time, &entry.run, &entry.event, &entry.user, &entry.command, &entry.credential,
        &entry.site, &entry.method, &entry.origin, &entry.path, &entry.reason}) {
    text->clear();
  }
  entry.seq = 0;
  entry.pid = 0;
  entry.status.reset();
  for (auto* number : {&entry.bytes, &entry.request_bytes, &entry.duration_us, &entry.of}) number->reset();
}

}  // namespace

bool parse_entry(std::string_view piece, AuditEntry& entry) {
  if (!parse_head(piece)) return false;
  clear(entry);
  EntryReader reader(entry);
  if (!Json::sax_parse(piece, &reader)) return false;
  entry.line.assign(piece);
  return true;
}

}  // namespace standin::broker::audit
