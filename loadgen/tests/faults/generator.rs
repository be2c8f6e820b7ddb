//! The generator itself is killed, runs out of disk, has its clock stepped, or is interrupted.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use plimsoll_load::embedded::Behaviour;
use plimsoll_reports::run_dir;

use crate::cluster::Cluster;
use crate::run::{Finished, Generator, LONG, SHORT, Target, binary};

const EMBEDDED: [&str; 2] = ["--target", "embedded"];
const AT_MOST: Duration = Duration::from_secs(60);

fn embedded(more: &[&str]) -> Vec<String> {
    EMBEDDED.iter().chain(more).map(|text| (*text).to_owned()).collect()
}

fn start(steps: &str, arguments: &[String]) -> Generator {
    Generator::start(steps, &arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
#[ignore = "needs a real cluster (Go, PostgreSQL): run by .ci/load.sh"]
fn a_killed_generator_leaves_readable_files_and_cleanup_finds_what_it_started() {
    let Some(cluster) = Cluster::plain() else { return };
    let address = ["--address", cluster.address()];
    let mut generator = Generator::start(LONG, &[&address[..], &["--duration", "60s"]].concat());
    generator.seconds_written(5);
    generator.signal("KILL");
    let killed = generator.finish(AT_MOST);

    let run = run_dir::read(&killed.out).unwrap();
    let last = run.resources.rows.last().map_or(0.0, |(seconds, _)| *seconds);
    assert!(last >= 4.5, "five seconds were written, the last that can be read is {last}");
    assert_eq!(killed.manifest().pointer("/verdict/verdict").and_then(serde_json::Value::as_str), Some("incomplete"));

    let open = cluster.open("plimsoll-");
    assert!(open > 0, "nothing is open: the test shows nothing");
    let mut cleanup = binary();
    cleanup.args(["cleanup", "--run"]).arg(&killed.out).args(address);
    let output = cleanup.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(cluster.open("plimsoll-"), 0, "{text}");
}

#[test]
fn ctrl_c_ends_the_sending_waits_for_what_is_open_and_leaves_valid_files() {
    let mut generator = start(SHORT, &embedded(&["--duration", "60s"]));
    generator.seconds_written(3);
    generator.signal("INT");
    let finished = generator.finish(AT_MOST);
    assert_eq!(finished.status.code(), Some(130), "{}", finished.said);
    let counts = finished.holds();
    assert!(counts.offered < 100, "sending went on: {counts:?}");
    finished.says(&["interrupted"]);
}

#[test]
fn a_second_ctrl_c_ends_at_once_and_still_leaves_valid_files() {
    let target = Target::start(Behaviour { close_after: None, ..Behaviour::default() });
    let mut generator =
        Generator::start(SHORT, &[&target.arguments()[..], &["--duration", "60s", "--drain", "50s"]].concat());
    generator.seconds_written(3);
    generator.signal("INT");
    std::thread::sleep(Duration::from_millis(500));
    generator.signal("INT");
    // The drain after one Ctrl-C alone would take 15 s.
    let finished = generator.finish(Duration::from_secs(10));
    assert_eq!(finished.status.code(), Some(130), "{}", finished.said);
    let counts = finished.holds();
    assert!(counts.unfinished > 0 && counts.completed == 0, "open workflows are counted as unfinished: {counts:?}");
    finished.says(&["interrupted"]);
}

#[test]
fn a_full_disk_ends_the_run_and_says_so() {
    let Some(disk) = SmallDisk::mount() else { return };
    let out = disk.0.path().join("run");
    // The files of a run take some kilobytes a second: the disk is filled from outside, as others' files would.
    let folder = tempfile::tempdir().unwrap();
    let arguments = embedded(&["--duration", "60s"]);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut generator = Generator::start_in(folder, out, SHORT, &arguments, |_| {});
    generator.seconds_written(3);
    disk.fill();
    let finished = generator.finish(AT_MOST);
    assert_eq!(finished.status.code(), Some(4), "{}", finished.said);
    assert!(
        finished.said.contains("No space left") || finished.said.to_lowercase().contains("full"),
        "{}",
        finished.said
    );
    readable(&finished);
}

/// What was written before the disk was full can be read; a line that was cut off is noted, not taken.
fn readable(finished: &Finished) {
    let run = run_dir::read(&finished.out).unwrap_or_else(|error| panic!("{error}\n{}", finished.said));
    assert!(run.resources.rows.len() >= 3, "{:?}", run.resources.rows);
}

/// A file system of 512 KiB.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Option<SmallDisk> {
        let folder = tempfile::tempdir().unwrap();
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=512k", "plimsoll-test"]).arg(folder.path()).output();
        match mounted {
            Ok(output) if output.status.success() => Some(SmallDisk(folder)),
            Ok(output) => {
                eprintln!(
                    "not tested, because a small file system cannot be mounted (it takes root): {}",
                    String::from_utf8_lossy(&output.stderr)
                );
                None
            }
            Err(error) => {
                eprintln!("not tested, because there is no mount: {error}");
                None
            }
        }
    }

    fn fill(&self) {
        // Ends with the error that the disk is full.
        let _ = std::fs::write(self.0.path().join("filler"), vec![0; 1024 * 1024]);
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

/// Reads the wall clock an hour early from the third second of the process on: what NTP does to a machine whose clock was wrong.
/// A library in front of the C library's, so that the binary is the real one and no other process's clock changes.
const STEP: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>
#include <sys/time.h>
static int (*next)(clockid_t, struct timespec *);
static struct timespec begin;
__attribute__((constructor)) static void load(void) {
  next = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
  next(CLOCK_MONOTONIC, &begin);
}
int clock_gettime(clockid_t clock, struct timespec *time) {
  if (!next) load();
  int result = next(clock, time);
  if (clock == CLOCK_REALTIME && result == 0) {
    struct timespec now;
    next(CLOCK_MONOTONIC, &now);
    if (now.tv_sec - begin.tv_sec >= 3) time->tv_sec -= 3600;
  }
  return result;
}
"#;

fn stepped_clock(folder: &Path) -> Option<PathBuf> {
    let (source, library) = (folder.join("step.c"), folder.join("step.so"));
    std::fs::write(&source, STEP).unwrap();
    let built = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).arg("-ldl").output();
    match built {
        Ok(output) if output.status.success() => Some(library),
        Ok(output) => {
            eprintln!(
                "not tested, because the clock's library was not built: {}",
                String::from_utf8_lossy(&output.stderr)
            );
            None
        }
        Err(error) => {
            eprintln!("not tested, because there is no C compiler: {error}");
            None
        }
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_clock_that_is_set_back_an_hour_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let Some(library) = stepped_clock(folder.path()) else { return };
    // The library works: `date` twice in one shell is an hour apart the wrong way round.
    let shell = "import time; a = time.time(); time.sleep(3.5); b = time.time(); print(b - a)";
    if let Ok(output) = Command::new("python3").args(["-c", shell]).env("LD_PRELOAD", &library).output() {
        let step: f64 = String::from_utf8_lossy(&output.stdout).trim().parse().unwrap_or(-3_600.0);
        assert!(step < -3_500.0, "the clock was not stepped: {step}");
    }
    let out = folder.path().join("run");
    let arguments = embedded(&["--duration", "8s", "--drain", "20s"]);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let generator = Generator::start_in(folder, out, SHORT, &arguments, |command| {
        command.env("LD_PRELOAD", library);
    });
    let finished = generator.finish(AT_MOST);
    let counts = finished.holds();
    assert_eq!((counts.completed, counts.unsent), (counts.offered, 0), "{counts:?}\n{}", finished.said);
    let run = run_dir::read(&finished.out).unwrap();
    // No time in the files goes back, stands still for long, or jumps by the hour.
    let times: Vec<f64> = run.resources.rows.iter().map(|(seconds, _)| *seconds).collect();
    assert!(times.windows(2).all(|pair| pair[1] > pair[0] && pair[1] - pair[0] < 5.0), "{times:?}");
    assert!(times.len() >= 8 && times.last().is_some_and(|last| *last < 60.0), "{times:?}");
    let longest = run.measured("e2e.response").iter().filter_map(|interval| interval.buckets.quantile(1.0)).max();
    assert!(longest.is_some_and(|nanos| nanos < 30_000_000_000), "a latency of {longest:?} ns");
}
