//! `threadline help`.
#![allow(missing_docs, reason = "tests")]

use std::process::{Command, Output};

fn threadline(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_threadline"));
    let output = command.args(arguments).output();
    output.expect("the command starts")
}

#[track_caller]
fn prints(arguments: &[&str]) -> String {
    let output = threadline(arguments);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    assert!(output.stderr.is_empty(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).expect("text")
}

const COMMANDS: [&str; 7] = [
    "run",
    "explore",
    "compile",
    "wast",
    "objdump",
    "retarget",
    "completions",
];

#[test]
fn help_is_a_command_that_lists_the_commands() {
    let help = prints(&["help"]);
    assert_eq!(help, prints(&["--help"]));
    for command in COMMANDS.iter().chain(&["help"]) {
        assert!(
            help.contains(&format!("\n  {command} ")),
            "{command}: {help}"
        );
    }
}

#[test]
fn help_of_a_command_is_what_its_option_prints() {
    for command in COMMANDS {
        let help = prints(&["help", command]);
        assert_eq!(help, prints(&[command, "--help"]));
        assert!(help.contains("Usage: threadline "), "{help}");
    }
}

#[test]
fn help_of_a_command_describes_it_at_length() {
    for (command, part) in [
        ("run", "With --invoke the function is called"),
        ("explore", "The component model leaves open"),
        ("compile", "The file is for this version"),
        ("wast", "Folders are searched"),
        ("objdump", "Each function has a heading"),
        ("retarget", "Reads a core module"),
    ] {
        let help = prints(&["help", command]);
        let (description, _) = help.split_once("\nUsage:").expect("a description");
        assert!(description.contains(part), "{description} lacks {part}");
    }
}

#[test]
fn help_of_what_is_no_command_is_an_error() {
    let output = threadline(&["help", "frobnicate"]);
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(message.contains("frobnicate"), "{message}");
}
