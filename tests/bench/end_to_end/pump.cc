#include "tests/bench/end_to_end/pump.h"

namespace standin::bench {

Step Pump::send(TlsSocket& socket, Wire& wire) {
  if (sent_ == out_.size()) {
    out_.clear();
    sent_ = 0;
    wire.fill(out_);
  }
  return socket.write(out_, sent_);
}

Step Pump::run(TlsSocket& socket, Wire& wire) {
  bool readable = true;
  bool writable = true;
  while (true) {
    if (writable) {
      const Step step = send(socket, wire);
      if (step != Step::done && step != Step::again) return step;
      writable = step == Step::done;
    }
    const bool sent_something = writable && !out_.empty();
    if (!readable && !sent_something) return Step::again;
    if (!readable) continue;
    in_.clear();
    const Step step = socket.read(in_);
    if (step == Step::done && !wire.feed(in_)) return Step::failed;
    if (step != Step::done && step != Step::again) return step;
    readable = step == Step::done;
    // Once the socket was full, what comes can't have changed that; epoll tells.
    if (!readable && !writable) return Step::again;
  }
}

}  // namespace standin::bench
