//! `threadline explore`, and what `run --trace` and `--schedule` do: on two threads that add to the same
//! number, with a race and without.
#![expect(clippy::unwrap_used, reason = "in a test a panic is the failure")]

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

const BANK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bank.wat");

fn threadline(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_threadline"))
        .args(args)
        .output()
        .unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The events of a trace, a line each.
fn events(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    let mut last = 0.0;
    let line = |event: &Value| {
        let time = event["ts"].as_f64().unwrap();
        assert!(time >= last, "time goes on");
        last = time;
        let text = |key: &str| event[key].as_str().unwrap().to_owned();
        let number = |key: &str| event[key].as_u64().unwrap();
        let line = format!(
            "{} {}/{} {}",
            text("ph"),
            number("pid"),
            number("tid"),
            text("name")
        );
        line.trim_end().to_owned()
    };
    file["traceEvents"]
        .as_array()
        .unwrap()
        .iter()
        .map(line)
        .collect()
}

#[test]
fn a_race_is_found_and_shown_again() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("race.json");
    let trace = trace.to_str().unwrap();
    let explored = threadline(&["explore", BANK, "--invoke", "racy()", "--trace", trace]);
    assert_eq!(explored.status.code(), Some(1), "{explored:?}");
    let text = stdout(&explored);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "fifo: 1");
    let (schedule, result) = lines[1].split_once(": ").unwrap();
    assert_eq!(result, "2", "{text}");
    assert_eq!(
        lines[2],
        format!("To see it again: threadline run {BANK} --invoke 'racy()' --schedule {schedule}")
    );
    assert_eq!(lines[3], format!("Its time line: {trace}"));
    // The same seed again gives the same result and the same time line.
    let again = folder.path().join("again.json");
    let run = [
        "run",
        BANK,
        "--invoke",
        "racy()",
        "--schedule",
        schedule,
        "--trace",
        again.to_str().unwrap(),
    ];
    assert_eq!(stdout(&threadline(&run)), "2\n");
    assert_eq!(events(&again), events(Path::new(trace)));
    // And so does all of it.
    let second = threadline(&["explore", BANK, "--invoke", "racy()", "--trace", trace]);
    assert_eq!(stdout(&second), text);
}

#[test]
fn where_there_is_no_race_none_is_found() {
    let args = [
        "explore",
        BANK,
        "--invoke",
        "careful()",
        "--schedules",
        "300",
    ];
    let explored = threadline(&args);
    assert_eq!(explored.status.code(), Some(0), "{explored:?}");
    assert_eq!(
        stdout(&explored),
        "300 schedules, and first come, first served: 2\n"
    );
}

#[test]
fn traps_and_deadlocks_count_as_results() {
    let explored = threadline(&["explore", BANK, "--invoke", "stuck()"]);
    assert_eq!(explored.status.code(), Some(1), "{explored:?}");
    let text = stdout(&explored);
    assert!(text.starts_with("fifo: trap: "), "{text}");
    assert!(text.contains(": 2\nTo see it again: "), "{text}");
}

#[test]
fn a_trace_has_what_happens_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace.json");
    let run = [
        "run",
        BANK,
        "--invoke",
        "racy()",
        "--trace",
        trace.to_str().unwrap(),
    ];
    assert_eq!(stdout(&threadline(&run)), "1\n");
    let expected = [
        "M 1/1 thread_name",
        "b 1/0 task 1",
        "B 1/1 runs",
        "n 1/0 started",
        "i 1/1 new thread",
        "M 1/2 thread_name",
        "i 1/1 new thread",
        "M 1/3 thread_name",
        // The task's thread yields, and both others run until they do.
        "E 1/1",
        "B 1/1 yields",
        "B 1/2 runs",
        "E 1/2",
        "B 1/2 yields",
        "B 1/3 runs",
        "E 1/3",
        "B 1/3 yields",
        "E 1/1",
        "B 1/1 runs",
        "E 1/1",
        "B 1/1 yields",
        // Both end.
        "E 1/2",
        "B 1/2 runs",
        "E 1/2",
        "E 1/3",
        "B 1/3 runs",
        "E 1/3",
        "E 1/1",
        "B 1/1 runs",
        "e 1/0 task 1",
        "E 1/1",
        "M 1/0 process_name",
    ];
    assert_eq!(events(&trace), expected);
}

#[test]
fn what_can_not_be_explored_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let module = folder.path().join("module.wat");
    std::fs::write(&module, "(module (func (export \"f\")))").unwrap();
    let module = module.to_str().unwrap();
    let explored = threadline(&["explore", module, "--invoke", "f()"]);
    assert_eq!(explored.status.code(), Some(1));
    let text = String::from_utf8(explored.stderr).unwrap();
    assert!(text.contains("is a core module"), "{text}");
    let refused = threadline(&["run", BANK, "--invoke", "racy()", "--schedule", "seed=x"]);
    let text = String::from_utf8(refused.stderr).unwrap();
    assert!(text.contains("`seed=N`"), "{text}");
}
