#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/credential.h"
#include "vault/secret.h"

namespace standin::broker {

/// One entry of the built-in catalogue (broker/catalogue/NAME.json, docs/catalogue.md).
struct Provider {
  std::string name;   // "github"
  std::string title;  // "GitHub"
  std::vector<std::string> origins;
  std::vector<std::string> sites;  // empty: the authentication fields
  std::vector<std::string> variables;
  std::vector<std::string> commands;  // packages and programs that it is for, as globs
  std::vector<Shape> shapes;          // what its tokens look like, most special first
  std::string token_url;              // where to make a narrowly scoped token
  std::string advice;                 // one line: which scope to choose
};

/// All, by name. The data is compiled in and checked by a test; made at the first call.
const std::vector<Provider>& providers();
const Provider* find_provider(std::string_view name);

/// The provider's defaults as a credential named `name`, its commands included and its first shape.
/// `origins` etc. that a flag gave replace them after.
Credential from_provider(std::string_view name, const Provider& provider);

/// The shape of `provider` that the secret has: its prefix (where the shape's has a run of digits, any run of
/// letters and digits), its alphabet, and from a quarter to twice its length. nullopt where it looks like
/// none of them: worth a warning at `add`, no more.
std::optional<Shape> shape_of(const vault::Secret& secret, const Provider& provider);

}  // namespace standin::broker
