//! What Linux says about a process: processor time and resident memory, from `/proc`.
//!
//! Knows the text of two files; does not know which process is a server.

use std::fs;
use std::io;
use std::time::Duration;

use crate::fault::Fault;

/// `USER_HZ`: the unit of the times in `/proc/<pid>/stat` is 1/100 s on every architecture this can run on.
const TICK: Duration = Duration::from_millis(10);
const KIB: u64 = 1024;

/// User and kernel time of these processes and all their threads, ended ones included.
pub fn cpu_time(pids: &[u32]) -> Result<Duration, Fault> {
    let mut total = Duration::ZERO;
    for pid in pids {
        let path = format!("/proc/{pid}/stat");
        total += parse_stat(&read(&path)?).ok_or_else(|| unreadable(&path))?;
    }
    Ok(total)
}

/// Resident memory of these processes, in bytes.
pub fn resident(pids: &[u32]) -> Result<u64, Fault> {
    let mut total = 0;
    for pid in pids {
        let path = format!("/proc/{pid}/status");
        total += parse_status(&read(&path)?).ok_or_else(|| unreadable(&path))?;
    }
    Ok(total)
}

fn read(path: &str) -> Result<String, Fault> {
    fs::read_to_string(path).map_err(|source| Fault::io(path, source))
}

fn unreadable(path: &str) -> Fault {
    Fault::io(path, io::ErrorKind::InvalidData.into())
}

/// proc(5): the second field is the program's name in parentheses and may hold spaces and parentheses itself;
/// utime and stime are fields 14 and 15.
fn parse_stat(text: &str) -> Option<Duration> {
    let (_, fields) = text.rsplit_once(')')?;
    let mut times = fields.split_ascii_whitespace().skip(11);
    let user: u32 = times.next()?.parse().ok()?;
    let system: u32 = times.next()?.parse().ok()?;
    Some(TICK * user + TICK * system)
}

fn parse_status(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.split_ascii_whitespace().next()?.parse().ok()?;
    Some(kib * KIB)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_name_with_spaces_and_parentheses() {
        let text = "7 (a b) c) S 1 7 7 0 -1 4194304 100 0 0 0 250 75 0 0 20 0 1 0 99 1 1";
        assert_eq!(parse_stat(text), Some(Duration::from_millis(3250)));
        assert_eq!(parse_stat("7 (x) S 1"), None);
    }

    #[test]
    fn resident_memory_in_bytes() {
        let text = "Name:\tnode\nVmHWM:\t  9000 kB\nVmRSS:\t  1234 kB\n";
        assert_eq!(parse_status(text), Some(1234 * 1024));
        assert_eq!(parse_status("Name:\tkthreadd\n"), None);
    }

    #[test]
    fn our_own_time_grows_while_we_work() {
        let own = [std::process::id()];
        let (before, begun) = (cpu_time(&own).unwrap(), Instant::now());
        let mut sum = 0_u64;
        while cpu_time(&own).unwrap() < before + 3 * TICK {
            sum = (0..100_000_u64).fold(sum, |sum, step| std::hint::black_box(sum ^ step));
            assert!(
                begun.elapsed() < Duration::from_secs(30),
                "no time in 30 s of work"
            );
        }
        assert!(resident(&own).unwrap() > 100 * KIB);
    }

    #[test]
    fn a_missing_process_is_a_fault() {
        assert!(cpu_time(&[u32::MAX]).is_err());
    }
}
