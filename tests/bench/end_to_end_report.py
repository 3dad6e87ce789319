"""The table that end_to_end.py prints: how the figures of a measure become a row."""

import statistics

VERSIONS = ["h1", "h2"]
NAMES = {"h1": "HTTP/1.1", "h2": "HTTP/2"}


def middle(pairs, of):
    return statistics.median(of(direct, proxied) for direct, proxied in pairs)


def size(count):
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if count >= unit:
            return f"{count / unit:.3g} {name}"
    return f"{count} bytes"


def title(text, version, versions):
    return text if len(versions) == 1 else f"{text}, {NAMES[version]}"


def line(text, direct="", proxied="", ratio="", p50="", p99="", processor="", memory=""):
    print(f"{text:38} {direct:>12} {proxied:>12} {ratio:>6} {p50:>10} {p99:>10} {processor:>11} {memory:>12}", flush=True)


def heading(versions):
    print(f"{' and '.join(NAMES[v] for v in versions)}: on both sides of the proxy, and direct")
    line("", "direct", "proxied", "ratio", "p50 added", "p99 added", "proxy CPU", "memory")


def skipped(text, why):
    line(text)
    print(f"  skipped: {why}", flush=True)


def added(pairs, quantile):
    return f"{middle(pairs, lambda a, b: b[quantile] - a[quantile]):,.0f} us"


def processor(pairs, key="processor"):
    return f"{middle(pairs, lambda _, b: b[key]):,.0f} us"


def rate(text, pairs):
    """Operations a second; the processor time is of one."""
    line(
        text,
        f"{middle(pairs, lambda a, _: a['rate']):,.0f}/s",
        f"{middle(pairs, lambda _, b: b['rate']):,.0f}/s",
        f"{middle(pairs, lambda a, b: b['rate'] / a['rate']):.2f}",
        added(pairs, "p50"),
        added(pairs, "p99"),
        processor(pairs),
    )


def delays(text, pairs, before="", ratio=True):
    """Medians of a delay; their ratio is direct's over proxied, as that of rates would be."""
    p50 = before + "p50"
    line(
        text,
        f"{middle(pairs, lambda a, _: a[p50]):,.0f} us",
        f"{middle(pairs, lambda _, b: b[p50]):,.0f} us",
        f"{middle(pairs, lambda a, b: a[p50] / b[p50]):.2f}" if ratio else "",
        added(pairs, p50),
        added(pairs, before + "p99"),
        processor(pairs, before + "processor"),
    )


def names(text, pairs):
    delays(text, pairs)
    delays("  the same names again", pairs, "again_")


def events(text, pairs):
    delays(text, pairs, ratio=False)


def transfer(text, pairs):
    """The processor time is of a GiB, the memory what was resident at most over what it was before."""
    line(
        text,
        f"{middle(pairs, lambda a, _: a['rate']):,.0f} MiB/s",
        f"{middle(pairs, lambda _, b: b['rate']):,.0f} MiB/s",
        f"{middle(pairs, lambda a, b: b['rate'] / a['rate']):.2f}",
        processor=f"{middle(pairs, lambda _, b: b['processor']) / 1e6:.2f} s/GiB",
        memory=f"+{max(b['grown'] for _, b in pairs):.1f} MiB",
    )


def tunnels(text, pairs):
    """Memory is the process's proportional share, or what is resident where only root may ask for that."""
    figures = pairs[0][1]
    line(text, memory=f"{figures['grown']:.1f} MiB/1000")
    line("  before them, after warm-up", memory=f"{figures['before']:.1f} MiB")
