// Whatever stands in the log: the verifier and the reader take it, nothing without a mac that fits is a
// record, and whatever a request holds, the line written of it is read back.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>

#include "broker/audit_chains.h"
#include "broker/audit_line.h"

namespace {

using namespace standin;
using namespace standin::broker;

void require(bool holds) {
  if (!holds) std::abort();
}

/// The key of the example in docs/audit-format.md, with which the corpus begins.
vault::Secret example_key() {
  vault::Secret key(32);
  key.fill([](std::span<std::byte> bytes) {
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i);
  });
  return key;
}

/// The bytes as a log of many lines.
void verify(std::string_view log, const vault::Secret& key) {
  audit::Chains chains(key, "2026-03-01");
  chains.begin_file("2026-03-01.jsonl", "2026-03-01");
  const bool empty = log.empty();
  std::uint64_t offset = 0;
  for (std::uint64_t number = 1; offset < log.size(); ++number) {
    const auto line = log.substr(offset, log.find('\n', offset) - offset);
    chains.line(line, offset, number);
    offset += line.size() + 1;
  }
  const auto result = chains.finish();
  require(empty || result.records > 0 || !result.intact());
}

/// The bytes as what others said: in every text of a record, and it comes back as a line that verifies.
void write(std::string_view text, const vault::Secret& key) {
  static const std::string run = "69a403a0c0ffee01";
  AuditRecord record;
  record.event = "use";
  record.command = record.credential = record.site = record.method = record.origin = record.path =
      record.reason = text;
  const auto prev = audit::Mac::of_chain(key, run);
  std::string written;
  const auto identity = audit::identity_fields(text, 1);
  audit::write_line(key, record, {audit::format_time({}), run, 1, identity, {}, {}, prev.text()}, written);
  std::string_view line = written;
  require(line.find('\n') == line.size() - 1);
  line.remove_suffix(1);
  const auto frame = audit::parse_frame(line);
  require(frame && audit::Mac::of_record(key, frame->signed_part).fits(frame->mac));
  require(line.find(audit::record_start, 1) == std::string_view::npos);
  AuditEntry entry;
  require(audit::parse_entry(line, entry) && entry.path == entry.command &&
          entry.path.empty() == text.empty());
}

/// The bytes as one line to be read: its pieces are the line.
void read(std::string_view line) {
  AuditEntry entry;
  std::string joined;
  for (auto rest = line; !rest.empty();) {
    const auto piece = audit::take_piece(rest);
    joined += piece;
    if (audit::parse_entry(piece, entry)) require(audit::parse_frame(piece) && entry.line == piece);
  }
  require(joined == line);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto key = example_key();
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  verify(bytes, key);
  write(bytes, key);
  read(bytes);
  return 0;
}
