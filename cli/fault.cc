#include "cli/fault.h"

#include <new>

#include "broker/error.h"
#include "cli/error.h"
#include "cli/messages.h"
#include "proxy/error.h"
#include "vault/error.h"

namespace standin::cli {
namespace {

/// A name, an origin, a glob that is not allowed: the arguments are off, whichever room noticed.
bool is_of_arguments(const vault::Error& error) { return error.kind() == vault::Error::Kind::bad_name; }
bool is_of_arguments(const broker::Error& error) {
  using Kind = broker::Error::Kind;
  return error.kind() == Kind::bad_scope || error.kind() == Kind::bad_network ||
         error.kind() == Kind::unknown_provider;
}
bool is_of_arguments(const proxy::Error& error) { return error.kind() == proxy::Error::Kind::bad_origin; }
bool is_of_arguments(const Error& error) { return error.kind() == Error::Kind::usage; }

template <class RoomError>
Fault fault_of(const RoomError& error) {
  return {error.what(), error.hint(),
          is_of_arguments(error) ? Fault::Blame::arguments : Fault::Blame::elsewhere};
}

}  // namespace

Fault current_fault() {
  try {
    throw;
  } catch (const Error& error) {
    return fault_of(error);
  } catch (const vault::Error& error) {
    return fault_of(error);
  } catch (const broker::Error& error) {
    return fault_of(error);
  } catch (const proxy::Error& error) {
    return fault_of(error);
  } catch (const std::bad_alloc&) {
    return {"out of memory", {}};
  } catch (const std::exception& error) {
    return {error.what(), {}};
  }
}

void print_fault(const Fault& fault) { print_error(fault.what, fault.hint); }

}  // namespace standin::cli
