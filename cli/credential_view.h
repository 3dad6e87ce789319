#pragma once

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "broker/credential.h"
#include "cli/output.h"
#include "vault/vault.h"

namespace standin::cli {

/// A credential as it is shown: all but its secret.
struct CredentialView {
  broker::Credential credential;
  vault::Entry entry;
  std::optional<std::string> last_use;  // RFC 3339
};

std::vector<std::string> origin_texts(const broker::Credential& credential);
std::vector<std::string> site_texts(const broker::Credential& credential);

/// For a table: the first, and how many more; "-" for none.
std::string shortened(const std::vector<std::string>& texts);

/// For a sentence: "a, b and c", or "a, b, c and 2 more".
std::string listed(const std::vector<std::string>& texts);

/// "ghp_…": how a secret begins. A long number in it is some account's, made up, and is left out.
std::string shape_text(const broker::Shape& shape);
/// "ghp_…, 40 characters"
std::string shape_and_length(const broker::Shape& shape);

/// NAME PROVIDER ORIGINS SITES ENV AGE LAST-USE, a line each.
void print_table(const std::vector<CredentialView>& views, Output& out);
/// What it may be used for.
void print_scope(const broker::Credential& credential, Output& out);
/// Everything.
void print_facts(const CredentialView& view, Output& out);
nlohmann::json to_json(const CredentialView& view);
/// Indented, with bytes that are not UTF-8 replaced.
void print_json(const nlohmann::json& value, Output& out);

}  // namespace standin::cli
