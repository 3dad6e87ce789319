#pragma once

#include <signal.h>
#include <sys/types.h>

// What the launcher does with signals: it holds them back (so that they can be waited for, one by one) and
// passes them on, except those that the terminal has sent to the child already.

namespace standin::cli {

/// Those that can reach a process from outside and be caught, which is all but faults, and SIGCHLD.
const sigset_t& held_signals() noexcept;

/// Blocks held_signals() in this thread, and so in those it starts.
void hold_signals() noexcept;

/// Whether `signal` may be passed on: held_signals() without SIGCHLD.
[[nodiscard]] bool is_passed_on(int signal) noexcept;

/// Sent by the terminal (Ctrl-C, a new window size), which sends to the whole foreground process group: the
/// child is in it and has it already. Told by si_code; a program's signal says SI_USER or SI_QUEUE. A hang-up
/// goes to the session's leader alone; where that is this process, it is to be passed on.
[[nodiscard]] bool is_from_terminal(const siginfo_t& signal) noexcept;

/// Sends `signal` again, to `process`, which must be an unreaped child of the caller (its number can't have
/// gone to another then). A value queued with it goes along.
void pass_on(const siginfo_t& signal, pid_t process) noexcept;

/// Waits for the next of held_signals().
siginfo_t next_signal() noexcept;

}  // namespace standin::cli
