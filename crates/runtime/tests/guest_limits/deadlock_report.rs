//! The report of a deadlock, and backtraces: however much a guest has, and however long its names are.

use super::guest::{Names, SHORT, call, crowd, instance};
use std::time::{Duration, Instant};
use threadline::component::Deadlock;
use threadline::{Engine, Store, WasmBacktrace};

/// The bytes of a name.
const LONG: usize = 90_000;

fn failure(names: Names<'_>, export: &str, n: u32, m: u32) -> anyhow::Error {
    let mut store = Store::new(&Engine::default(), ());
    let instance = instance(&mut store, &crowd(names));
    call(&mut store, &instance, export, n, m).unwrap_err()
}

fn deadlock(names: Names<'_>, export: &str, n: u32, m: u32) -> Deadlock {
    failure(names, export, n, m).downcast().unwrap()
}

#[test]
fn a_report_of_many_threads_and_waitables_is_short() {
    let deadlock = deadlock(SHORT, "wait", 600, 600);
    assert_eq!(deadlock.threads().len(), 256);
    assert_eq!(deadlock.more_threads(), 601 - 256);
    let text = deadlock.to_string();
    assert!(text.len() < 200_000, "{} bytes", text.len());
    assert!(text.ends_with("\n  ... and 345 more threads"), "{text}");
    assert!(text.contains("... and 568 more\n"), "{text}");
}

#[test]
fn a_report_of_few_is_complete() {
    let deadlock = deadlock(SHORT, "wait", 5, 20);
    assert_eq!((deadlock.threads().len(), deadlock.more_threads()), (6, 0));
    let text = deadlock.to_string();
    assert!(!text.contains("more"), "{text}");
    assert_eq!(text.matches("readable end of a future").count(), 5 * 20);
}

#[test]
fn a_report_takes_time_in_proportion() {
    // One search of 8,000 for each of 3,000 would be a minute, unoptimized.
    let start = Instant::now();
    let deadlock = deadlock(SHORT, "sets", 3_000, 4_000);
    assert!(start.elapsed() < Duration::from_secs(20));
    assert_eq!(deadlock.more_threads(), 3_001 - 256);
}

#[test]
fn frames_are_shown_of_the_first_threads() {
    let deadlock = deadlock(SHORT, "deep", 300, 60);
    let frames = deadlock.threads().iter().filter_map(|it| it.backtrace());
    let frames: usize = frames.map(|it| it.frames().len()).sum();
    assert!((1024..1024 + 64).contains(&frames), "{frames}");
}

#[test]
fn long_names_are_cut_in_a_report() {
    let long = "f".repeat(LONG);
    let export = "e".repeat(90_000);
    let names = [
        (
            Names {
                func: &long,
                ..SHORT
            },
            "deep",
        ),
        (
            Names {
                module: &long,
                ..SHORT
            },
            "deep",
        ),
        (
            Names {
                export: &export,
                ..SHORT
            },
            &*export,
        ),
    ];
    for (names, export) in names {
        let deadlock = deadlock(names, export, 300, 50);
        let text = deadlock.to_string();
        assert!(text.len() < 1_500_000, "{} bytes", text.len());
        assert!(text.contains('…'));
    }
}

#[test]
fn long_names_are_cut_in_a_backtrace() {
    let long = "t".repeat(LONG);
    for names in [
        Names {
            func: &long,
            ..SHORT
        },
        Names {
            module: &long,
            ..SHORT
        },
    ] {
        let error = failure(names, "trap", 0, 100);
        let text = format!("{error:?}");
        assert!(text.len() < 100_000, "{} bytes", text.len());
        let backtrace = error.downcast_ref::<WasmBacktrace>().unwrap();
        assert_eq!(backtrace.frames().len(), 64);
        for frame in backtrace.frames() {
            assert!(frame.func_name().unwrap().len() < 300);
            assert!(frame.module_name().unwrap().len() < 300);
        }
    }
}

#[test]
fn a_short_name_is_whole() {
    let error = failure(SHORT, "trap", 0, 3);
    let backtrace = error.downcast_ref::<WasmBacktrace>().unwrap();
    assert_eq!(backtrace.frames()[0].func_name(), Some("deep.traps"));
    assert_eq!(backtrace.frames()[0].module_name(), Some("crowd"));
}

#[test]
fn a_name_may_have_megabytes() {
    let long = "n".repeat(1 << 20);
    let names = Names {
        func: &long,
        ..SHORT
    };
    let error = failure(names, "trap", 0, 100);
    let text = format!("{error:?}");
    assert!(text.len() < 100_000, "{} bytes", text.len());
    assert!(text.contains("nnn…"), "{text}");
}
