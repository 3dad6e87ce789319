#include "proxy/openssl_handles.h"

#include <string>

#include "proxy/error.h"

namespace standin::proxy {

void throw_openssl_error(const char* what) {
  const unsigned long code = ERR_get_error();  // the first entry is the cause, the later ones its echoes
  ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  throw Error(Error::Kind::tls, std::string("cannot ") + what + ": " + (reason ? reason : "no reason given"));
}

}  // namespace standin::proxy
