#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "broker/audit_line.h"
#include "broker/audit_query.h"
#include "vault/secret.h"

namespace standin::broker::audit {

/// Verifies a log that it is told line by line, oldest file first: docs/audit-format.md, "Chains". No I/O.
///
///     Chains chains(key, oldest_day);
///     chains.begin_file(path, day);
///     chains.line(text, offset, number);   // ... of every line, newline aside
///     auto result = chains.finish();
class Chains {
 public:
  Chains(const vault::Secret& key, std::string oldest_day) : key_(key), oldest_day_(std::move(oldest_day)) {}

  void begin_file(std::filesystem::path path, std::string day);
  void line(std::string_view text, std::uint64_t offset, std::uint64_t number);
  AuditVerification finish();

 private:
  using Kind = AuditFinding::Kind;

  struct Where {
    std::size_t file = 0;
    std::uint64_t line = 0;
    std::uint64_t offset = 0;
    std::uint64_t end = 0;  // where the next line begins
  };
  /// Seqs that were passed over, from first to last.
  struct Gap {
    std::uint64_t first;
    std::uint64_t last;
    Where noticed;
  };
  struct Run {
    bool authentic = false;  // a record whose mac fits was seen
    bool is_run = false;     // needs a run_ended
    bool ended = false;
    std::uint64_t next = 1;                // the seq that is due
    std::uint64_t damaged_to = 0;          // from `next` to here, damaged records claim the place
    std::array<char, Mac::length> prev{};  // what the due record's `prev` must be, where it is known
    bool prev_known = false;
    Where last;
    std::vector<Gap> gaps;
  };
  struct File {
    std::filesystem::path path;
    std::string day;
    bool damaged = false;
    /// By how many bytes records stand off from where their chain says; and the first such record.
    std::map<std::int64_t, std::pair<Where, const std::string*>> shifts;
  };
  /// A chain says that another's record stood before it.
  struct Reference {
    std::string after;
    std::string run;
    Where where;
  };

  void piece(std::string_view text, const Where& where);
  bool accept_if_authentic(std::string_view text, const Where& where);
  void accept(const Frame& frame, const Where& where);
  void take_place(Run& run, const std::string& id, const Frame& frame, const Where& where);
  void take_late(Run& run, const Frame& frame, const Where& where);
  void check_shift(const Run& run, const std::string& id, const Frame& frame, const Where& where);
  void claim_place(const Head& head);
  std::pair<const std::string, Run>& find_run(std::string_view id);
  [[nodiscard]] bool began_before_log(std::string_view run) const;
  [[nodiscard]] bool is_there(const Reference& reference, std::string& run, std::uint64_t& seq) const;

  void report(Kind kind, const Where& where, std::string_view run, std::uint64_t seq, std::string text);
  void report_runs();
  void report_references();
  void report_shifts();

  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>{}(text);
    }
  };

  const vault::Secret& key_;
  std::string oldest_day_;
  std::vector<File> files_;
  std::unordered_map<std::string, Run, Hash, std::equal_to<>> runs_;
  std::vector<Reference> references_;
  AuditVerification result_;
};

}  // namespace standin::broker::audit
