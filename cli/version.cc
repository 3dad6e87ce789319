#include "cli/version.h"

#include <nlohmann/json.hpp>

#include "cli/credential_view.h"
#include "cli/exit_status.h"

namespace standin::cli {

int version_command(const PlainArguments& arguments, Output& out) {
  if (arguments.format == Format::text) {
    out.line("standin " STANDIN_VERSION);
    return exit_ok;
  }
  // From the build, since they are linked in: a distribution asks which OpenSSL a binary carries.
  print_json({{"standin", STANDIN_VERSION},
              {"libraries",
               {{"openssl", STANDIN_OPENSSL_VERSION},
                {"libsodium", STANDIN_LIBSODIUM_VERSION},
                {"boost", STANDIN_BOOST_VERSION}}}},
             out);
  return exit_ok;
}

}  // namespace standin::cli
