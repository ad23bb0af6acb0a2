//! Memory and processor time as Linux tells them: what processes cost, and what the machine has.
//! Elsewhere nothing is told.

use std::{collections::HashMap, fs};

/// Ticks of a second in `/proc`; the same on every Linux.
const TICKS: f64 = 100.0;

/// The most memory that a process ever had, in MiB.
pub(super) fn peak_mib(pid: u32) -> Option<f64> {
    Some(kib(&format!("/proc/{pid}/status"), "VmHWM:")? as f64 / 1024.0)
}

/// All memory.
pub(super) fn memory_bytes() -> Option<u64> {
    Some(kib("/proc/meminfo", "MemTotal:")? << 10)
}

/// Memory that nobody uses, not even to keep pages of files.
pub(super) fn free_bytes() -> Option<u64> {
    Some(kib("/proc/meminfo", "MemFree:")? << 10)
}

/// The KiB on the line of that name.
fn kib(path: &str, name: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

/// Seconds of a processor that a process has used, its threads included.
pub(super) fn cpu_seconds(pid: u32) -> Option<f64> {
    let stat = Stat::read(pid)?;
    Some(stat.own as f64 / TICKS)
}

/// The same of a process's parent and all its children, those that are gone included.
pub(super) fn cpu_seconds_of_family(child: u32) -> Option<f64> {
    let parent = Stat::read(child)?.parent;
    let of_parent = Stat::read(parent)?;
    let mut ticks = of_parent.own + of_parent.gone;
    for stat in all().values().filter(|stat| stat.parent == parent) {
        ticks += stat.own + stat.gone;
    }
    Some(ticks as f64 / TICKS)
}

fn all() -> HashMap<u32, Stat> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid| Some((pid, Stat::read(pid)?)))
        .collect()
}

/// A line of `/proc/…/stat`: see `proc(5)`.
struct Stat {
    parent: u32,
    /// Ticks of its own, and of children that were waited for.
    own: u64,
    gone: u64,
}

impl Stat {
    fn read(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name of the program may hold anything, but no `)` after its own.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks = |at: usize| fields.get(at)?.parse::<u64>().ok();
        Some(Self {
            parent: fields.get(1)?.parse().ok()?,
            own: ticks(11)? + ticks(12)?,
            gone: ticks(13)? + ticks(14)?,
        })
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_a_parent_and_time() {
        let pid = std::process::id();
        assert!(peak_mib(pid).is_some_and(|mib| mib > 1.0));
        assert!(free_bytes().is_some_and(|bytes| bytes > 1 << 20));
        assert!(memory_bytes() > free_bytes());
        assert!(cpu_seconds(pid).is_some());
        assert!(cpu_seconds_of_family(pid) >= cpu_seconds(pid));
    }
}
