//! What is said of a binary that can't be compiled: always the same.
#![expect(clippy::unwrap_used, reason = "in a test a panic is the failure")]

use rayon::ThreadPoolBuilder;
use threadline_cranelift::{Budget, Compiler, CompilerConfig};
use threadline_environ::{Features, Translation};

/// Compiles a module on so many threads: the error, with what it is about.
fn refusal(wat: &str, threads: usize, budget: u64) -> String {
    let bytes = wat::parse_str(wat).unwrap();
    let compiler = Compiler::new(&CompilerConfig::default()).unwrap();
    let pool = ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap();
    pool.install(|| {
        let translation = Translation::parse(&bytes, Features::default()).unwrap();
        let budget = Budget::new(budget, 0);
        let error = compiler.compile(translation, &budget).err().unwrap();
        format!("{error:#}")
    })
}

/// Functions of which those with these numbers are invalid, each for a reason of its own. The
/// first take longest.
fn with_faults(faults: &[usize]) -> String {
    let functions = (0..24).map(|i| match faults.iter().position(|&fault| fault == i) {
        Some(nth) => format!(
            "(func $f{i} (result i32) i64.const {nth} f{}.abs)",
            [32, 64][nth % 2]
        ),
        None => {
            let body = "(i32.add (local.get 0) (i32.const 77)) drop ".repeat(2 * (24 - i));
            format!("(func $f{i} (param i32) {body})")
        }
    });
    format!("(module {})", functions.collect::<String>())
}

#[test]
fn of_several_faults_the_first_is_reported_however_many_threads_there_are() {
    for faults in [&[3, 7, 11, 13, 23][..], &[20, 21, 22], &[22, 23], &[0, 12]] {
        let wat = with_faults(faults);
        let expected = format!("in function {} (`f{}`)", faults[0], faults[0]);
        for threads in [1, 2, 4] {
            for _ in 0..4 {
                let error = refusal(&wat, threads, u64::MAX);
                assert!(error.starts_with(&expected), "{threads} threads: {error}");
            }
        }
    }
}

#[test]
fn a_binary_beyond_the_budget_is_refused_in_the_same_words_each_time() {
    // Function 20 is invalid, and functions before it are enough for the small budget.
    let wat = with_faults(&[20, 21]);
    for threads in [1, 2, 4] {
        for _ in 0..4 {
            let error = refusal(&wat, threads, 500);
            assert!(error.contains("more than 500 instructions"), "{error}");
            let error = refusal(&wat, threads, 10_000_000);
            assert!(error.contains("in function 20"), "{error}");
        }
    }
}

#[test]
fn a_functions_name_is_cut() {
    let name = "n".repeat(100_000);
    let error = refusal(
        &format!("(module (func ${name} (result i32)))"),
        1,
        u64::MAX,
    );
    assert!(error.len() < 500, "{} bytes", error.len());
}
